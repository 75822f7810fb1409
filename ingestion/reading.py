"""Runs readers over files on Spark. Identifiers become pseudonyms here, before a record leaves the worker."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import pyarrow as pa

from infra.errors import FileError
from infra.identifiers import normalised
from infra.pseudonyms import Pseudonymiser
from infra.settings import Site
from infra.sites import IdRule
from ingestion.discovery import Found
from ingestion.format import Format, RawFile, RawSchema

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator
    from pyspark.sql import DataFrame, SparkSession

ENVELOPE = pa.schema(
    [
        pa.field("file_id", pa.string()),
        pa.field("site_id", pa.string()),
        pa.field("format", pa.string()),
    ]
)
"""What the reading edge adds to each raw record."""
ENOUGH_RECORDS = 4_096

RULES: "Final[dict[str, Callable[[Site], IdRule | None]]]" = {
    "patient_id": lambda site: site.patient_ids,
    "sample_id": lambda site: site.sample_ids,
    "sample": lambda site: site.sample_ids,
}
"""The site's rule for the identifiers of a raw column, by its name."""

FileKey = tuple[str, str]
"""(file_id, site_id): two sites may deliver the same content, such as a gene panel."""


@dataclass(frozen=True)
class RecordSum:
    """A set of record numbers of one file, by count, sum and sum of squares (of the number modulo MODULUS).

    The reading edge counts the records that it passes on, and a table counts the rows that came of them. Where the
    three agree, every record became one row: none was lost on the way and none was doubled.
    """

    MODULUS: ClassVar[int] = 65_521

    n: int = 0
    total: int = 0
    squares: int = 0

    def plus(self, file_rows: pa.Array) -> "RecordSum":
        """With the numbers of one more batch."""
        numbers = file_rows.to_numpy(zero_copy_only=False)
        squares = int(((numbers % self.MODULUS) ** 2).sum())
        return RecordSum(self.n + len(numbers), self.total + int(numbers.sum()), self.squares + squares)


@dataclass(frozen=True)
class Reading:
    """What reading one file gave: its records, or why it could not be read."""

    records: RecordSum = RecordSum()
    error: str | None = None

    def plus(self, records: pa.RecordBatch, error: str | None) -> "Reading":
        if error is not None:
            return Reading(RecordSum(), error)
        return Reading(self.records.plus(records.column("file_row")), self.error)


def new_readings(spark: "SparkSession") -> "Accumulator[dict[FileKey, Reading]]":
    """Collects readings by file. A task that runs twice says the same of its files twice, and nothing is doubled."""
    from pyspark.accumulators import AccumulatorParam

    class ByFile(AccumulatorParam[dict[FileKey, Reading]]):
        def zero(self, value: dict[FileKey, Reading]) -> dict[FileKey, Reading]:
            return {}

        def addInPlace(self, value1: dict[FileKey, Reading], value2: dict[FileKey, Reading]) -> dict[FileKey, Reading]:
            value1.update(value2)
            return value1

    return spark.sparkContext.accumulator({}, ByFile())


def read_files(
    spark: "SparkSession",
    files: Sequence[Found],
    raw: RawSchema,
    source: str,
    sites: dict[str, Site],
    pseudonymiser: Pseudonymiser,
    readings: "Accumulator[dict[FileKey, Reading]]",
) -> "DataFrame":
    """Raw records of all files of one raw schema: ENVELOPE, then `raw.arrow`; lazily read, a task a few files.

    readings: told of each file what its reading gave, as soon as an action has read it.
    """
    from pyspark.sql.pandas.types import from_arrow_schema

    schema = from_arrow_schema(pa.schema([*ENVELOPE, *raw.arrow]))
    return spread(spark, files).mapInArrow(reader(source, raw, sites, pseudonymiser, readings), schema)


def spread(spark: "SparkSession", files: Sequence[Found]) -> "DataFrame":
    """What `reader` needs of each file, as rows spread over tasks: a few files each."""
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
    return spark.createDataFrame(work).repartition(min(tasks, len(files)))


def reader(
    source: str,
    raw: RawSchema,
    sites: dict[str, Site],
    pseudonymiser: Pseudonymiser,
    readings: "Accumulator[dict[FileKey, Reading]]",
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Runs in a worker: files as `spread` lists them to enveloped records. See `read_files`."""

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        # Formats hold functions of modules: looked up by name here, rather than shipped.
        from ingestion.registry import SOURCES

        formats = {f.name: f for f in SOURCES[source].formats}
        yield from joined(_records(batches, formats))

    def _records(batches: Iterable[pa.RecordBatch], formats: dict[str, Format]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for work in batch.to_pylist():
                file = RawFile.at(Path(work["path"]), {Path(c).name: Path(c) for c in work["companions"]})
                site = sites[work["site_id"]]
                reading = Reading()
                for records, error in read_file(formats[work["format"]], file, site, pseudonymiser):
                    reading = reading.plus(records, error)
                    if error is None:
                        yield _enveloped(records, work)
                readings.add({(work["file_id"], work["site_id"]): reading})

    return read


def joined(batches: Iterable[pa.RecordBatch], enough: int = ENOUGH_RECORDS) -> Iterator[pa.RecordBatch]:
    """The same records in the same order, small batches put together until they hold `enough`.

    Of a folder of files with one record each, every record would be a message of its own to the JVM.
    """
    held: list[pa.RecordBatch] = []
    n = 0
    for batch in batches:
        held.append(batch)
        n += batch.num_rows
        if n >= enough:
            yield held[0] if len(held) == 1 else pa.concat_batches(held)
            held, n = [], 0
    if held:
        yield held[0] if len(held) == 1 else pa.concat_batches(held)


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
    columns = batch.columns
    for column in raw.columns:
        if column.role == "plain":
            continue
        index = batch.schema.get_field_index(column.name)
        values = columns[index]
        if column.role == "uid":
            columns[index] = keyed.uids(values)
        else:
            rule = RULES[column.name](site) if column.name in RULES else None
            spelled = values if rule is None else normalised(values, rule)
            columns[index] = keyed.identifiers(site.site_id, spelled)
    return pa.RecordBatch.from_arrays(columns, schema=raw.arrow)


def _enveloped(records: pa.RecordBatch, work: dict[str, object]) -> pa.RecordBatch:
    lead = [pa.repeat(pa.scalar(work[f.name], f.type), records.num_rows) for f in ENVELOPE]
    schema = pa.schema([*ENVELOPE, *records.schema])
    return pa.RecordBatch.from_arrays([*lead, *records.columns], schema=schema)
