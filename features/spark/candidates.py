"""The as-of join on Spark where the labels are few enough to be everywhere: no row of history moves.

Each task joins the rows that it reads anyway with all labels, by the local engine's own kernel, and keeps the best row
for each label. The best of all is the best of these, so they are all that is shuffled: at most one a label and chunk of
rows. A key with most of the rows is no trouble, because rows are never brought together by key.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from features.asof.join import as_of_rows
from features.instants import to_microseconds
from features.spark.best import AT, LABEL_NUMBER, best_of, instants_and_numbers, require_known_times, told
from features.spark.columns import History, all_given, key_types, micros, named, rank

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType

CHUNK_ROWS, CHUNK_BYTES = 1_000_000, 128 << 20
"""What a task holds at once: whichever is reached first."""
EVENT, KNOWN, LABEL_AT = "__event", "__known", "__label_at"

Batches = Iterable[pa.RecordBatch]


def as_of_join_few(
    labels: "DataFrame",
    histories: Mapping[str, History],
    label_keys: Mapping[str, Sequence[str]],
    *,
    label_time: str,
    number: str,
    known_only: bool = True,
    as_known_at: datetime | None = None,
) -> "DataFrame":
    """As `features.spark.join.as_of_join`, where keys and times of all labels may be sent to every task.

    They are read at once for that, and once more by the plan: `labels` must have the same numbers both times.
    label_keys: by history, the label columns that its keys are compared with; they may differ between histories, and
        one pass serves all.
    """
    from pyspark.sql import functions as F

    require_known_times(histories.values(), known_only, as_known_at)
    carried = instants_and_numbers(labels, label_time, number)
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in histories:
        groups.setdefault(tuple(label_keys[name]), []).append(name)
    types = {given: key_types(labels, given, [histories[n] for n in names]) for given, names in groups.items()}
    keys = {given: [f"__g{g}k{i}" for i in range(len(given))] for g, given in enumerate(groups)}
    cast = [
        named(name).cast(t).alias(k)
        for given in groups
        for name, t, k in zip(given, types[given], keys[given], strict=True)
    ]
    probes = labels.select(*cast, *carried).select(
        *(k for given in groups for k in keys[given]), F.timestamp_micros(AT).alias(LABEL_AT), LABEL_NUMBER
    )
    table = probes.toArrow()
    found = [
        candidates(
            name, histories[name], table.select([*keys[given], LABEL_AT, LABEL_NUMBER]), keys[given], types[given],
            known_only=known_only, as_known_at=as_known_at,
        )
        for given, names in groups.items()
        for name in names
    ]  # fmt: skip
    return told(best_of([labels.select(*carried), *found], histories), labels.columns, histories)


def candidates(
    name: str,
    history: History,
    labels: pa.Table,
    keys: Sequence[str],
    types: Sequence["DataType"],
    *,
    known_only: bool,
    as_known_at: datetime | None,
) -> "DataFrame":
    """For each label, rows of the history among which the best one is: LABEL_NUMBER, and the rank and row of `name`.

    labels: `keys` in their `types`, LABEL_AT (timestamps), LABEL_NUMBER; they travel to every task.
    """
    from pyspark.sql import functions as F
    from pyspark.sql.types import LongType, StructField, StructType

    frame, known = history.frame, history.known_time
    possible = all_given(history.keys) & named(history.event_time).isNotNull()
    # Refuses columns that hold no instants, here rather than in a task.
    micros(frame, history.event_time)
    if known is not None:
        at = micros(frame, known)
        possible = possible & at.isNotNull() if known_only else possible
        possible = possible if as_known_at is None else possible & (at <= to_microseconds(as_known_at))
    rows = frame.where(possible).select(
        *(named(n).cast(t).alias(k) for n, t, k in zip(history.keys, types, keys, strict=True)),
        named(history.event_time).alias(EVENT),
        *([] if known is None else [named(known).alias(KNOWN)]),
        *(named(c).alias(f"f{i}") for i, c in enumerate(history.columns)),
    )
    schema = StructType([StructField(LABEL_NUMBER, LongType()), *rows.drop(*keys).schema.fields])
    join = partial(
        _best_rows, labels, keys=tuple(keys), known_time=None if known is None else KNOWN, known_only=known_only
    )
    found = rows.mapInArrow(_by_chunk(join), schema)
    event = F.unix_micros(EVENT).alias("event")
    latest = F.unix_micros(EVENT if known is None else KNOWN).alias("known")
    payload = [f"f{i}" for i in range(len(history.columns))]
    return found.select(
        LABEL_NUMBER,
        rank(found, event, latest, history.tie_breakers(payload)).alias(f"__rank_{name}"),
        F.struct(event, *payload).alias(f"__row_{name}"),
    )


def _by_chunk(join: Callable[[pa.Table], pa.Table]) -> Callable[[Batches], Batches]:
    """A task: its rows, a chunk at a time."""

    def task(batches: Batches) -> Batches:
        waiting: list[pa.RecordBatch] = []
        n_rows = n_bytes = 0
        for batch in batches:
            waiting.append(batch)
            n_rows, n_bytes = n_rows + batch.num_rows, n_bytes + batch.nbytes
            if n_rows >= CHUNK_ROWS or n_bytes >= CHUNK_BYTES:
                yield from join(pa.Table.from_batches(waiting)).to_batches()
                waiting, n_rows, n_bytes = [], 0, 0
        if n_rows:
            yield from join(pa.Table.from_batches(waiting)).to_batches()

    return task


def _best_rows(
    labels: pa.Table, history: pa.Table, *, keys: Sequence[str], known_time: str | None, known_only: bool
) -> pa.Table:
    """The label numbers that may see any of these rows, and the best row of each."""
    if not keys:
        # The kernel joins on some key: without one, all rows have the same.
        labels = labels.append_column("__all", pa.nulls(labels.num_rows, pa.int8()).fill_null(0))
        history = history.append_column("__all", pa.nulls(history.num_rows, pa.int8()).fill_null(0))
        keys = ("__all",)
    rows = as_of_rows(
        labels,
        history,
        keys=keys,
        label_time=LABEL_AT,
        event_time=EVENT,
        known_time=known_time,
        known_only=known_only,
    )
    numbers = labels[LABEL_NUMBER].filter(rows.is_valid())
    best = history.drop_columns(list(keys)).take(pc.drop_null(rows))
    return best.add_column(0, LABEL_NUMBER, numbers)
