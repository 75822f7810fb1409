"""The one pass over a batch: judged rows become data files beside their table, not named by any commit yet.

Workers split the rows, write them, and count: what a file gave, what broke which check, how far its keys reach and
which of them repeat. Only those counts reach the driver. Where no key repeats, the files are committed as they are.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from infra.data_files import DataFile
from infra.pseudonyms import Pseudonymiser
from infra.settings import Site
from infra.table import Table
from infra.tables import TABLES
from ingestion.fates import union
from ingestion.format import RawSchema, Source
from ingestion.reading import FileKey, Reading, RecordSum, joined, reader, spread
from ingestion.sink import BITS, HALVES, KEY, Place, Sink, faults_schema, summary_row
from ingestion.tally import FileTally, Tally
from ingestion.versions import row_hash_halves
from ingestion.weighing import weighed
from quality.gate import REASONS, broken_bits, critical_mask

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator
    from pyspark.sql import DataFrame, SparkSession

    from ingestion.discovery import Found

RECORDS_TOGETHER: Final = 100_000
"""Records that a worker judges at once: fewer pay more for each step than for its rows."""
_SUMMARY: Final = "kind string, summary string, hashes binary"
RECORD_JSON: Final = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"}
"""How records are kept as JSON: the default cuts times to milliseconds, and a replay would not find the same rows."""


@dataclass(frozen=True)
class StagedFile:
    """A data file, and the delivered files whose rows it holds."""

    file: DataFile
    keys: frozenset[FileKey]


@dataclass(frozen=True)
class Staged:
    """The rows of one table, staged. good: rows that pass. held: refused ones, as the quarantine keeps them.

    faults: every row that breaks a check, critical or not, conformed and with REASONS and WARNINGS.
    hashes: of the keys of good rows by delivered file; None where they were too many to send.
    repeating: delivered files in which a key occurs more than once.
    """

    place: Place
    tally: Tally
    good: tuple[StagedFile, ...]
    held: tuple[StagedFile, ...]
    faults: tuple[StagedFile, ...]
    hashes: "dict[FileKey, np.ndarray[Any, np.dtype[np.int64]]] | None"
    repeating: frozenset[FileKey]

    @property
    def table(self) -> Table:
        return self.tally.table

    def read_good(self, spark: "SparkSession", files: "Iterable[StagedFile] | None" = None) -> "DataFrame":
        """Rows of good files, all of them by default, with every column of the table."""
        paths = [f"{self.place.silver}/{f.file.path}" for f in (self.good if files is None else files)]
        return _read(spark, paths, self.table.arrow_schema())

    def read_faults(self, spark: "SparkSession") -> "DataFrame":
        """Rows that break a check, with the columns of `faults_schema`."""
        return _read(spark, [f"{self.place.faults}/{f.file.path}" for f in self.faults], faults_schema(self.table))

    def paths(self) -> list[str]:
        """Full paths of what a commit would name, of table and quarantine."""
        good = [f"{self.place.silver}/{f.file.path}" for f in self.good]
        return good + [f"{self.place.quarantine}/{f.file.path}" for f in self.held]

    def evidence(self, spark: "SparkSession", most: int, sample: int) -> "DataFrame":
        """Conformed rows that decide every verdict on the batch: the whole of it where it has at most `most` rows.

        Of a larger one, all rows that break a check and `sample` of the others: a verdict is whether any row breaks an
        expectation, and that a row which breaks none cannot change.
        """
        from pyspark.sql import functions as F

        columns = [c.name for c in self.table.conformed_columns]
        faults = self.read_faults(spark)
        if sum(f.file.rows for f in self.good) > most:
            smallest = min(self.good, key=lambda f: f.file.rows)
            rows = self.read_good(spark, [smallest]).select(*columns).limit(sample)
        else:
            rows = self.read_good(spark).select(*columns)
            # Rows with a warning only are good ones, and all of these are here.
            faults = faults.filter(F.size(REASONS) > 0)
        return rows.unionByName(faults.select(*columns)) if self.faults else rows


def _read(spark: "SparkSession", paths: Sequence[str], schema: pa.Schema) -> "DataFrame":
    from pyspark.sql.pandas.types import from_arrow_schema

    declared = from_arrow_schema(schema)
    # With its schema given, no job looks into the files for one.
    return spark.read.schema(declared).parquet(*paths) if paths else spark.createDataFrame([], declared)


def stage(parts: "Sequence[DataFrame]", table: Table, place: Place) -> Staged:
    """One Spark job: judges the rows of all parts, writes them and counts.

    parts: the conformed columns, `format`, `problem` and `record` (the raw record, a struct of its own in each part).
    """
    rows = reduce(union, (_weighed(part, table) for part in parts))
    return _collected(rows.mapInArrow(_sink(table, place), _SUMMARY).collect(), table, place)


def stage_files(
    spark: "SparkSession",
    groups: "Sequence[tuple[Site, Sequence[Found]]]",
    source: "Source",
    raw: RawSchema,
    place: Place,
    keyed: Pseudonymiser,
    readings: "Accumulator[dict[FileKey, Reading]]",
) -> Staged:
    """The same for records that the source stages directly: one worker reads, judges and writes (`Source.direct`)."""
    table = TABLES[source.direct[raw.name].table]
    parts = [
        spread(spark, files).mapInArrow(_direct(source.name, raw, site, table, place, keyed, readings), _SUMMARY)
        for site, files in groups
    ]
    return _collected(reduce(lambda a, b: a.union(b), parts).collect(), table, place)


def _direct(
    source: str,
    raw: RawSchema,
    site: Site,
    table: Table,
    place: Place,
    keyed: Pseudonymiser,
    readings: "Accumulator[dict[FileKey, Reading]]",
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    read = reader(source, raw, {site.site_id: site}, keyed, readings)

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        # Looked up by name in the worker, as the reader is.
        from ingestion.registry import SOURCES

        sink, conform = Sink(table, place), SOURCES[source].direct[raw.name].conform
        for records in joined(read(batches), RECORDS_TOGETHER):
            sink.add(weighed(records, conform, site, table))
        yield from sink.close()

    return write


def _weighed(conformed: "DataFrame", table: Table) -> "DataFrame":
    """What the sink needs of each row: conformed columns, broken checks as bits, hashes; of broken rows the record."""
    from pyspark.sql import functions as F

    frame = conformed.withColumn(BITS, broken_bits(table))
    is_refused = F.col(BITS).bitwiseAND(F.lit(critical_mask(table)).cast("bigint")) != 0
    is_refused |= F.col("problem").isNotNull()
    is_plain = (F.col(BITS) == 0) & F.col("problem").isNull()
    # What only broken rows need is not carried for the others.
    return frame.select(
        *(c.name for c in table.conformed_columns),
        BITS,
        F.when(~is_plain, F.col("format")).alias("format"),
        "problem",
        F.when(~is_plain, F.to_json("record", RECORD_JSON)).alias("record"),
        *(half.alias(name) for half, name in zip(row_hash_halves(table), HALVES, strict=True)),
        F.when(~is_refused, F.xxhash64(*table.key)).alias(KEY),
    )


def _sink(table: Table, place: Place) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        sink = Sink(table, place)
        for batch in batches:
            sink.add(pa.Table.from_batches([batch]))
        yield from sink.close()

    return write


def stage_again(rows: "DataFrame", table: Table, place: Place) -> tuple[DataFile, ...]:
    """Writes rows that were judged and compared already, all columns given but those that `place` stamps."""

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        sink = Sink(table, place)
        for batch in batches:
            sink.write_good(pa.Table.from_batches([batch]))
        for f in sink.good.close():
            yield summary_row("good", json.dumps([f.path, f.size_bytes, f.rows, f.stats]), None)

    stamped = ("batch_id", "ingested_at")
    frame = rows.select(*(c.name for c in table.all_columns if c.name not in stamped))
    found = frame.mapInArrow(write, _SUMMARY).collect()
    return tuple(DataFile(*json.loads(summary)) for _, summary, _ in found)


def _collected(rows: Sequence[Any], table: Table, place: Place) -> Staged:
    """The summaries of all tasks as one."""
    tallies: dict[FileKey, FileTally] = {}
    hashes: dict[FileKey, Any] | None = {}
    repeating: set[FileKey] = set()
    files: dict[str, list[StagedFile]] = {"good": [], "held": [], "faults": []}
    for kind, summary, found in rows:
        if kind != "file":
            (path, size, n, stats), keys = json.loads(summary)
            files[kind].append(StagedFile(DataFile(path, size, n, stats), frozenset((a, b) for a, b in keys)))
            continue
        (file_id, site_id), repeats, counted = json.loads(summary)
        key = (file_id, site_id)
        lists = {name: tuple(v) for name, v in counted.items() if isinstance(v, list)}
        tally = FileTally(**counted | lists | {"records": RecordSum(**counted["records"])})
        # A derived table's rows of one file may come out of several tasks.
        tallies[key] = tallies[key].plus(tally) if key in tallies else tally
        if repeats:
            repeating.add(key)
        if found is None or hashes is None:
            hashes = None
        else:
            mine = np.frombuffer(found, np.int64)
            hashes[key] = np.concatenate([hashes[key], mine]) if key in hashes else mine
    return Staged(
        place, Tally(table, tallies), tuple(files["good"]), tuple(files["held"]), tuple(files["faults"]), hashes,
        frozenset(repeating),
    )  # fmt: skip
