"""Raw records of the imaging formats.

This is the whole allow-list (in the spirit of DICOM PS3.15's basic profile): what is not named here never leaves
the reader. Free text (series description, protocol) stays in the reader, which derives sequence_type, contrast,
species and is_derived from it, because descriptions may hold names.
"""

import pyarrow as pa

from ingestion.format import RawColumn, RawSchema

_TIMESTAMP = pa.timestamp("us", tz="UTC")

_SERIES = (
    RawColumn("patient_id", role="identifier"),
    RawColumn("study_uid", role="uid"),
    RawColumn("series_uid", role="uid"),
    RawColumn("modality"),
    RawColumn("manufacturer"),
    RawColumn("sequence_type"),
    RawColumn("contrast", pa.bool_()),
    RawColumn("species"),
    RawColumn("is_derived", pa.bool_()),
    # When the patient was observed, and the end of what the file says about when the object existed: the end of
    # the day for a bare date, the later date for an object that was made from images afterwards.
    RawColumn("observed_time", _TIMESTAMP),
    RawColumn("available_time", _TIMESTAMP),
)

DICOM_INSTANCE = RawSchema(
    "dicom_instance",
    (
        *_SERIES,
        RawColumn("instance_uid", role="uid"),
        # Decimal strings as the header writes them; units are those of the tag.
        RawColumn("field_strength"),
        RawColumn("echo_time"),
        RawColumn("repetition_time"),
        RawColumn("slice_thickness"),
        RawColumn("pixel_spacing"),
    ),
)
"""One record a DICOM file."""

IDC_SERIES = RawSchema(
    "idc_series",
    (*_SERIES, RawColumn("collection_id"), RawColumn("n_instances", pa.int64())),
)
"""One record a row of an IDC index: a series. The index holds no acquisition parameters."""

_MEASURE = (
    # Tells regions apart that bear the same name; a UID, or what else names the region within its site.
    RawColumn("region_uid", role="uid"),
    RawColumn("region"),
    RawColumn("measure"),
    RawColumn("measure_code"),
    # A number as the file writes it.
    RawColumn("value"),
    RawColumn("unit"),
    RawColumn("qualifier"),
    RawColumn("algorithm"),
)

SR_REPORT = RawSchema(
    "sr_report",
    (
        *DICOM_INSTANCE.columns,
        RawColumn("is_report", pa.bool_()),
        RawColumn("measured_series_uid", role="uid"),
        # The end of what the file says about when its content was written (ContentDate, ContentTime).
        RawColumn("reported_time", _TIMESTAMP),
        *_MEASURE,
    ),
)
"""One record for the report itself (is_report), a DICOM object like others; then one for each measurement in it."""

RADIOMICS_MEASURE = RawSchema(
    "radiomics_measure",
    (
        RawColumn("patient_id", role="identifier"),
        RawColumn("series_uid", role="uid"),
        RawColumn("observed_time", _TIMESTAMP),
        RawColumn("available_time", _TIMESTAMP),
        *_MEASURE,
    ),
)
"""One record for each feature of each row."""
