"""What a worker does with judged rows: splits, writes and counts them. See `ingestion.staging`."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infra.data_files import DataFileWriter
from infra.table import Table
from ingestion.reading import FileKey, RecordSum
from ingestion.tally import FileTally, ordered_key
from ingestion.versions import hex_digits
from quality.gate import REASONS, WARNINGS, critical_mask, reasons_of
from quality.quarantine import SCHEMA as QUARANTINE

HASHES_SENT: Final = 50_000
"""Key hashes that one task sends to the driver; where it has more, the driver asks Spark for repeated ones."""
BITS, KEY = "_broken", "_key"
HALVES = ("_hash_1", "_hash_2")
SUMMARY: Final = pa.schema([("kind", pa.string()), ("summary", pa.string()), ("hashes", pa.binary())])


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


def faults_schema(table: Table) -> pa.Schema:
    """Conformed columns, then what the gate says of the row and what quarantine needs."""
    arrow = table.arrow_schema()
    columns = [arrow.field(c.name) for c in table.conformed_columns]
    texts = [pa.field(name, pa.string()) for name in ("row_hash", "format", "problem", "record")]
    return pa.schema([*columns, *texts, *(pa.field(n, pa.list_(pa.string())) for n in (REASONS, WARNINGS))])


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

    def add(self, rows: pa.Table) -> None:
        """Rows of any files in any order; texts may be dictionary-encoded."""
        if not rows.num_rows:
            return
        rows = rows.append_column("row_hash", hex_digits(*(_numbers(rows[name]) for name in HALVES)))
        bits = _numbers(rows[BITS])
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
            ordered = np.sort(hashes)
            repeats = (ordered[1:] == ordered[:-1]).any()
            summary = json.dumps([key, bool(repeats), asdict(count.tally())])
            yield summary_row("file", summary, hashes.tobytes() if sends else None)
        # Which files a data file holds rows of: those of the task, which are few where its rows are many.
        keys = list(self.counts)
        for kind, writer in (("good", self.good), ("held", self.held), ("faults", self.faults)):
            for f in writer.close():
                yield summary_row(kind, json.dumps([[f.path, f.size_bytes, f.rows, f.stats], keys]), None)

    def write_good(self, rows: pa.Table) -> None:
        stamps = {"batch_id": self.place.batch_id, "ingested_at": self.place.now}
        arrays = [
            pa.repeat(pa.scalar(stamps[f.name], f.type), rows.num_rows)
            if f.name in stamps
            else _fitting(rows[f.name], f.type)
            for f in self.schema
        ]
        self.good.write(pa.table(arrays, self.schema.names))

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
            ends = pc.min_max(rows[name].cast(pa.int64()) if type_ == "timestamp" else _once(rows[name]))
            low, high = ends["min"].as_py(), ends["max"].as_py()
            if rows[name].null_count:
                self.has_null[i] = True
            if low is not None:
                a, b = self.reach[2 * i : 2 * i + 2]
                self.reach[2 * i] = low if a is None else min(a, low)
                self.reach[2 * i + 1] = high if b is None else max(b, high)
        keys = rows[KEY].drop_null() if refused.any() else rows[KEY]
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
    files, sites = (rows[name].combine_chunks().dictionary_encode() for name in ("file_id", "site_id"))
    names, places = files.dictionary.to_pylist(), sites.dictionary.to_pylist()
    if len(names) == len(places) == 1:
        yield (names[0], places[0]), rows, None
        return
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


def _fitting(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    """Of the declared type; a text may stay dictionary-encoded, which is how it is written."""
    return column if pa.types.is_dictionary(column.type) else column.cast(type_)


def _once(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Each text once where they are dictionary-encoded."""
    return pc.unique(column).cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def summary_row(kind: str, summary: str, hashes: bytes | None) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"kind": kind, "summary": summary, "hashes": hashes}], SUMMARY)
