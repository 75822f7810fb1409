"""Runs readers over files on Spark. Identifiers become pseudonyms here, before a record leaves the worker."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

import numpy as np
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

Part = tuple[dict[str, Any], pa.RecordBatch]
"""A file as `spread` lists it, and some of its records."""
T = TypeVar("T")
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
        failed: dict[FileKey, str] = {}
        for site_id, of_site in groupby(_records(batches, formats, failed), lambda part: part[0]["site_id"]):
            # Of a folder of files with one record each, every record would be a batch and a message of its own.
            for held in gathered(of_site, lambda part: part[1].num_rows, ENOUGH_RECORDS):
                site = sites[site_id]
                try:
                    whole = together(held, site)
                except Exception:
                    # Of some file no pseudonyms can be made: each on its own, so that it costs that file only.
                    yield from one_by_one(held, site, formats, failed)
                else:
                    yield whole

    def one_by_one(
        parts: Sequence[Part], site: Site, formats: dict[str, Format], failed: dict[FileKey, str]
    ) -> Iterator[pa.RecordBatch]:
        for work, records in parts:
            key = (work["file_id"], work["site_id"])
            try:
                alone = together([(work, records)], site)
            except Exception as fault:
                failed[key] = _defect(formats[work["format"]], fault)
                readings.add({key: Reading(error=failed[key])})
            else:
                yield alone

    def together(parts: Sequence[Part], site: Site) -> pa.RecordBatch:
        records = parts[0][1] if len(parts) == 1 else pa.concat_batches([part for _, part in parts])
        return _enveloped(_pseudonymised(records, raw, site, pseudonymiser), parts)

    def _records(
        batches: Iterable[pa.RecordBatch], formats: dict[str, Format], failed: Mapping[FileKey, str]
    ) -> Iterator[Part]:
        for batch in batches:
            for work in batch.to_pylist():
                file = RawFile.at(Path(work["path"]), {Path(c).name: Path(c) for c in work["companions"]})
                site, key = sites[work["site_id"]], (work["file_id"], work["site_id"])
                reading = Reading()
                for records, error in _read(formats[work["format"]], file, site):
                    reading = reading.plus(records, error)
                    if error is None:
                        yield work, records
                readings.add({key: Reading(error=failed[key]) if key in failed else reading})

    return read


def joined(batches: Iterable[pa.RecordBatch], enough: int = ENOUGH_RECORDS) -> Iterator[pa.RecordBatch]:
    """The same records in the same order, small batches put together until they hold `enough`."""
    for held in gathered(batches, lambda batch: batch.num_rows, enough):
        yield held[0] if len(held) == 1 else pa.concat_batches(held)


def gathered(items: Iterable[T], size: Callable[[T], int], enough: int) -> Iterator[list[T]]:
    """The same items in the same order, in lists that are ended as soon as the sizes in them reach `enough`."""
    held: list[T] = []
    n = 0
    for item in items:
        held.append(item)
        n += size(item)
        if n >= enough:
            yield held
            held, n = [], 0
    if held:
        yield held


def read_file(
    format_: Format, file: RawFile, site: Site, pseudonymiser: Pseudonymiser
) -> Iterator[tuple[pa.RecordBatch, str | None]]:
    """Batches of pseudonymised records of one file; at the end, where it failed, an empty record with the reason.

    Records before the failure were already yielded: whoever takes them drops those of a failed file.
    """
    for batch, error in _read(format_, file, site):
        yield (batch if error else _pseudonymised(batch, format_.raw, site, pseudonymiser)), error


def _read(format_: Format, file: RawFile, site: Site) -> Iterator[tuple[pa.RecordBatch, str | None]]:
    """The same with identifiers as they stand: for this module alone."""
    error = None
    try:
        for batch in format_.read(file, site):
            if batch.schema != format_.raw.arrow:
                raise TypeError("not the raw schema")
            yield batch, None
    except FileError as fault:
        error = str(fault)
    except Exception as fault:
        error = _defect(format_, fault)
    if error is not None:
        yield format_.raw.batch(file_row=[-1]), error


def _defect(format_: Format, fault: Exception) -> str:
    """The kind of a fault that is ours; its message may quote a cell."""
    return f"The {format_.name} reader failed ({type(fault).__name__}); this is a defect of oncolake."


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


def _enveloped(records: pa.RecordBatch, parts: Sequence[Part]) -> pa.RecordBatch:
    """With what `parts`, of which the records are made up in this order, say of each."""
    if len(parts) == 1:
        lead = [pa.repeat(pa.scalar(parts[0][0][f.name], f.type), records.num_rows) for f in ENVELOPE]
    else:
        part = pa.array(np.repeat(np.arange(len(parts)), [batch.num_rows for _, batch in parts]))
        lead = [pa.array([work[f.name] for work, _ in parts], f.type).take(part) for f in ENVELOPE]
    schema = pa.schema([*ENVELOPE, *records.schema])
    return pa.RecordBatch.from_arrays([*lead, *records.columns], schema=schema)
