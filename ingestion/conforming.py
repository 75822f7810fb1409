"""Spark expressions that several sources conform with."""

from collections.abc import Iterable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ingestion.format import CARRY


def carry(raw: DataFrame) -> list[Column]:
    """The columns that every conformed frame passes on."""
    return [F.col(name) for name in CARRY]


def number(text: Column) -> Column:
    """Text as a double: decimal point or comma, exponents; null where it is no number. 'NaN' and '1e999' are none."""
    value = F.regexp_replace(F.trim(text), ",", ".").try_cast("double")
    # To Spark NaN is the greatest of all numbers.
    return F.when(F.abs(value) < float("inf"), value)


def whole_number(text: Column) -> Column:
    """Text as a bigint; null where it is none."""
    return F.trim(text).try_cast("bigint")


def as_int(value: Column) -> Column:
    """A number without its fraction; null where it is beyond an int, on which a plain cast ends the whole batch."""
    return value.try_cast("int")


def beyond_int(value: Column, name: str) -> tuple[Column, str]:
    """The problem of numbers of which `as_int` makes nothing."""
    return value.isNotNull() & as_int(value).isNull(), f"{name} is beyond what a count can be"


def with_problems(frame: DataFrame, problems: Iterable[tuple[Column, str]]) -> DataFrame:
    """Adds a reason to `problem` for each condition that holds. A record with a problem is quarantined."""
    reasons = [F.col("problem"), *(F.when(condition, F.lit(reason)) for condition, reason in problems)]
    return frame.withColumn("problem", F.nullif(F.concat_ws("; ", *reasons), F.lit("")))


def unreadable_number(frame: DataFrame, *columns: str) -> list[tuple[Column, str]]:
    """Problems for text columns that hold something which is no number."""
    return [(F.col(name).isNotNull() & number(F.col(name)).isNull(), f"{name} is not a number") for name in columns]


def known_after(event: Column, delay_days: float) -> Column:
    """Known time from the event and the declared reporting delay."""
    return event + F.make_dt_interval(F.lit(0), F.lit(0), F.lit(0), F.lit(delay_days * 86_400))
