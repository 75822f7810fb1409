"""The as-of join: for each label, what was known of its entity at the label's time.

A row of history may be used at time t if `event <= t` and `known <= t`; of those, the latest event wins, then the
latest known. Two conditions make no as-of join, so they are made one. Let `usable = max(event, known)`: both hold
exactly when `usable <= t`. Sort the rows of a key by (usable, event, known). A row can only ever be chosen if no
earlier row of that order has a later event, and if no later row is usable at the same instant; on the rows that
are left, the last one with `usable <= t` is the answer. (An earlier row with the *same* event never has a later
known time: known <= usable for both, and where the two become usable together the order itself sorts by known.)
The time-to-live is checked on the chosen row afterwards. That is exact: it has the latest event of all, so if it
is too old, every other row is too.

Times are compared as whole microseconds since 1970 in UTC, so no time zone can enter. Only keys and times are worked
on (`features.asof.key_codes`, `features.asof.steps`); the payload is taken from the history by row number, whatever it
is.
"""

import math
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.asof.key_codes import key_codes
from features.asof.steps import UNKNOWN, Steps, Times, blocks_of, steps_of
from features.instants import MICROSECOND
from infra.errors import UsageError

_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}


def as_of_join(
    labels: pa.Table,
    history: pa.Table,
    *,
    keys: Sequence[str],
    label_time: str,
    event_time: str,
    known_time: str | None,
    label_keys: Sequence[str] | None = None,
    ttl: timedelta | None = None,
    known_only: bool = True,
) -> pa.Table:
    """The row of `history` that each row of `labels` may see: one output row a label, in the label order.

    labels: any columns; of these `label_keys` (default: `keys`) and `label_time` are read.
    history: `keys`, `event_time`, `known_time` and the payload, in any order of rows.
    ttl: how long after its event a row may be used; None: without end.
    known_only: False ignores `known_time` but for breaking ties: only to show what looking ahead would have seen.

    Returns a table with every column of `history`. All of them are null where nothing could be known: no row, all
    too old, a null key or a null time in the label. Rows of history with a null key or event are never chosen, nor
    is a row with a null known time while known_only. Rows that agree in key, event and known time are told apart by
    their payload, so that the order of the history never matters.

    Raises UsageError on a missing column, on times without a zone, and on keys that cannot be compared.
    """
    return history.take(
        as_of_rows(
            labels,
            history,
            keys=keys,
            label_time=label_time,
            event_time=event_time,
            known_time=known_time,
            label_keys=label_keys,
            ttl=ttl,
            known_only=known_only,
        )
    )


def as_of_rows(
    labels: pa.Table,
    history: pa.Table,
    *,
    keys: Sequence[str],
    label_time: str,
    event_time: str,
    known_time: str | None,
    label_keys: Sequence[str] | None = None,
    ttl: timedelta | None = None,
    known_only: bool = True,
    more_payload: Callable[[], pa.Table] | None = None,
) -> pa.Array:
    """Row numbers (int64) in `history`, one a label in label order; null: nothing. See `as_of_join`.

    more_payload: gives further columns of the history, which are looked at only where rows have to be told apart.
    """
    label_keys = label_keys or keys
    times = [event_time] if known_time is None else [event_time, known_time]
    _require(labels, [*label_keys, label_time], "label rows")
    _require(history, [*keys, *times], "feature rows")
    if known_only and known_time is None:
        raise UsageError("These features have no column of known time; name one, or ask with known_only=False.")
    codes = key_codes(
        [labels[name] for name in label_keys],
        [history[name] for name in keys],
        label_keys,
        (labels.num_rows, history.num_rows),
    )
    event, has_event = _numbers(microseconds(history[event_time], event_time, round_up=True))
    known, is_known = event, None
    if known_time is not None and known_time != event_time:
        known, is_known = _numbers(microseconds(history[known_time], known_time, round_up=True))
    possible = has_event
    if known_only and is_known is not None:
        possible = is_known if possible is None else possible & is_known
    at, _ = _numbers(microseconds(labels[label_time], label_time, round_up=False))
    steps = steps_of(codes.history, codes.n, event, known, possible, known_only)
    chosen = steps.chosen(codes.labels, at, None if ttl is None else ttl // MICROSECOND)
    found = chosen >= 0
    if not len(steps.row):
        return pa.nulls(labels.num_rows, pa.int64())
    row = steps.row
    if steps.has_twin.any() and steps.has_twin[chosen[found]].any():
        payload = [name for name in history.column_names if name not in {*keys, *times}]
        further = [more_payload()] if more_payload is not None else []
        row = _told_apart(steps, np.unique(chosen[found]), [history.select(payload), *further])
    return pa.array(row.take(chosen, mode="clip"), mask=None if found.all() else ~found)


def latest_rows(
    history: pa.Table,
    *,
    keys: Sequence[str],
    event_time: str,
    known_time: str | None,
    at: pa.TimestampScalar,
    known_only: bool = True,
) -> pa.Table:
    """The row of each key that may be used at `at`: the as-of join with every key asked at that one time."""
    entities = history.select(list(keys)).group_by(list(keys)).aggregate([]) if keys else pa.table({"__one": [1]})
    labels = entities.append_column("__at", pa.repeat(at, entities.num_rows))
    rows = as_of_rows(
        labels,
        history,
        keys=keys,
        label_time="__at",
        event_time=event_time,
        known_time=known_time,
        known_only=known_only,
    )
    return history.take(pc.drop_null(rows))


def microseconds(times: pa.ChunkedArray | pa.Array, name: str, *, round_up: bool) -> pa.ChunkedArray:
    """Timestamps with a zone as int64 microseconds since 1970 UTC.

    Nanoseconds are rounded so that no comparison changes: up for facts, down for the instants that they are compared
    with. Raises UsageError on anything else; a time without a zone could be any of 26 hours.
    """
    column = times if isinstance(times, pa.ChunkedArray) else pa.chunked_array([times])
    if not pa.types.is_timestamp(column.type):
        raise UsageError(f"Column {name} holds {column.type}; expected timestamps in UTC.")
    if column.type.tz is None:
        raise UsageError(f"The times in column {name} have no time zone; give them one, such as UTC.")
    unit = column.type.unit
    whole = column.cast(pa.int64())
    if unit == "ns":
        up = pc.add(whole, 999) if round_up else whole
        remainder = pc.subtract(up, pc.multiply(pc.divide(up, 1000), 1000))
        return pc.subtract(pc.divide(up, 1000), pc.less(remainder, 0).cast(pa.int64()))
    return whole if unit == "us" else pc.multiply_checked(whole, _MICROSECONDS[unit])


def _require(table: pa.Table, names: Sequence[str], what: str) -> None:
    missing = sorted(set(names) - set(table.column_names))
    if missing:
        raise UsageError(f"The {what} have no column {', '.join(missing)}; they have {', '.join(table.column_names)}.")


def _numbers(column: pa.ChunkedArray) -> tuple[Times, NDArray[np.bool_] | None]:
    """(values, which are given): UNKNOWN where there is none; None: all are given."""
    if not column.null_count:
        return column.to_numpy(), None
    return column.fill_null(UNKNOWN).to_numpy(), column.is_valid().to_numpy()


def _told_apart(steps: Steps, chosen: NDArray[np.int64], payload: Sequence[pa.Table]) -> NDArray[np.int64]:
    """The row of each step; of twins, the one whose payload is the greatest, so that where they lie never matters.

    chosen: the steps that count, in order. payload: tables with the history's rows. Columns are compared one after the
    other as SQL orders values, nulls first.
    """
    asked = np.isin(steps.group, chosen)
    twins, group = steps.twins[asked], steps.group[asked]
    columns = [column.take(pa.array(twins)).to_pylist() for table in payload for column in table.columns]
    ranks = [tuple(_rank(value) for value in values) for values in zip(*columns, strict=True)] or [()] * len(twins)
    row = steps.row.copy()
    for step, where in blocks_of(group):
        row[step] = max(zip(ranks[where], twins[where].tolist(), strict=True))[1]
    return row


def _rank(value: Any) -> tuple[Any, ...]:
    """What orders values as SQL does: nulls first, then numbers with NaN last, texts by code point, lists by parts."""
    if value is None:
        return (0,)
    if isinstance(value, float) and math.isnan(value):
        return (2,)
    if isinstance(value, list | tuple):
        return (1, tuple(_rank(part) for part in value))
    if isinstance(value, dict):
        return (1, tuple(_rank(part) for part in value.values()))
    return (1, value)
