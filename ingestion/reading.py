"""Runs readers over files on Spark. Identifiers become pseudonyms here, before a record leaves the worker."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from infra.errors import FileError
from infra.pseudonyms import Pseudonymiser
from infra.settings import Site
from ingestion.discovery import Found
from ingestion.format import Format, RawFile, RawSchema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ENVELOPE = pa.schema(
    [
        pa.field("file_id", pa.string()),
        pa.field("site_id", pa.string()),
        pa.field("format", pa.string()),
        pa.field("error", pa.string()),
    ]
)
"""What the reading edge adds to each raw record. `error` is set on one row of a file that could not be read."""


def read_files(
    spark: "SparkSession",
    files: Sequence[Found],
    raw: RawSchema,
    source: str,
    sites: dict[str, Site],
    pseudonymiser: Pseudonymiser,
) -> "DataFrame":
    """Raw records of all files of one raw schema: ENVELOPE, then `raw.arrow`; lazily read, a task a few files."""
    from pyspark.sql.pandas.types import from_arrow_schema

    work = pa.table(
        {
            "path": [str(f.path) for f in files],
            "companions": [[str(c) for c in f.companions] for f in files],
            "file_id": [f.file_id for f in files],
            "site_id": [f.site_id for f in files],
            "format": [f.format.name for f in files if f.format],
        }
    )
    parallelism = spark.sparkContext.defaultParallelism
    tasks = 1 if sum(f.size_bytes or 0 for f in files) < 4_000_000 and len(files) < 50 else parallelism * 4
    schema = from_arrow_schema(pa.schema([*ENVELOPE, *raw.arrow]))
    reader = _worker(source, raw, sites, pseudonymiser)
    return spark.createDataFrame(work).repartition(min(tasks, len(files))).mapInArrow(reader, schema)


def _worker(
    source: str, raw: RawSchema, sites: dict[str, Site], pseudonymiser: Pseudonymiser
) -> Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]:
    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        # Formats hold functions of modules: looked up by name here, rather than shipped.
        from ingestion.registry import SOURCES

        formats = {f.name: f for f in SOURCES[source].formats}
        for batch in batches:
            for work in batch.to_pylist():
                file = RawFile.at(Path(work["path"]), {Path(c).name: Path(c) for c in work["companions"]})
                site = sites[work["site_id"]]
                for records, error in read_file(formats[work["format"]], file, site, pseudonymiser):
                    yield _enveloped(records, work, error)

    return read


def read_file(
    format_: Format, file: RawFile, site: Site, pseudonymiser: Pseudonymiser
) -> Iterator[tuple[pa.RecordBatch, str | None]]:
    """Batches of pseudonymised records of one file; at the end, where it failed, an empty record with the reason.

    Records before the failure were already yielded: whoever takes them drops those of a failed file.
    """
    error = None
    try:
        for batch in format_.read(file, site):
            yield _pseudonymised(batch, format_.raw, site, pseudonymiser), None
    except FileError as fault:
        error = str(fault)
    except Exception as fault:
        error = f"The {format_.name} reader failed ({type(fault).__name__}); this is a defect of oncolake."
    if error is not None:
        yield format_.raw.batch(file_row=[-1]), error


def _pseudonymised(batch: pa.RecordBatch, raw: RawSchema, site: Site, keyed: Pseudonymiser) -> pa.RecordBatch:
    for column in raw.columns:
        if column.role == "plain":
            continue
        index = batch.schema.get_field_index(column.name)
        values = batch.column(index)
        hidden = keyed.uids(values) if column.role == "uid" else keyed.identifiers(site.site_id, values)
        batch = batch.set_column(index, column.name, hidden)
    return batch.cast(raw.arrow)


def _enveloped(records: pa.RecordBatch, work: dict[str, object], error: str | None) -> pa.RecordBatch:
    n = records.num_rows
    lead = [pa.array([work[name]] * n, ENVELOPE.field(name).type) for name in ENVELOPE.names[:-1]]
    lead.append(pa.array([error] * n, pa.string()))
    schema = pa.schema([*ENVELOPE, *records.schema])
    return pa.RecordBatch.from_arrays([*lead, *records.columns], schema=schema)
