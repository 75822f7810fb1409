"""What was scanned, when, and how."""

from infra.checks import Between, Matches, NotNull, OneOf
from infra.table import Column, Table
from infra.tables.clinical import PATIENT_ID

UID_PATTERN = r"2\.25\.[0-9]{1,39}"
SEQUENCE_TYPES = ("T1", "T1GD", "T2", "FLAIR", "DWI", "DSC", "OTHER")

_STUDY_UID = Column(
    "study_uid", "string", "Pseudonym of the DICOM study, as a 2.25 UID.", checks=(NotNull(), Matches(UID_PATTERN))
)
_SERIES_UID = Column(
    "series_uid", "string", "Pseudonym of the DICOM series, as a 2.25 UID.", checks=(NotNull(), Matches(UID_PATTERN))
)
_ACQUISITION = (
    Column("modality", "string", "DICOM Modality (MR, CT, PT, SEG ...).", checks=(NotNull(), Matches("[A-Z]{2,16}"))),
    Column(
        "sequence_type",
        "string",
        "Kind of MR sequence, derived from the acquisition tags and the description; null unless MR.",
        checks=(OneOf(SEQUENCE_TYPES), NotNull("warning", where="modality = 'MR'")),
    ),
    Column("contrast", "boolean", "Whether a contrast agent was given; null where the header does not say."),
    Column("field_strength_t", "double", "Magnetic field strength.", "T", (Between(0.01, 25, "warning"),)),
    Column("echo_time_ms", "double", "Echo time (0018,0081).", "ms", (Between(0, 10_000, "warning"),)),
    Column("repetition_time_ms", "double", "Repetition time (0018,0080).", "ms", (Between(0, 100_000, "warning"),)),
    Column("slice_thickness_mm", "double", "Slice thickness (0018,0050).", "mm", (Between(0.01, 100, "warning"),)),
    Column(
        "pixel_spacing_mm",
        "double",
        "Distance of pixel centres between rows (0028,0030).",
        "mm",
        (Between(0.001, 100, "warning"),),
    ),
    Column("manufacturer", "string", "Maker of the scanner or of the software that derived the series."),
    Column(
        "species",
        "string",
        "What was scanned; only human series enter a cohort.",
        checks=(NotNull(), OneOf(("human", "animal", "phantom"))),
    ),
    Column("is_derived", "boolean", "Whether ImageType says DERIVED, or the object is no image (SEG, RTSTRUCT, SR)."),
    Column("collection_id", "string", "Public collection that the series belongs to, if any."),
)

imaging_instance = Table(
    name="imaging_instance",
    grain="a DICOM object (file)",
    description="Allow-listed header tags of each DICOM file; imaging_series is derived from it.",
    key=("instance_uid",),
    columns=(
        PATIENT_ID,
        _STUDY_UID,
        _SERIES_UID,
        Column(
            "instance_uid",
            "string",
            "Pseudonym of the SOP instance, as a 2.25 UID.",
            checks=(NotNull(), Matches(UID_PATTERN)),
        ),
        *_ACQUISITION,
    ),
    cluster_by=("series_uid",),
)

imaging_series = Table(
    name="imaging_series",
    grain="a DICOM series",
    description="Series of studies, one row each: from an index, or derived from the instances seen so far.",
    key=("series_uid",),
    columns=(
        PATIENT_ID,
        _STUDY_UID,
        _SERIES_UID,
        *_ACQUISITION,
        Column("n_instances", "int", "Number of DICOM objects in the series.", "1", (NotNull(), Between(low=1))),
    ),
)

imaging_measurement = Table(
    name="imaging_measurement",
    grain="a measure of a region of a series",
    description=(
        "Volumes, diameters and radiomic features of regions. Without an event_time the state is that of the series: "
        "the event_time of imaging_series."
    ),
    key=("series_uid", "region_uid", "region", "measure", "algorithm"),
    columns=(
        PATIENT_ID,
        Column(
            "series_uid",
            "string",
            "Pseudonym of the series that was measured, as a 2.25 UID; of the image's path where that is all there is.",
            checks=(NotNull(), Matches(UID_PATTERN)),
        ),
        Column(
            "region_uid",
            "string",
            "Pseudonym of the region, as a 2.25 UID: tells apart regions of one name, and follows one through time.",
            checks=(NotNull(), Matches(UID_PATTERN)),
        ),
        Column(
            "region", "string", "Region measured (enhancing lesion, oedema, label 1 ...).", checks=(NotNull("info"),)
        ),
        Column(
            "measure",
            "string",
            "Name of the measure: the report's, with its modifiers in brackets, or the software's.",
            checks=(NotNull(),),
        ),
        Column(
            "measure_code",
            "string",
            "Code of the measure as SCHEME:code, then those of its modifiers; IBSI where the definition is IBSI's.",
        ),
        Column(
            "value",
            "double",
            "Measured value, in `unit`.",
            checks=(NotNull("warning", where="qualifier IS NULL"),),
        ),
        Column("unit", "string", "UCUM unit of the value; null for the image's intensities, whose unit is not said."),
        Column("qualifier", "string", "Why there is no value: NaN, or the report's word for it."),
        Column("algorithm", "string", "Software, version and settings that measured; null: not said, or a person."),
    ),
    is_timed=False,
    cluster_by=("series_uid",),
)
