"""Replaces what is touched of a gold table: only files that hold touched rows, or that new rows belong to.

A file with touched rows is written anew, with what is new in its place and the rest as it was, in the order that
`features.building.layout` describes; one that grew past twice its size is split. So files are neither rewritten for
nothing nor do small ones pile up. Nothing here depends on the stretches of files being disjoint: files of any layout
are exchanged rightly, only more of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from features.building.layout import FILE_BYTES, Cut, quantiles
from features.building.touched import DAY, Touched, days
from features.view import EVENT_TIME, KNOWN_TIME, GoldView
from infra.changes import NamedFile, dataset, table_schema
from infra.data_files import DataFile, DataFileWriter

FOLDER: Final = "rows"


@dataclass(frozen=True)
class Exchange:
    """Files of a gold table to be taken out, and the written files that replace them."""

    removed: tuple[str, ...]
    added: tuple[DataFile, ...]
    rows_removed: int
    rows_written: int


def exchange(
    path: str, view: GoldView, files: Sequence[NamedFile], scope: Touched, new: ds.Dataset, new_bytes: int
) -> Exchange:
    """Writes the files that replace those of `files` which hold touched rows, and says which are which.

    new: the touched rows as built anew, with the table's columns; new_bytes: their size on disk. The files become
    visible with a commit only.
    """
    schema = table_schema(path)
    bytes_per_row = new_bytes / max(1, new.count_rows())
    plain = [f.name for f in schema if pa.types.is_floating(f.type)]
    removed: list[str] = []
    added: list[DataFile] = []
    gone = written = 0
    for stretch in _stretches(view, [_bounded(view, file) for file in files]):
        fresh = new.to_table(filter=stretch.filter(view)).select(schema.names).cast(schema)
        kept_bytes, parts = 0.0, [fresh]
        for held in stretch.files:
            if not fresh.num_rows and not held.may_hold(view, scope):
                continue
            rows = dataset(path, [held.file.path], schema).to_table()
            rest = rows.filter(pc.invert(_is_touched(rows, view, scope)))
            if rest.num_rows == rows.num_rows and not fresh.num_rows:
                continue
            removed.append(held.file.path)
            gone += rows.num_rows
            kept_bytes += held.file.size_bytes * rest.num_rows / max(1, rows.num_rows)
            parts.append(rest)
        n_bytes = kept_bytes + fresh.num_rows * bytes_per_row
        n_files = round(n_bytes / FILE_BYTES) if n_bytes > 2 * FILE_BYTES else 1
        for part in _split(pa.concat_tables(parts), view, n_files):
            writer = DataFileWriter(path, FOLDER, schema, plain)
            writer.write(part.sort_by([(view.join_key, "ascending"), (KNOWN_TIME, "ascending")]))
            added += writer.close()
            written += part.num_rows
    return Exchange(tuple(removed), tuple(added), gone, written)


@dataclass(frozen=True)
class _Held:
    """A file with the bounds of its order and of its entities; None where the log has none."""

    file: NamedFile
    low: Cut | None
    high: Cut | None
    first_entity: str | None
    last_entity: str | None

    def may_hold(self, view: GoldView, scope: Touched) -> bool:
        """Whether a touched row may lie in the file."""
        keys = scope.keys
        inside = pa.array([True] * keys.num_rows, pa.bool_())
        order = keys[DAY] if view.looks_back is not None else keys[view.join_key]
        if self.low is not None and self.high is not None:
            inside = pc.and_(inside, _within(order, self.low, self.high))
        if self.first_entity is not None and self.last_entity is not None:
            inside = pc.and_(inside, _within(keys[view.join_key], self.first_entity, self.last_entity))
        return bool(pc.any(inside, min_count=0).as_py())


def _within(values: pa.ChunkedArray, low: Cut, high: Cut) -> Any:
    bounds = (pa.scalar(low, values.type), pa.scalar(high, values.type))
    return pc.and_(pc.greater_equal(values, bounds[0]), pc.less_equal(values, bounds[1]))


def _bounded(view: GoldView, file: NamedFile) -> _Held:
    first, last = file.low.get(view.join_key), file.high.get(view.join_key)
    if view.looks_back is None:
        return _Held(file, first, last, first, last)
    low, high = file.low.get(EVENT_TIME), file.high.get(EVENT_TIME)
    # The log has milliseconds: the greatest time may be cut off by part of one.
    return _Held(file, _day(low), _day(high + timedelta(milliseconds=1)) if high else None, first, last)


def _day(time: datetime | None) -> date | None:
    return None if time is None else time.date()


@dataclass(frozen=True)
class _Stretch:
    """Files, and which new rows belong to them: those with `lowest` <= order < `below` (None: no bound)."""

    files: tuple[_Held, ...]
    lowest: Cut | None = None
    below: Cut | None = None
    takes_rows: bool = True

    def filter(self, view: GoldView) -> Any:
        """The same as an Arrow expression."""
        if not self.takes_rows:
            return pc.scalar(False)
        of = _text if view.looks_back is None else _midnight
        field = pc.field(view.join_key if view.looks_back is None else EVENT_TIME)
        where = pc.scalar(True)
        if self.lowest is not None:
            where = where & (field >= of(self.lowest))
        if self.below is not None:
            where = where & (field < of(self.below))
        return where


def _stretches(view: GoldView, held: Sequence[_Held]) -> Iterator[_Stretch]:
    """Every file in a stretch, and every value of the order in exactly one that takes rows.

    A last file that is full is left alone by later days: they begin a file of their own, or the same file would be
    written again each day.
    """
    # Files of which nothing is known may hold anything, and take nothing in.
    yield from (_Stretch((h,), takes_rows=False) for h in held if h.low is None)
    starts: dict[Cut, list[_Held]] = {}
    for h in sorted((h for h in held if h.low is not None), key=lambda h: (h.low, h.high)):
        starts.setdefault(h.low, []).append(h)  # type: ignore[arg-type]
    if view.looks_back is not None and starts:
        end = max(h.high for of in starts.values() for h in of if isinstance(h.high, date))
        if next(reversed(starts.values()))[-1].file.size_bytes >= FILE_BYTES:
            starts[end + timedelta(days=1)] = []
    lows: list[Cut | None] = [*starts, None]
    if starts:
        lows[0] = None
    for files, (lowest, below) in zip(starts.values() or [[]], pairwise(lows if starts else [None, None]), strict=True):
        yield _Stretch(tuple(files), lowest, below)


def _text(cut: Cut) -> pa.Scalar:
    return pa.scalar(cut, pa.string())


def _midnight(cut: Cut) -> pa.Scalar:
    at = datetime.combine(cut, time(), UTC) if isinstance(cut, date) else cut
    return pa.scalar(at, pa.timestamp("us", tz="UTC"))


def _is_touched(rows: pa.Table, view: GoldView, scope: Touched) -> Any:
    if view.looks_back is None:
        return pc.is_in(rows[view.join_key], scope.keys[view.join_key].combine_chunks())
    # One number for an entity and a day, so that pairs are compared as pairs.
    entities = scope.entities(view)
    held = _pairs(rows[view.join_key], days(rows[EVENT_TIME]), entities)
    # Rows of entities that are not touched have no place, and so a null.
    return pc.is_in(held, _pairs(scope.keys[view.join_key], scope.keys[DAY], entities), skip_nulls=True)


def _pairs(keys: pa.ChunkedArray, of_days: pa.ChunkedArray, entities: pa.Array) -> pa.Array:
    place = pc.cast(pc.index_in(keys, entities), pa.int64())
    number = pc.cast(pc.cast(of_days, pa.int32()), pa.int64())
    pairs = pc.add(pc.multiply(place, 1 << 32), number)
    return pairs.combine_chunks() if isinstance(pairs, pa.ChunkedArray) else pairs


def _split(rows: pa.Table, view: GoldView, parts: int) -> Iterator[pa.Table]:
    """Stretches of the order with about as many rows each; no entity (or day) lies in two."""
    if not rows.num_rows:
        return
    order = rows[view.join_key] if view.looks_back is None else days(rows[EVENT_TIME])
    cuts = quantiles(order.combine_chunks(), parts)
    for low, below in pairwise([None, *cuts, None]):
        mask = pa.array(np.ones(rows.num_rows, dtype=bool))
        if low is not None:
            mask = pc.and_(mask, pc.greater_equal(order, pa.scalar(low, order.type)))
        if below is not None:
            mask = pc.and_(mask, pc.less(order, pa.scalar(below, order.type)))
        yield rows.filter(mask)
