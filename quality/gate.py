"""The row-level gate: every check of a table's declaration as a Spark expression, in one pass, with reasons."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from infra.checks import Between, Check, Matches, NotBefore, NotNull, OneOf, sentence
from infra.table import Table

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

REASONS = "reasons"
"""array<string>: the critical checks that a row breaks; a row with any goes to quarantine."""
WARNINGS = "warnings"
"""array<string>: the other checks that it breaks; the row is kept and they are counted."""
MOST_CHECKS = 62
CONTRADICTION = "another record of the delivery has the same key and known time but other content"
"""The reason that no row shows alone: it is found when the rows of a delivery are compared (`ingestion.versions`)."""


def breaks(column: str, check: Check) -> "Column":
    """Boolean expression, never null: the row breaks the check.

    Raises Spark's AnalysisException where the column, or one named in `where`, does not exist.
    """
    from pyspark.sql import functions as F

    value = F.col(column)
    match check:
        case NotNull():
            broken = value.isNull()
        case OneOf(values=values):
            broken = ~value.isin(*values)
        case Between(low=low, high=high):
            broken = F.isnan(value.cast("double"))
            if low is not None:
                broken |= value < F.lit(low)
            if high is not None:
                broken |= value > F.lit(high)
        case Matches(pattern=pattern):
            broken = ~value.rlike(f"^(?:{pattern})$")
        case NotBefore(other=other):
            broken = value < F.col(other)
    if check.where:
        broken = F.expr(check.where) & broken
    return F.coalesce(broken, F.lit(False))


def judge(frame: "DataFrame", table: Table) -> "DataFrame":
    """Adds REASONS and WARNINGS to a conformed frame; `problem` of the record, if it has one, is a reason too.

    One projection: no shuffle, no second read. A reason names the check, never the value.
    """
    from pyspark.sql import functions as F

    def broken(checks: Sequence[tuple[str, Check]]) -> "Column":
        texts = [F.when(breaks(name, check), F.lit(sentence(name, check))) for name, check in checks]
        return F.array_compact(F.array(*texts)) if texts else F.array().cast("array<string>")

    checks = [(column.name, check) for column, check in table.checks()]
    critical = broken([c for c in checks if c[1].severity == "critical"])
    problem = F.when(F.col("problem").isNotNull(), F.array("problem")).otherwise(F.array().cast("array<string>"))
    return frame.select(
        "*",
        F.concat(problem, critical).alias(REASONS),
        broken([c for c in checks if c[1].severity != "critical"]).alias(WARNINGS),
    )


def broken_bits(table: Table) -> "Column":
    """The checks that a row breaks as one bigint: bit i for `table.checks()[i]`; 0 for a row that breaks none.

    What `judge` says in words, for frames of millions of rows: `reasons_of` gives the words of those that need any.
    Raises ValueError on a table with more checks than a bigint has bits.
    """
    from functools import reduce

    from pyspark.sql import functions as F

    checks = table.checks()
    if len(checks) > MOST_CHECKS:
        raise ValueError(f"table {table.name} declares {len(checks)} checks; {MOST_CHECKS} are possible")
    bits = [
        F.when(breaks(column.name, check), F.lit(1 << i).cast("bigint")).otherwise(F.lit(0).cast("bigint"))
        for i, (column, check) in enumerate(checks)
    ]
    return reduce(lambda a, b: a.bitwiseOR(b), bits, F.lit(0).cast("bigint"))


def critical_mask(table: Table) -> int:
    """The bits of `broken_bits` whose checks send a row to quarantine."""
    return sum(1 << i for i, (_, check) in enumerate(table.checks()) if check.severity == "critical")


def reasons_of(bits: int, problem: str | None, table: Table) -> tuple[list[str], list[str]]:
    """(REASONS, WARNINGS) of one row, as `judge` gives them."""
    reasons = [] if problem is None else [problem]
    warnings: list[str] = []
    for i, (column, check) in enumerate(table.checks()):
        if bits >> i & 1:
            (reasons if check.severity == "critical" else warnings).append(sentence(column.name, check))
    return reasons, warnings


def counted_checks(table: Table) -> "list[Column]":
    """Aggregate expressions, one for each of `table.checks()`: the rows that break it."""
    from pyspark.sql import functions as F

    return [F.count_if(breaks(column.name, check)) for column, check in table.checks()]
