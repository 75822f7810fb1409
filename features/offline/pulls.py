"""The newest row of each key out of a stream of rows, in memory that grows with the keys and not with the rows."""

from collections.abc import Iterator
from datetime import datetime

import pyarrow as pa
from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL

from features.asof.join import latest_rows
from features.offline.requests import Pull

BUDGET_ROWS = 1_000_000
"""Rows that are looked at together, beside one row a key."""


def latest_of(
    rows: pa.RecordBatchReader, asked: Pull, at: datetime, budget_rows: int = BUDGET_ROWS
) -> pa.RecordBatchReader:
    """The row of each key that may be used at `at`, as a stream.

    The best rows so far take part in the choice among the next ones: which row is best does not depend on how many
    are looked at together. A round is at least as large as what is carried over, so that the work stays linear.
    """
    best = rows.schema.empty_table()
    waiting: list[pa.RecordBatch] = []
    n_waiting = 0
    for batch in _given(rows):
        waiting.append(batch)
        n_waiting += batch.num_rows
        if n_waiting >= max(budget_rows, best.num_rows):
            best = _best(best, waiting, asked, at)
            waiting, n_waiting = [], 0
    return _best(best, waiting, asked, at).to_reader()


def keyed(rows: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """Rows of no entity, with Feast's stand-in for a key beside them."""
    schema = rows.schema.append(pa.field(DUMMY_ENTITY_ID, pa.string()))
    with_key = (
        pa.RecordBatch.from_arrays([*b.columns, pa.repeat(pa.scalar(DUMMY_ENTITY_VAL), b.num_rows)], schema=schema)
        for b in rows
    )
    return pa.RecordBatchReader.from_batches(schema, with_key)


def _given(rows: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    return (batch for batch in rows if batch.num_rows)


def _best(best: pa.Table, waiting: list[pa.RecordBatch], asked: Pull, at: datetime) -> pa.Table:
    return latest_rows(
        pa.concat_tables([best, pa.Table.from_batches(waiting, best.schema)]),
        keys=asked.keys,
        event_time=asked.event_time,
        known_time=asked.known_time,
        at=pa.scalar(at, pa.timestamp("us", tz="UTC")),
        known_only=asked.known_only,
    )
