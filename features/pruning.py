"""What of a table need not be read: filters that Arrow holds against the statistics of files and row groups.

A filter only ever drops rows that could not be chosen. Whether a row is chosen is for the join to say.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import deltalake
import pyarrow as pa
import pyarrow.compute as pc

from features.requests import Pull, ViewRequest

_WORTH_IT = 0.5
"""Keys as codes are read faster; a filter on keys pays where it leaves less than this share of the rows."""


def could_matter(times: pa.ChunkedArray, view: ViewRequest, *, known_only: bool, as_known_at: datetime | None) -> Any:
    """Drops rows after the last label time, or too old for the first."""
    event, known = view.event_time, view.known_time
    limits = [] if as_known_at is None else [pc.field(known) <= _instant(as_known_at)]
    bounds = pc.min_max(pc.cast(times, pa.timestamp("us", tz=times.type.tz), safe=False))
    if bounds["max"].is_valid:
        # Cutting nanoseconds off rounds towards 1970; a microsecond more on either side loses nothing.
        slack = timedelta(microseconds=1)
        last = _instant(bounds["max"].as_py().astimezone(UTC) + slack)
        limits.append(pc.field(event) <= last)
        if known is not None and known_only:
            limits.append(pc.field(known) <= last)
        if view.ttl is not None:
            limits.append(pc.field(event) >= _instant(bounds["min"].as_py().astimezone(UTC) - view.ttl - slack))
    return _all(limits)


def near_keys(view: ViewRequest, labels: pa.Table) -> Any:
    """Drops rows beyond the labels' first and last key, where whole files lie there; None where that saves too little.

    Only text keys count: gold tables have no others, and their order is the same for labels and statistics.
    """
    for key, label_key in zip(view.keys, view.label_keys, strict=True):
        column = labels[label_key]
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            continue
        bounds = pc.min_max(column)
        low, high = bounds["min"].as_py(), bounds["max"].as_py()
        if low is not None and _share(view.table, key, low, high) < _WORTH_IT:
            return (pc.field(key) >= low) & (pc.field(key) <= high)
    return None


def of_pull(asked: Pull) -> Any:
    """The rows of a pull."""
    event, known = pc.field(asked.event_time), pc.field(asked.known_time or asked.event_time)
    limits = []
    if asked.start is not None:
        limits.append(event >= _instant(asked.start))
    if asked.end is not None:
        limits.append(event <= _instant(asked.end))
        if asked.known_only:
            limits.append(known <= _instant(asked.end))
    if asked.known_time is not None and asked.as_known_at is not None:
        limits.append(known <= _instant(asked.as_known_at))
    return _all(limits)


def _share(table: deltalake.DeltaTable, column: str, low: str, high: str) -> float:
    """Share of the rows in files that may hold a text from `low` to `high`, by the statistics in the log."""
    actions = pa.table(table.get_add_actions(flatten=True))
    names = {f"min.{column}", f"max.{column}", "num_records"}
    if not actions.num_rows or not names <= set(actions.column_names):
        return 1.0
    least, most = actions[f"min.{column}"], actions[f"max.{column}"]
    if not (pa.types.is_string(least.type) or pa.types.is_string_view(least.type)):
        return 1.0
    near = pc.and_kleene(
        pc.less_equal(least, pa.scalar(high, least.type)), pc.greater_equal(most, pa.scalar(low, most.type))
    )
    rows = actions["num_records"].fill_null(0)
    total = pc.sum(rows).as_py()
    return float(pc.sum(pc.if_else(near.fill_null(True), rows, 0)).as_py() / total) if total else 1.0


def _all(limits: Iterable[Any]) -> Any:
    where = None
    for limit in limits:
        where = limit if where is None else where & limit
    return where


def _instant(at: datetime) -> pa.Scalar:
    return pa.scalar(at, pa.timestamp("us", tz="UTC"))
