"""Rows that break nothing and rows that break one check each, of every table, made from the declarations themselves."""

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import find
from hypothesis import strategies as some

from infra.checks import Between, Check, Matches, NotBefore, NotNull, OneOf
from infra.table import Column, Table

CANARY_TEXT = "Durand-Canary"
CANARY_NUMBER = 123456.789
PSEUDONYM = "a2" * 13
EVENT = datetime(2024, 3, 28, 10, tzinfo=UTC)


def clean_row(table: Table) -> dict[str, Any]:
    """A row that breaks nothing, with a value in every conformed column."""
    lineage = {"site_id": "paris", "file_id": "f", "file_row": 0, "event_time": EVENT, "known_time": EVENT}
    return {c.name: _good(c) for c in table.conformed_columns} | lineage


def breaking_row(table: Table, column: str, check: Check) -> dict[str, Any]:
    """A row that breaks this check (and perhaps others). Texts and numbers are canaries where they can be."""
    row = clean_row(table) | _where(check.where)
    match check:
        case NotNull():
            broken: Any = None
        case OneOf() | Matches():
            broken = CANARY_TEXT
        case Between(low=low, high=high):
            integral = next(c.type for c in table.columns if c.name == column) != "double"
            broken = CANARY_NUMBER if high is not None and high < CANARY_NUMBER else low - 1  # type: ignore[operator]
            broken = int(broken) if integral else float(broken)
        case NotBefore(other=other):
            broken = row[other] - timedelta(days=1)
    return row | {column: broken}


def _good(column: Column) -> Any:
    """A value that meets all checks of a column at once, those with a condition too."""
    match column.type:
        case "double" | "int" | "bigint":
            ranges = [k for k in column.checks if isinstance(k, Between)]
            low = max((k.low for k in ranges if k.low is not None), default=0)
            high = min((k.high for k in ranges if k.high is not None), default=low + 2)
            middle = (low + high) / 2
            return middle if column.type == "double" else int(middle)
        case "string":
            return _text(column.checks)
        case "timestamp":
            return EVENT
        case "boolean":
            return True
        case "array<double>":
            return [1.0]
        case "array<string>":
            return ["x"]
    raise ValueError(f"no example of {column.type}")


def _text(checks: tuple[Check, ...]) -> str:
    for check in checks:
        if isinstance(check, OneOf):
            return check.values[0]
        if isinstance(check, Matches):
            return PSEUDONYM if re.fullmatch(check.pattern, PSEUDONYM) else _matching(check.pattern)
    return "x"


@cache
def _matching(pattern: str) -> str:
    return find(some.from_regex(re.compile(pattern, re.ASCII), fullmatch=True), lambda _: True)


def _where(condition: str | None) -> dict[str, Any]:
    """Values that meet the condition of a check; only the forms that declarations use."""
    if condition is None or condition.endswith("IS NOT NULL"):
        return {}
    if match := re.fullmatch(r"(\w+) (?:=|IN) \(?'([^']+)'.*", condition):
        return {match[1]: match[2]}
    if match := re.fullmatch(r"(\w+) <> .*", condition):
        return {match[1]: "pg/mL"}
    if match := re.fullmatch(r"(\w+) IS NULL", condition):
        return {match[1]: None}
    raise ValueError(f"no example meets the condition {condition}")
