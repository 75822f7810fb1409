"""Label rows for a span of time: every instant at which what can be known of a key changes."""

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from features.offline.delta_source import read_columns
from features.offline.requests import Retrieval, ViewRequest
from features.view import LABEL_TIME

_TIME = pa.timestamp("us", tz="UTC")


def span_labels(asked: Retrieval) -> pa.Table:
    """The distinct (keys, instant) of all views asked, from the first to the last instant of the span, both included.

    An instant is where a row becomes usable: the later of its event and known time, or its event where known_only is
    off. At its event time alone, a row that was reported later would never be seen. A key of another view is null.
    Columns: the label keys, `event_timestamp` (UTC); sorted by them in that order, nulls last.
    """
    first, last = asked.asked_span()
    parts = [_changes(view, asked, first, last) for view in asked.views]
    keys = asked.label_keys
    types = {f.name: f.type for part in reversed(parts) for f in part.schema}
    table = pa.concat_tables([_with_keys(part, keys, types) for part in parts])
    order = [(name, "ascending") for name in table.column_names]
    return table.group_by(table.column_names).aggregate([]).sort_by(order)


def _changes(view: ViewRequest, asked: Retrieval, first: datetime, last: datetime) -> pa.Table:
    low, high = pa.scalar(first, _TIME), pa.scalar(last, _TIME)
    known = view.known_time if asked.known_only or asked.as_known_at is not None else None
    where = pc.field(view.event_time) <= high
    if asked.as_known_at is not None:
        where = where & (pc.field(known) <= pa.scalar(asked.as_known_at, _TIME))
    if asked.known_only:
        where = where & (pc.field(known) <= high)
        where = where & ((pc.field(view.event_time) >= low) | (pc.field(known) >= low))
    else:
        where = where & (pc.field(view.event_time) >= low)
    for key in view.keys:
        where = where & pc.field(key).is_valid()
    columns = [*view.keys, view.event_time, *([known] if known else [])]
    rows = read_columns(view.table, columns, where)
    usable = rows[view.event_time].cast(_TIME)
    if asked.known_only:
        since = rows[known].cast(_TIME)
        usable = pc.if_else(pc.greater(since, usable), since, usable)
    return pa.table([*(rows[key] for key in view.keys), usable], names=[*view.label_keys, LABEL_TIME])


def _with_keys(part: pa.Table, keys: list[str], types: dict[str, pa.DataType]) -> pa.Table:
    columns = [
        part[key].cast(types[key]) if key in part.column_names else pa.nulls(part.num_rows, types[key]) for key in keys
    ]
    return pa.table([*columns, part[LABEL_TIME]], names=[*keys, LABEL_TIME])
