"""The one pass over a batch: judged rows become data files beside their table, not named by any commit yet.

Workers split the rows, write them, and count: what a file gave, what broke which check, how far its keys reach and
which of them repeat. Only those counts reach the driver. Where no key repeats, the files are committed as they are.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infra.data_files import DataFile, DataFileWriter
from infra.table import Table
from ingestion.reading import FileKey, RecordSum
from ingestion.tally import FileTally, Tally, ordered_key
from ingestion.versions import hex_digits, row_hash_halves
from quality.gate import REASONS, WARNINGS, broken_bits, critical_mask, reasons_of
from quality.quarantine import SCHEMA as QUARANTINE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

RECORD_JSON: Final = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"}
"""How records are kept as JSON: the default cuts times to milliseconds, and a replay would not find the same rows."""
HASHES_SENT: Final = 50_000
"""Key hashes that one task sends to the driver; where it has more, the driver asks Spark for repeated ones."""
_BITS, _KEY = "_broken", "_key"
_HALVES = ("_hash_1", "_hash_2")
_SUMMARY = pa.schema([("kind", pa.string()), ("summary", pa.string()), ("hashes", pa.binary())])


@dataclass(frozen=True)
class Place:
    """Where a batch stages the rows of one table, and what it stamps them with.

    folder: below `silver` (rows that pass), `quarantine` (refused rows) and `faults` (all rows that break a check).
    """

    silver: str
    quarantine: str
    faults: str
    folder: str
    source: str
    batch_id: str
    now: datetime


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


def _read(spark: "SparkSession", paths: Sequence[str], schema: pa.Schema) -> "DataFrame":
    from pyspark.sql.pandas.types import from_arrow_schema

    declared = from_arrow_schema(schema)
    # With its schema given, no job looks into the files for one.
    return spark.read.schema(declared).parquet(*paths) if paths else spark.createDataFrame([], declared)


def faults_schema(table: Table) -> pa.Schema:
    """Conformed columns, then what the gate says of the row and what quarantine needs."""
    arrow = table.arrow_schema()
    columns = [arrow.field(c.name) for c in table.conformed_columns]
    texts = [pa.field(name, pa.string()) for name in ("row_hash", "format", "problem", "record")]
    return pa.schema([*columns, *texts, *(pa.field(n, pa.list_(pa.string())) for n in (REASONS, WARNINGS))])


def stage(conformed: "DataFrame", table: Table, place: Place) -> Staged:
    """One Spark job: judges the rows, writes them and counts.

    conformed: the conformed columns, `format`, `problem` and `record` (the raw record as a struct).
    """
    from pyspark.sql import functions as F

    bits = broken_bits(table)
    frame = conformed.withColumn(_BITS, bits)
    is_refused = (F.col(_BITS).bitwiseAND(F.lit(critical_mask(table)).cast("bigint")) != 0) | F.col(
        "problem"
    ).isNotNull()
    is_plain = (F.col(_BITS) == 0) & F.col("problem").isNull()
    # What only refused rows need is not carried for the others.
    frame = frame.select(
        *(c.name for c in table.conformed_columns),
        _BITS,
        F.when(~is_plain, F.col("format")).alias("format"),
        "problem",
        F.when(~is_plain, F.to_json("record", RECORD_JSON)).alias("record"),
        *(half.alias(name) for half, name in zip(row_hash_halves(table), _HALVES, strict=True)),
        F.when(~is_refused, F.xxhash64(*table.key)).alias(_KEY),
    )
    rows = frame.mapInArrow(_sink(table, place), "kind string, summary string, hashes binary").collect()
    return _collected(rows, table, place)


def _sink(table: Table, place: Place) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        sink = Sink(table, place)
        for batch in batches:
            sink.add(batch)
        yield from sink.close()

    return write


def stage_again(rows: "DataFrame", table: Table, place: Place) -> tuple[DataFile, ...]:
    """Writes rows that were judged and compared already, all columns given but those that `place` stamps."""

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        sink = Sink(table, place)
        for batch in batches:
            sink.write_good(pa.Table.from_batches([batch]))
        for f in sink.good.close():
            yield _row("good", json.dumps([f.path, f.size_bytes, f.rows, f.stats]), None)

    stamped = ("batch_id", "ingested_at")
    frame = rows.select(*(c.name for c in table.all_columns if c.name not in stamped))
    found = frame.mapInArrow(write, "kind string, summary string, hashes binary").collect()
    return tuple(DataFile(*json.loads(summary)) for _, summary, _ in found)


class Sink:
    """Takes judged rows of one task, writes them and keeps count."""

    def __init__(self, table: Table, place: Place) -> None:
        self.table, self.place = table, place
        self.schema = table.arrow_schema()
        self.faults_schema = faults_schema(table)
        plain = ("row_hash", "file_row")
        self.good = DataFileWriter(place.silver, place.folder, self.schema, plain)
        self.held = DataFileWriter(place.quarantine, place.folder, QUARANTINE, ("record", *plain))
        self.faults = DataFileWriter(place.faults, place.folder, self.faults_schema, ("record", *plain))
        self.critical = critical_mask(table)
        self.counts: dict[FileKey, _Count] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        """Rows of any files in any order."""
        if not batch.num_rows:
            return
        rows = pa.Table.from_batches([batch])
        rows = rows.append_column("row_hash", hex_digits(*(_numbers(rows[name]) for name in _HALVES)))
        bits = _numbers(rows[_BITS])
        problem = np.asarray(rows["problem"].is_valid())
        refused = ((bits & self.critical) != 0) | problem
        for key, part, order in _by_file(rows):
            if order is None:
                here, here_bits, here_refused = part, bits, refused
            else:
                here, here_bits, here_refused = part, bits[order], refused[order]
            self.counts.setdefault(key, _Count(self.table)).add(here, here_bits, here_refused)
        good = rows if not refused.any() else rows.filter(pa.array(~refused))
        self.write_good(good)
        broken = refused | (bits != 0)
        if broken.any():
            self._write_faults(rows.filter(pa.array(broken)), bits[broken], refused[broken])

    def close(self) -> Iterator[pa.RecordBatch]:
        """What was written and counted, as rows of the summary."""
        sends = sum(c.n_good for c in self.counts.values()) <= HASHES_SENT
        for key, count in self.counts.items():
            hashes = count.hashes()
            repeats = len(np.unique(hashes)) < len(hashes)
            summary = json.dumps([key, bool(repeats), asdict(count.tally())])
            yield _row("file", summary, hashes.tobytes() if sends else None)
        # Which files a data file holds rows of: those of the task, which are few where its rows are many.
        keys = list(self.counts)
        for kind, writer in (("good", self.good), ("held", self.held), ("faults", self.faults)):
            for f in writer.close():
                yield _row(kind, json.dumps([[f.path, f.size_bytes, f.rows, f.stats], keys]), None)

    def write_good(self, rows: pa.Table) -> None:
        stamps = {"batch_id": self.place.batch_id, "ingested_at": self.place.now}
        arrays = [
            pa.repeat(pa.scalar(stamps[f.name], f.type), rows.num_rows)
            if f.name in stamps
            else rows[f.name].cast(f.type)
            for f in self.schema
        ]
        self.good.write(pa.table(arrays, schema=self.schema))

    def _write_faults(self, rows: pa.Table, bits: "np.ndarray[Any, Any]", refused: "np.ndarray[Any, Any]") -> None:
        said = [
            reasons_of(int(b), problem, self.table)
            for b, problem in zip(bits, rows["problem"].to_pylist(), strict=True)
        ]
        words = {REASONS: [r for r, _ in said], WARNINGS: [w for _, w in said]}
        arrays = [
            pa.array(words[f.name], f.type) if f.name in words else rows[f.name].cast(f.type)
            for f in self.faults_schema
        ]
        faults = pa.table(arrays, schema=self.faults_schema)
        self.faults.write(faults)
        held = faults.filter(pa.array(refused))
        stamps = {"source": self.place.source, "batch_id": self.place.batch_id, "ingested_at": self.place.now}
        columns = [
            pa.repeat(pa.scalar(stamps[f.name], f.type), held.num_rows)
            if f.name in stamps
            else held[REASONS if f.name == "reasons" else f.name].cast(f.type)
            for f in QUARANTINE
        ]
        self.held.write(pa.table(columns, schema=QUARANTINE))


class _Count:
    """Counts of one delivered file in one task."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.records = RecordSum()
        self.refused = self.warnings = self.n_good = 0
        self.broken = [0] * len(table.checks())
        self.warning_mask = ~critical_mask(table)
        self.types = ordered_key(table)
        self.reach: list[Any] = [None] * (2 * len(self.types))
        self.has_null = [False] * len(self.types)
        self.keys: list[np.ndarray[Any, Any]] = []

    def add(self, rows: pa.Table, bits: "np.ndarray[Any, Any]", refused: "np.ndarray[Any, Any]") -> None:
        self.records = self.records.plus(rows["file_row"])
        self.refused += int(refused.sum())
        if bits.any():
            for i in range(len(self.broken)):
                self.broken[i] += int(((bits >> i) & 1).sum())
            kept = bits[~refused] & self.warning_mask
            self.warnings += sum(int(b).bit_count() for b in kept[kept != 0])
        for i, (name, type_) in enumerate(self.types.items()):
            ends = pc.min_max(rows[name].cast(pa.int64()) if type_ == "timestamp" else rows[name])
            low, high = ends["min"].as_py(), ends["max"].as_py()
            if rows[name].null_count:
                self.has_null[i] = True
            if low is not None:
                a, b = self.reach[2 * i : 2 * i + 2]
                self.reach[2 * i] = low if a is None else min(a, low)
                self.reach[2 * i + 1] = high if b is None else max(b, high)
        keys = rows[_KEY].drop_null() if refused.any() else rows[_KEY]
        self.n_good += len(keys)
        self.keys.append(_numbers(keys))

    def hashes(self) -> "np.ndarray[Any, Any]":
        return np.concatenate(self.keys) if self.keys else np.empty(0, np.int64)

    def tally(self) -> FileTally:
        return FileTally(
            self.records, self.refused, self.warnings, tuple(self.broken), tuple(self.reach), tuple(self.has_null)
        )


def _numbers(column: pa.ChunkedArray) -> "np.ndarray[Any, Any]":
    return column.combine_chunks().to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def _by_file(rows: pa.Table) -> "Iterator[tuple[FileKey, pa.Table, Any]]":
    """The rows of each delivered file, and which they are (a slice, or positions; None: all of them)."""
    file_id, site_id = rows["file_id"][0], rows["site_id"][0]
    if all(pc.all(pc.equal(rows[n], v), skip_nulls=False).as_py() for n, v in (("file_id", file_id), ("site_id", site_id))):
        yield (file_id.as_py(), site_id.as_py()), rows, None
        return
    files = rows["file_id"].combine_chunks().dictionary_encode()
    sites = rows["site_id"].combine_chunks().dictionary_encode()
    names, places = files.dictionary.to_pylist(), sites.dictionary.to_pylist()
    codes = files.indices.to_numpy() * len(places) + sites.indices.to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    if len(starts) > len(np.unique(codes)):
        # Rows of a file do not lie together: they came out of a shuffle.
        order = np.argsort(codes, kind="stable")
        rows, codes = rows.take(pa.array(order)), codes[order]
        starts = np.flatnonzero(np.diff(codes, prepend=-1))
    else:
        order = None
    for start, end in zip(starts, [*starts[1:], len(codes)], strict=True):
        code = int(codes[start])
        positions = slice(start, end) if order is None else order[start:end]
        yield (names[code // len(places)], places[code % len(places)]), rows.slice(start, end - start), positions


def _row(kind: str, summary: str, hashes: bytes | None) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"kind": kind, "summary": summary, "hashes": hashes}], _SUMMARY)


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
