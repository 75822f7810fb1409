"""The as-of join: for each label, what was known of its entity at the label's time.

A row of history may be used at time t if `event <= t` and `known <= t`; of those, the latest event wins, then the
latest known. Two conditions make no as-of join, so they are made one. Let `usable = max(event, known)`: both hold
exactly when `usable <= t`. Sort the rows of a key by (usable, event, known). A row can only ever be chosen if no
earlier row of that order has a later event, and if no later row is usable at the same instant; on the rows that
are left, the last one with `usable <= t` is the answer. (An earlier row with the *same* event never has a later
known time: known <= usable for both, and where the two become usable together the order itself sorts by known.)
The time-to-live is checked on the chosen row afterwards. That is exact: it has the latest event of all, so if it
is too old, every other row is too.

Times are compared as whole microseconds since 1970 in UTC, so no time zone can enter. Only keys and times pass
through DuckDB; the payload is taken from the history by row number, whatever its width or types.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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
) -> pa.Array:
    """Row numbers (int64) in `history`, one a label in label order; null: nothing. See `as_of_join`."""
    label_keys = label_keys or keys
    times = [event_time] if known_time is None else [event_time, known_time]
    _require(labels, [*label_keys, label_time], "label rows")
    _require(history, [*keys, *times], "feature rows")
    if known_only and known_time is None:
        raise UsageError("These features have no column of known time; name one, or ask with known_only=False.")
    key_columns = {f"k{i}": history[name] for i, name in enumerate(keys)}
    event = microseconds(history[event_time], event_time, round_up=True)
    known = event if known_time is None else microseconds(history[known_time], known_time, round_up=True)
    rows = pa.table(
        {
            **key_columns,
            "event": event,
            "known": known,
            "r": np.arange(history.num_rows, dtype=np.int64),
        }
    )
    probes = pa.table(
        {
            **{f"k{i}": _comparable(labels[name], rows[f"k{i}"].type, name) for i, name in enumerate(label_keys)},
            "t": microseconds(labels[label_time], label_time, round_up=False),
            "l": np.arange(labels.num_rows, dtype=np.int64),
        }
    )
    if not labels.num_rows or not history.num_rows:
        return pa.nulls(labels.num_rows, pa.int64())
    chosen, has_ties = _choose(probes, rows, len(keys), ttl, known_only)
    if has_ties:
        order = _payload_order(history, [n for n in history.column_names if n not in {*keys, *times}])
        chosen, _ = _choose(probes, rows.append_column("tie", order), len(keys), ttl, known_only)
    return chosen


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
    entities = history.select(list(keys)).group_by(list(keys)).aggregate([])
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


def _comparable(column: pa.ChunkedArray, wanted: pa.DataType, name: str) -> pa.ChunkedArray:
    """Label keys in the type of the history's keys; pandas turns whole numbers and categories into other types."""
    try:
        return column.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UsageError(f"The keys in column {name} are {column.type}; the features have {wanted}.") from error


@cache
def _database() -> Any:
    """One empty in-memory database a process: opening one takes 50 ms, a cursor of it (what each join uses) none."""
    import duckdb

    return duckdb.connect()


def _choose(
    probes: pa.Table, rows: pa.Table, n_keys: int, ttl: timedelta | None, known_only: bool
) -> tuple[pa.Array, bool]:
    """Chosen row numbers in label order, and whether any chosen row had a twin in key, event and known time."""
    names = [f"k{i}" for i in range(n_keys)]
    partition = f"PARTITION BY {', '.join(names)}" if names else ""
    equal = "".join(f" AND p.{k} = s.{k}" for k in names)
    given = " AND ".join(
        [*(f"{k} IS NOT NULL" for k in names), "event IS NOT NULL", "TRUE" if not known_only else "known IS NOT NULL"]
    )
    usable = "greatest(event, known)" if known_only else "event"
    tie = ", tie" if "tie" in rows.column_names else ""
    too_old = "FALSE" if ttl is None else f"s.event < p.t - {ttl // timedelta(microseconds=1)}"
    with _database().cursor() as db:
        db.register("rows_", rows)
        db.register("probes", probes)
        db.execute(f"""
            CREATE TEMP TABLE steps AS
            SELECT {"".join(f"{k}, " for k in names)} event, usable, r,
                   usable = before_usable AND event = before_event
                       AND known IS NOT DISTINCT FROM before_known AS is_tied
            FROM (
                SELECT *, max(event) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS latest_event,
                       lead(usable) OVER w AS next_usable,
                       lag(usable) OVER w AS before_usable, lag(event) OVER w AS before_event,
                       lag(known) OVER w AS before_known
                FROM (SELECT *, {usable} AS usable FROM rows_ WHERE {given})
                WINDOW w AS ({partition} ORDER BY usable, event, known NULLS FIRST{tie})
            )
            WHERE event >= coalesce(latest_event, event) AND next_usable IS DISTINCT FROM usable
        """)
        table = db.sql(f"""
            SELECT p.l, CASE WHEN {too_old} THEN NULL ELSE s.r END AS r, s.is_tied
            FROM probes p ASOF LEFT JOIN steps s ON p.t >= s.usable{equal}
        """).to_arrow_table()
    # Every label comes back once, in any order; putting each in its place is cheaper than sorting.
    position = table["l"].to_numpy()
    result = np.empty(probes.num_rows, dtype=np.int64)
    absent = np.ones(probes.num_rows, dtype=bool)
    result[position] = table["r"].fill_null(0).to_numpy()
    absent[position] = table["r"].is_null().to_numpy()
    return pa.array(result, mask=absent), bool(pc.any(table["is_tied"]).as_py())


def _payload_order(history: pa.Table, payload: list[str]) -> pa.Array:
    """A text for each row of the history that orders rows by what they hold and not by where they lie."""
    columns = [history[name].to_pylist() for name in payload]
    return pa.array([repr(values) for values in zip(*columns, strict=True)] if columns else [""] * history.num_rows)
