"""Olink Explore parquet (NPX Map): one row an assay of a sample, read in batches as columns. There is no LOD column."""

from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Format, Probe, RawFile
from ingestion.sources.cytokine.olink import fold, map_distinct, npx_readings, olink_batch, sample_type
from ingestion.sources.cytokine.raw import CYTOKINE

LOOKED_FOR = "a parquet file with columns SampleID, PlateID, OlinkID, Assay and NPX"
BATCH_ROWS = 65_536
_REQUIRED = ("sampleid", "plateid", "olinkid", "assay", "npx")
_READ = (*_REQUIRED, "sampletype", "assaytype", "wellid", "uniprot", "panel", "lod", "sampleqc", "assayqc", "qcwarning")


def is_olink_explore(probe: Probe) -> bool:
    """Whether the file is parquet with the columns of Explore."""
    if not probe.head.startswith(b"PAR1"):
        return False
    try:
        if probe.path is not None:
            schema = pq.read_schema(probe.path)
        elif len(probe.head) == probe.size:
            schema = pq.read_schema(BytesIO(probe.head))
        else:
            return False
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return False
    return set(_REQUIRED) <= {fold(name) for name in schema.names}


def read_olink_explore(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Raw records of an Explore parquet file in its order. Raises FileError where it is damaged or lacks a column."""
    with file.open() as stream:
        try:
            yield from _batches(stream)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise FileError("The parquet file is damaged; expected a whole file as NPX Map writes it.") from error


def _batches(stream: BinaryIO) -> Iterator[pa.RecordBatch]:
    parquet = pq.ParquetFile(stream)
    names = {fold(name): name for name in parquet.schema_arrow.names if fold(name) in _READ}
    missing = [name for name in _REQUIRED if name not in names]
    if missing:
        raise FileError(f"The parquet file lacks {len(missing)} columns that are needed; expected {LOOKED_FOR}.")
    if len(set(parquet.schema_arrow.names)) < len(parquet.schema_arrow.names):
        raise FileError("The parquet file names a column twice; expected each once.")
    start = 0
    for batch in parquet.iter_batches(batch_size=BATCH_ROWS, columns=list(names.values())):
        yield _raw(batch, names, start)
        start += batch.num_rows


def _raw(batch: pa.RecordBatch, names: dict[str, str], start: int) -> pa.RecordBatch:
    n = batch.num_rows

    def text(name: str) -> pa.Array:
        if name not in names:
            return pa.nulls(n, pa.string())
        values = pc.utf8_trim_whitespace(batch.column(names[name]).cast(pa.string()))
        return pc.if_else(pc.is_in(values, pa.array(["", "NA"])), pa.scalar(None, pa.string()), values)

    def number(name: str) -> pa.Array:
        return batch.column(names[name]).cast(pa.float64()) if name in names else pa.nulls(n, pa.float64())

    sample = text("sampleid")
    declared = pc.binary_join_element_wise(pc.fill_null(text("sampletype"), ""), pc.fill_null(sample, ""), "\x1f")
    sample_types = map_distinct(declared, lambda pair: sample_type(*pair.split("\x1f", 1)))
    # Incubation, extension and amplification controls are assays that measure no analyte of the sample.
    is_assay_control = pc.fill_null(pc.not_equal(pc.utf8_lower(text("assaytype")), "assay"), False)
    return olink_batch(
        file_row=pa.array(range(start, start + n), pa.int64()),
        plate_id=text("plateid"),
        sample=sample,
        well=pc.replace_substring_regex(text("wellid"), "^([A-P])0", r"\1"),
        replicate=pa.array([1] * n, pa.int32()),  # the well tells repeated samples apart
        sample_types=pc.if_else(pc.and_(is_assay_control, pc.equal(sample_types, "unknown")), "control", sample_types),
        assay=text("assay"),
        uniprot=text("uniprot"),
        olink_id=text("olinkid"),
        panel=text("panel"),
        platform=pa.array(["olink_explore"] * n, pa.string()),
        readings=npx_readings(number("npx")),
        reported=pa.nulls(n, pa.string()),
        lod=number("lod"),
        qc=[text(name) for name in ("sampleqc", "assayqc", "qcwarning")],
    )


OLINK_EXPLORE = Format("olink_explore", LOOKED_FOR, is_olink_explore, read_olink_explore, CYTOKINE)
