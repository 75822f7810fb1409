"""The latest value among a patient's facts."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from features.tables.facts import FACT_TIME


def newest(value: Column | str, condition: Column) -> Column:
    """Aggregate: the value of the latest fact that meets the condition and has one."""
    given = F.col(value) if isinstance(value, str) else value
    rank = F.struct(FACT_TIME, "method")
    return F.max_by(given, F.when(condition & given.isNotNull(), rank))


def newest_call(marker: Column, positive: str, negative: str) -> Column:
    """Aggregate: whether the latest clear call of the markers chosen is the positive one; null without a clear call."""
    clear = marker & F.col("call").isin(positive, negative)
    return newest("call", clear) == positive
