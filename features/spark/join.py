"""The as-of join on Spark: for each label, what was known of its entity at the label's time; at any size.

The rule is that of `features.asof`. Labels and the rows of every history with the same key are laid into one table and
ordered by the instant at which they count (a label: its time; a row: `usable = max(event, known)`), rows before labels
at the same instant. The best row so far, by (event, known, payload), is then what each label may see: a running
maximum, so one shuffle and one sort serve all histories, and the cost grows with the rows and never with the pairs.
Where the labels are few, `features.spark.candidates` has a better plan.

The best of all rows is the best of the bests of any parts of them. So a key with more rows than a task should hold
(`heavy_keys`) is divided into shares: the longer of its two sides is divided, the other one is copied to each share,
and where rows of the history were divided, the best answer of the shares is the answer.

Times are whole microseconds since 1970 in UTC. Nothing here passes through the driver.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from features.instants import to_microseconds
from features.spark.best import (
    AT,
    LABEL,
    LABEL_NUMBER,
    best_of,
    instants_and_numbers,
    require_known_times,
    told,
    union,
)
from features.spark.columns import History, all_given, key_types, micros, named, rank

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType

IS_LABEL, SHARE, SHARES, DIVIDES_LABELS = "__is_label", "__share", "__shares", "__divides_labels"
NULL_KEY_SHARES = 64
"""Labels without a key match nothing; so that they do not all meet in one task, they are dealt out."""


def as_of_join(
    labels: "DataFrame",
    histories: Mapping[str, History],
    *,
    label_keys: Sequence[str],
    label_time: str,
    number: str,
    known_only: bool = True,
    as_known_at: datetime | None = None,
    heavy: "DataFrame | None" = None,
    partitions: int | None = None,
) -> "DataFrame":
    """The row of each history that each row of `labels` may see: one output row a label, in no order.

    labels: any columns; `label_keys` and `label_time` (a timestamp) are read, `number` tells the labels apart.
    histories: by the name of the column that the answer gets; all are keyed by `label_keys`.
    known_only: False ignores the known time but for breaking ties. as_known_at: rows known later do not exist.
    heavy: what `heavy_keys` returned. partitions: tasks to divide the work into; None: what the session has set.

    Returns every column of `labels`, and for each history a struct of its `columns`, f0, f1, ... in their order; null
    where nothing could be known: no row, all too old, a null key or a null time in the label. Rows of history with a
    null key or event are never chosen, nor is a row with a null known time while known_only. Rows that agree in key,
    event and known time are told apart by their payload: the greatest counts, column by column, nulls first.

    Raises UsageError on times without a zone, and on keys that cannot be compared.
    """
    from pyspark.sql import functions as F

    require_known_times(histories.values(), known_only, as_known_at)
    keys = [f"__k{i}" for i in range(len(label_keys))]
    types = key_types(labels, label_keys, histories.values())
    asked = labels.select(
        *(named(name).cast(t).alias(k) for name, t, k in zip(label_keys, types, keys, strict=True)),
        *instants_and_numbers(labels, label_time, number),
        F.lit(True).alias(IS_LABEL),
    )
    sides = [dealt(asked, keys, heavy, is_label=True, spread=LABEL_NUMBER)]
    for name, history in histories.items():
        rows = _rows(name, history, keys, types, known_only=known_only, as_known_at=as_known_at)
        sides.append(dealt(rows, keys, heavy, is_label=False, spread=AT))
    answered = _by_window(sides, keys, histories, is_divided=heavy is not None, partitions=partitions)
    return told(answered, labels.columns, histories)


def _by_window(
    sides: Sequence["DataFrame"],
    keys: Sequence[str],
    histories: Iterable[str],
    *,
    is_divided: bool,
    partitions: int | None,
) -> "DataFrame":
    """The labels, each with the best row of each history among those before it."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    together = union(sides)
    if partitions is not None:
        together = together.repartition(partitions, *keys, SHARE)
    so_far = (
        Window.partitionBy(*keys, SHARE).orderBy(AT, IS_LABEL).rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    best = [F.max_by(f"__row_{n}", f"__rank_{n}").over(so_far).alias(f"__row_{n}") for n in histories]
    if not is_divided:
        return together.select(IS_LABEL, AT, LABEL, *best).where(IS_LABEL)
    ranks = [F.max(f"__rank_{n}").over(so_far).alias(f"__rank_{n}") for n in histories]
    labels = together.select(IS_LABEL, LABEL_NUMBER, AT, LABEL, *best, *ranks).where(IS_LABEL)
    return best_of([labels], histories)


def heavy_keys(
    labels: "DataFrame", histories: Sequence[History], *, label_keys: Sequence[str], rows_a_share: int
) -> "DataFrame":
    """The keys with more labels, or more rows of history, than `rows_a_share`, and how to divide them.

    At most (labels + rows) / rows_a_share keys. A count over the key columns alone; without key columns, one row.
    """
    from pyspark.sql import functions as F

    keys = [f"__k{i}" for i in range(len(label_keys))]
    types = key_types(labels, label_keys, histories)

    def counted(frame: "DataFrame", names: Sequence[str], is_label: int) -> "DataFrame":
        given = [named(n).cast(t).alias(k) for n, t, k in zip(names, types, keys, strict=True)]
        rows = frame.select(*given).where(all_given(keys))
        return rows.groupBy(*keys).agg(
            (F.count("*") * is_label).alias("labels"), (F.count("*") * (1 - is_label)).alias("rows")
        )

    sides = [counted(labels, label_keys, 1), *(counted(h.frame, h.keys, 0) for h in histories)]
    counts = union(sides).groupBy(*keys).agg(F.sum("labels").alias("labels"), F.sum("rows").alias("rows"))
    longer = F.greatest("labels", "rows")
    return counts.where(longer > rows_a_share).select(
        *keys,
        F.ceil(longer / rows_a_share).cast("int").alias(SHARES),
        (F.col("labels") > F.col("rows")).alias(DIVIDES_LABELS),
    )


def _rows(
    name: str,
    history: History,
    keys: Sequence[str],
    types: Sequence["DataType"],
    *,
    known_only: bool,
    as_known_at: datetime | None,
) -> "DataFrame":
    """Key, instant, rank and payload of the rows that could ever be chosen."""
    from pyspark.sql import functions as F

    frame = history.frame
    event = micros(frame, history.event_time)
    known = event if history.known_time is None else micros(frame, history.known_time)
    usable = F.greatest(event, known) if known_only else event
    possible = event.isNotNull()
    if known_only:
        possible = possible & known.isNotNull()
    if as_known_at is not None:
        possible = possible & (known <= to_microseconds(as_known_at))
    payload = F.struct(event.alias("event"), *(named(c).alias(f"f{i}") for i, c in enumerate(history.columns)))
    given = [named(n).cast(t).alias(k) for n, t, k in zip(history.keys, types, keys, strict=True)]
    rows = frame.where(possible).select(
        *given,
        usable.alias(AT),
        F.lit(False).alias(IS_LABEL),
        rank(frame, event.alias("event"), known.alias("known"), history.tie_breakers()).alias(f"__rank_{name}"),
        payload.alias(f"__row_{name}"),
    )
    return rows.where(all_given(keys))


def dealt(
    frame: "DataFrame", keys: Sequence[str], heavy: "DataFrame | None", *, is_label: bool, spread: str
) -> "DataFrame":
    """The rows with the share that they go to: 0, or of a heavy key one of its shares, or a copy to each of them."""
    from pyspark.sql import functions as F

    by_chance = F.pmod(F.xxhash64(spread), F.lit(NULL_KEY_SHARES)).cast("int")
    alone = F.when(all_given(keys), 0).otherwise(by_chance) if is_label else F.lit(0)
    if heavy is None:
        return frame.withColumn(SHARE, alone)
    small = F.broadcast(heavy)
    found = frame.join(small, list(keys), "left") if keys else frame.crossJoin(small)
    is_divided = F.col(DIVIDES_LABELS) if is_label else ~F.col(DIVIDES_LABELS)
    one = F.pmod(F.xxhash64(spread), F.col(SHARES)).cast("int")
    each = F.sequence(F.lit(0), F.col(SHARES) - 1)
    shares = F.when(F.col(SHARES).isNull(), F.array(alone)).when(is_divided, F.array(one)).otherwise(each)
    return found.withColumn(SHARE, F.explode(shares)).drop(SHARES, DIVIDES_LABELS)
