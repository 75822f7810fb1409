"""Spark expressions that several sources conform with."""

from collections.abc import Iterable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ingestion.decimals import OPEN_COMMA
from ingestion.format import CARRY

DECLARE = "declare decimal_mark for the site"


def carry(raw: DataFrame) -> list[Column]:
    """The columns that every conformed frame passes on."""
    return [F.col(name) for name in CARRY]


def number(text: Column, decimal_mark: str | None = None) -> Column:
    """Text as a double: decimal point or comma, exponents; null where it is no number. 'NaN' and '1e999' are none.

    decimal_mark: what the site declares. Without it a comma before three digits (1,234) can be read two ways and gives
    null; under a point it groups thousands.
    """
    trimmed = F.trim(text)
    value = F.regexp_replace(trimmed, ",", "." if decimal_mark != "." else "").try_cast("double")
    if decimal_mark is None:
        value = F.when(~trimmed.rlike(OPEN_COMMA), value)
    elif decimal_mark == ".":
        value = F.when(trimmed.rlike(OPEN_COMMA), value).otherwise(
            F.regexp_replace(trimmed, ",", ".").try_cast("double")
        )
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


def unreadable_number(frame: DataFrame, *columns: str, decimal_mark: str | None = None) -> list[tuple[Column, str]]:
    """Problems for text columns that hold something which is no number, or one that can be read two ways."""
    problems = []
    for name in columns:
        is_open = F.trim(F.col(name)).rlike(OPEN_COMMA) if decimal_mark is None else F.lit(False)
        is_unread = F.col(name).isNotNull() & number(F.col(name), decimal_mark).isNull()
        problems.append((is_unread & ~is_open, f"{name} is not a number"))
        problems.append((is_open, f"{name} can be read two ways (decimal comma or thousands); {DECLARE}"))
    return problems


def known_after(event: Column, delay_days: float) -> Column:
    """Known time from the event and the declared reporting delay."""
    return event + F.make_dt_interval(F.lit(0), F.lit(0), F.lit(0), F.lit(delay_days * 86_400))
