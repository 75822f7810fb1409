"""What a dataset should hold of one feature view, worked out a second time and by another way than retrieval's.

Retrieval sorts the rows of an entity by when they became usable and makes one as-of pass. Here nothing is sorted:
each row is held against each label of its entity, what had happened and was known is kept, and of that the latest
event wins, then the latest known. A value that is not the winner's is then looked for among the rows that could not
be used, and the one that was nearest says how it came in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from features.arrow_sql import query
from features.instants import MICROSECOND

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Kind = Literal["future event", "late report", "correction after the fact", "not what was known"]
KINDS: tuple[Kind, ...] = ("not what was known", "late report", "correction after the fact", "future event")
"""How a value came in, in the order of the codes that `causes` gives."""

NEVER = np.iinfo(np.int64).max
TOLERANCE = 1e-9
"""Relative difference up to which two numbers are the same: text files round."""


@dataclass(frozen=True)
class Moments:
    """Rows by entity and time. key: code of the entity, -1 for none. event, known: microseconds UTC, NEVER for none."""

    key: Ints
    event: Ints
    known: Ints

    @cached_property
    def usable(self) -> Ints:
        return np.maximum(self.event, self.known)

    @cached_property
    def same_event(self) -> Ints:
        """A code for each entity's event: rows that share it are versions of one state."""
        return np.asarray(pd.MultiIndex.from_arrays([self.key, self.event]).factorize()[0], np.int64)


def winners(key: Ints, at: Ints, rows: Moments, ttl: timedelta | None) -> tuple[Ints, Ints]:
    """(label numbers, row numbers): what each label may see, labels ascending; several rows where nothing tells them
    apart, none where nothing was known.

    key, at: of each label the code of its entity and its time in microseconds. ttl: how long after its event a row
    may be used.
    """
    # With a time-to-live only rows of the same or the last span of that length can matter: an equality to join on.
    reach = None if ttl is None else ttl // MICROSECOND
    span = NEVER if reach is None else max(reach, 1)
    young = "" if reach is None else f" AND e >= t - {reach}"
    labels = pa.table({"l": np.arange(len(key)), "k": key, "t": at, "b": at // span})
    history = pa.table(
        {"r": np.arange(len(rows.key)), "k": rows.key, "e": rows.event, "n": rows.known, "b": rows.event // span}
    )
    found = query(
        f"""
        WITH asked AS (SELECT l, k, t, b FROM labels UNION ALL SELECT l, k, t, b - 1 FROM labels),
        event AS (
            SELECT l, any_value(k) AS k, any_value(t) AS t, max(e) AS e
            FROM asked JOIN history USING (k, b) WHERE e <= t AND n <= t{young} GROUP BY l
        ),
        known AS (
            SELECT l, any_value(k) AS k, any_value(e) AS e, max(n) AS n
            FROM event JOIN history USING (k, e) WHERE n <= t GROUP BY l
        )
        SELECT l, r FROM known JOIN history USING (k, e, n) ORDER BY l, r
        """,
        labels=labels,
        history=history,
    )
    return found["l"].to_numpy(), found["r"].to_numpy()


def differing(values: Floats, of_rows: Floats, label: Ints, row: Ints) -> Bools:
    """Which labels hold another value than any of their winners; missing equals missing, and no winner is missing.

    values: a number a label. of_rows: a number a row. label, row: of `winners`.
    """
    same = np.isnan(values)
    same[label] = False
    equal = _equal(values[label], of_rows[row])
    np.logical_or.at(same, label, equal)
    return ~same


def causes(
    values: Floats, key: Ints, at: Ints, of_rows: Floats, rows: Moments
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """(code of KINDS, seconds too early) of values that differ from what was known; NaN seconds for the first kind.

    The row of the entity that holds the value and became usable soonest after the label is taken for its origin: its
    event came after the label (future event), or its report did, either of a value that the same event had had
    otherwise by then (correction after the fact) or of none (late report).
    """
    kind = np.zeros(len(values), np.intp)
    seconds = np.full(len(values), np.nan)
    if not len(values):
        return kind, seconds
    origin = _soonest_after(*_coded(key, values, rows.key, of_rows), at, rows.usable)
    found = np.flatnonzero(origin >= 0)
    row = origin[found]
    t = at[found]
    first = _first_known(rows, ~np.isnan(of_rows))
    future = rows.event[row] > t
    corrected = first[row] <= t
    kind[found] = np.where(future, 3, np.where(corrected, 2, 1))
    seconds[found] = (rows.usable[row] - t) / 1e6
    return kind, seconds


def _equal(a: Floats, b: Floats) -> Bools:
    with np.errstate(invalid="ignore"):  # infinities are equal or not, and never near
        near = np.abs(a - b) <= TOLERANCE * np.maximum(np.abs(a), np.abs(b))
    return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)) | near, bool)


def _coded(key: Ints, values: Floats, row_key: Ints, row_values: Floats) -> tuple[Ints, Ints]:
    """Entity and value together as one number, for the values asked about and for the rows; -1 for a missing value."""
    numbers, _ = pd.factorize(_rounded(np.concatenate([values, row_values])))
    keys = np.concatenate([key, row_key])
    codes = np.where((numbers < 0) | (keys < 0), -1, keys * (numbers.max() + 1) + numbers)
    return codes[: len(values)], codes[len(values) :]


def _rounded(values: Floats) -> Floats:
    """Numbers to twelve digits, so that equal ones meet in a table."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scale = 10.0 ** (11 - np.floor(np.log10(np.abs(values))))
        rounded = np.round(values * scale) / scale
    return np.where(np.isfinite(rounded), rounded, values) + 0.0


def _soonest_after(asked: Ints, held: Ints, at: Ints, usable: Ints) -> Ints:
    """For each code asked at a time, the row of that code which is usable soonest after it; -1: none."""
    times = np.unique(np.concatenate([at, usable]))
    together = np.unique(np.concatenate([held, asked]), return_inverse=True)[1]
    held_code, asked_code = together[: len(held)], together[len(held) :]
    width = len(times) + 1
    of_rows = held_code * width + np.searchsorted(times, usable)
    order = np.argsort(of_rows, kind="stable")
    wanted = asked_code * width + np.searchsorted(times, at)
    place = np.searchsorted(of_rows[order], wanted, side="right")
    there = place < len(order)
    row = np.full(len(asked), -1, np.int64)
    row[there] = order[place[there]]
    is_same = (row >= 0) & (asked >= 0)
    is_same[is_same] = held[row[is_same]] == asked[is_same]
    # A row that never becomes usable is nobody's origin.
    is_same[is_same] = usable[row[is_same]] < NEVER
    return np.where(is_same, row, -1)


def _first_known(rows: Moments, has_value: Bools) -> Ints:
    """For each row, when a value of its entity's same event was first known; NEVER where it never was."""
    group = rows.same_event
    first = np.full(group.max(initial=-1) + 1, NEVER)
    np.minimum.at(first, group[has_value], rows.known[has_value])
    return np.asarray(first[group], np.int64)


def codes(asked: "pd.Series[Any]", held: pa.ChunkedArray) -> tuple[Ints, Ints]:
    """Entities of labels and of rows as the same numbers; -1 where there is none, or a label's that no row has."""
    known = pd.Index(held.unique().drop_null().to_pandas().astype(str))
    texts = asked.astype(object).where(asked.notna(), None).map(lambda v: None if v is None else str(v))
    rows = held.to_pandas()
    return _positions(known, texts), _positions(known, rows)


def _positions(known: "pd.Index[Any]", texts: "pd.Series[Any]") -> Ints:
    return np.where(texts.notna(), known.get_indexer(pd.Index(texts)), -1).astype(np.int64)


def microseconds(times: "pd.Series[Any]") -> Ints:
    """Times with a zone as whole microseconds since 1970 UTC, rounded down."""
    plain = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    per_second = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[np.datetime_data(plain.dtype)[0]]
    whole: Ints = plain.astype(np.int64)
    return np.asarray(whole // 1000 if per_second == 1_000_000_000 else whole * (1_000_000 // per_second), np.int64)


def moments(history: pa.Table, key: Ints, event_time: str, known_time: str) -> Moments:
    """The times of gold rows, whose timestamps are in microseconds."""
    return Moments(key, *_whole(history, event_time, known_time))


def _whole(history: pa.Table, *names: str) -> Iterator[Ints]:
    for name in names:
        yield history[name].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).fill_null(NEVER).to_numpy()
