"""What both plans of the as-of join end with: the best row of each history for each label, and what it tells."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import reduce
from typing import TYPE_CHECKING

from features.instants import MICROSECOND
from features.spark.columns import History, micros, named, quoted
from infra.errors import UsageError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

AT, LABEL, LABEL_NUMBER = "__at", "__label", "__number"


def instants_and_numbers(labels: "DataFrame", label_time: str, number: str) -> "list[Column]":
    """What every label carries through a plan: its instant AT, its number LABEL_NUMBER, and all of itself as LABEL."""
    from pyspark.sql import functions as F

    return [
        micros(labels, label_time).alias(AT),
        named(number).alias(LABEL_NUMBER),
        F.struct(*map(named, labels.columns)).alias(LABEL),
    ]


def best_of(parts: Sequence["DataFrame"], histories: Iterable[str]) -> "DataFrame":
    """One row a label, with the best row of each history that any part has for it."""
    from pyspark.sql import functions as F

    best = [F.max_by(f"__row_{n}", f"__rank_{n}").alias(f"__row_{n}") for n in histories]
    first = [F.first(column, ignorenulls=True).alias(column) for column in (AT, LABEL)]
    return union(parts).groupBy(LABEL_NUMBER).agg(*first, *best)


def told(answered: "DataFrame", label_columns: Sequence[str], histories: Mapping[str, History]) -> "DataFrame":
    """The label's own columns, then the chosen row of each history unless it is too old."""
    from pyspark.sql import functions as F

    return answered.select(
        *(F.col(f"{LABEL}.{quoted(c)}") for c in label_columns),
        *(_fresh(name, history.ttl).alias(name) for name, history in histories.items()),
    )


def union(parts: Sequence["DataFrame"]) -> "DataFrame":
    """All rows; columns that a part lacks are null."""
    return reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), parts)


def require_known_times(histories: Iterable[History], known_only: bool, as_known_at: datetime | None) -> None:
    """Raises UsageError where known times are asked for that a history does not have."""
    if (known_only or as_known_at is not None) and any(h.known_time is None for h in histories):
        raise UsageError("These features have no column of known time; name one, or ask with known_only=False.")


def _fresh(name: str, ttl: timedelta | None) -> "Column":
    from pyspark.sql import functions as F

    row = F.col(f"__row_{name}")
    if ttl is None:
        return row
    return F.when(row["event"] >= F.col(AT) - ttl // MICROSECOND, row)
