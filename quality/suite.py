"""Great Expectations suites, derived from the declarations of tables."""

import math
from typing import TYPE_CHECKING, Any

from infra.checks import Between, Check, Matches, NotBefore, NotNull, OneOf
from infra.table import Table

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite


def expectation(column: str, check: Check) -> Any:
    """The expectation that says what a check says. Its verdict on a batch is that no row breaks the check."""
    from great_expectations import expectations as gxe

    common: dict[str, Any] = {"severity": check.severity}
    if check.where:
        common |= {"row_condition": check.where, "condition_parser": "spark"}
    match check:
        case NotNull():
            return gxe.ExpectColumnValuesToNotBeNull(column=column, **common)
        case OneOf(values=values):
            return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(values), **common)
        case Between(low=low, high=high):
            # NaN is above every number on Spark, so only an upper bound catches it.
            top = math.inf if high is None else high
            return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=top, **common)
        case Matches(pattern=pattern):
            return gxe.ExpectColumnValuesToMatchRegex(column=column, regex=f"^(?:{pattern})$", **common)
        case NotBefore(other=other):
            return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A=column, column_B=other, or_equal=True, ignore_row_if="either_value_is_missing", **common
            )


def suite(table: Table, rows: tuple[int, int] | None = None) -> "ExpectationSuite":
    """Every check of a table, in the order of its declaration, as one suite named after the table.

    rows: least and most rows that a batch is expected to have; the last expectation then. The count that it needs is
    one that the others need as well, so that it adds no job.
    """
    from great_expectations import ExpectationSuite
    from great_expectations import expectations as gxe

    expected = [expectation(c.name, k) for c, k in table.checks()]
    if rows is not None:
        low, high = rows
        expected.append(gxe.ExpectTableRowCountToBeBetween(min_value=low, max_value=high, severity="info"))
    return ExpectationSuite(name=table.name, expectations=expected)
