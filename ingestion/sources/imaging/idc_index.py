"""Series index of the Imaging Data Commons (package idc-index-data): one raw record a row, read in batches.

The index holds dates without a time of day, and no acquisition tags: sequence_type and contrast come from the
description alone. It has no ImageType either: is_derived is true for objects that are no image and for analysis
results, and null (not said) otherwise. A "Processed" T1 stays evidence that a T1 was acquired that day.

SeriesDate of an image is its day of acquisition. SeriesDate of a segmentation is the day on which software or a
reader made it, years later: its patient was observed on StudyDate, and it was not known before SeriesDate.
"""

from collections.abc import Callable, Iterator
from functools import partial
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Format, Probe, RawFile
from ingestion.sources.imaging.raw import IDC_SERIES
from ingestion.sources.imaging.sequence import CONTRAST_MODALITIES, contrast_of, sequence_type_of
from ingestion.sources.imaging.species import PHANTOM_WORD, species_of
from ingestion.sources.imaging.times import NO_IMAGE_MODALITIES, instant, observed_and_available

REQUIRED = (
    "collection_id",
    "PatientID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "StudyDate",
    "instanceCount",
)
OPTIONAL = ("SeriesDate", "SeriesDescription", "BodyPartExamined", "Manufacturer", "analysis_result_id")
BATCH_ROWS = 65_536


def is_idc_index(probe: Probe) -> bool:
    """A Parquet file whose footer names the columns of an IDC index."""
    if probe.head[:4] != b"PAR1":
        return False
    source: object = probe.path
    if source is None:
        if probe.size > len(probe.head):
            return False  # the schema is at the file's end, which a head alone does not hold
        source = pa.BufferReader(probe.head)
    try:
        names = set(pq.read_schema(source).names)
    except (pa.ArrowException, OSError, ValueError):
        return False
    return names.issuperset(REQUIRED)


def read_idc_index(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """The rows of an index as raw records, in record batches of up to 65,536 rows.

    Raises FileError where the Parquet file cannot be read.
    """
    first_row = 0
    try:
        with file.open() as stream, pq.ParquetFile(stream) as parquet:
            columns = [c for c in (*REQUIRED, *OPTIONAL) if c in parquet.schema_arrow.names]
            missing = sorted(set(REQUIRED) - set(columns))
            if missing:
                raise FileError(f"The Parquet file has no column {missing[0]}; expected the columns of an IDC index.")
            if len(set(parquet.schema_arrow.names)) < len(parquet.schema_arrow.names):
                raise FileError("The Parquet file names a column twice; expected each once.")
            for batch in parquet.iter_batches(batch_size=BATCH_ROWS, columns=columns):
                yield _records(batch, first_row, site)
                first_row += batch.num_rows
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FileError(
            f"The Parquet file cannot be read after row {first_row:,} ({type(error).__name__}); expected an IDC index."
        ) from error


def _records(batch: pa.RecordBatch, first_row: int, site: Site) -> pa.RecordBatch:
    def text(name: str) -> pa.Array:
        if name not in batch.schema.names:
            return pa.nulls(batch.num_rows, pa.string())
        column = batch[name]
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.date32())
        trimmed = pc.utf8_trim_whitespace(column.cast(pa.string()))
        return pc.if_else(pc.equal(trimmed, ""), None, trimmed)

    patient, modality, collection, description = map(
        text, ("PatientID", "Modality", "collection_id", "SeriesDescription")
    )
    named = pc.or_(_names_phantom(patient), _names_phantom(description))
    zone = ZoneInfo(site.time_zone)
    # What is read out of text is read once for each distinct combination, and of those there are few.
    return IDC_SERIES.batch(
        file_row=pa.array(range(first_row, first_row + batch.num_rows), pa.int64()),
        patient_id=patient,
        study_uid=text("StudyInstanceUID"),
        series_uid=text("SeriesInstanceUID"),
        modality=modality,
        manufacturer=text("Manufacturer"),
        collection_id=collection,
        n_instances=batch["instanceCount"],
        **_by_distinct(_described, modality, description, text("analysis_result_id")),
        **_by_distinct(_scanned, collection, text("BodyPartExamined"), named),
        **_by_distinct(partial(_dated, zone), modality, text("SeriesDate"), text("StudyDate")),
    )


def _names_phantom(names: pa.Array) -> pa.Array:
    return pc.fill_null(pc.match_substring_regex(names, PHANTOM_WORD), False)


def _described(modality: str | None, description: str | None, analysis: str | None) -> dict[str, object]:
    contrast = contrast_of(description) if modality in CONTRAST_MODALITIES else None
    return {
        "contrast": contrast,
        "sequence_type": sequence_type_of(description, contrast) if modality == "MR" else None,
        "is_derived": True if modality in NO_IMAGE_MODALITIES or analysis is not None else None,
    }


def _scanned(collection: str | None, body_part: str | None, is_named_phantom: bool) -> dict[str, object]:
    return {"species": species_of(collection, body_part, is_named_phantom=is_named_phantom)}


def _dated(zone: ZoneInfo, modality: str | None, series: str | None, study: str | None) -> dict[str, object]:
    observed, available = observed_and_available(
        None, instant(series, None, None, zone), instant(study, None, None, zone), modality
    )
    unreadable = observed is None and (series or study)
    return {
        "observed_time": observed,
        "available_time": available,
        "problem": "neither SeriesDate nor StudyDate is a date (YYYY-MM-DD)" if unreadable else None,
    }


def _by_distinct(function: Callable[..., dict[str, object]], *columns: pa.Array) -> dict[str, pa.Array]:
    """Columns of what `function` makes of each row, called once for each distinct combination of values."""
    code = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        encoded = column.dictionary_encode(null_encoding="encode")
        code = code * max(1, len(encoded.dictionary)) + encoded.indices.to_numpy(zero_copy_only=False)
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    made = [function(*(column[int(i)].as_py() for column in columns)) for i in first]
    names = made[0] if made else {}
    rows = pa.array(inverse)
    return {name: pa.array([m[name] for m in made], IDC_SERIES.arrow.field(name).type).take(rows) for name in names}


IDC_INDEX = Format(
    name="idc_index",
    looked_for=f"a Parquet file with the columns {', '.join(REQUIRED)}",
    recognise=is_idc_index,
    read=read_idc_index,
    raw=IDC_SERIES,
)
