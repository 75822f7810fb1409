"""Checks that a column declares about itself.

A check is data, not code: the row-level gate, the Great Expectations suite and the data dictionary
are each derived from it, so that the three cannot disagree. All checks but `NotNull` pass on null.
"""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "warning", "info"]
"""critical: the row goes to quarantine. warning and info: the row is kept and counted."""


@dataclass(frozen=True)
class NotNull:
    """The column has a value. `where` is a Spark SQL condition on the row that limits the check."""

    severity: Severity = "critical"
    where: str | None = None

    def describe(self) -> str:
        return "is given"


@dataclass(frozen=True)
class OneOf:
    """The column holds one of a closed list of codes."""

    values: tuple[str, ...]
    severity: Severity = "critical"
    where: str | None = None

    def describe(self) -> str:
        return "is one of " + ", ".join(self.values)


@dataclass(frozen=True)
class Between:
    """The number lies in [low, high]; None leaves that side open. NaN fails on either side."""

    low: float | None = None
    high: float | None = None
    severity: Severity = "critical"
    where: str | None = None

    def describe(self) -> str:
        if self.low is None:
            return f"is at most {self.high:g}"
        if self.high is None:
            return f"is at least {self.low:g}"
        return f"lies in {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Matches:
    """The whole text matches a regular expression (Java and Python syntax alike: keep it plain)."""

    pattern: str
    severity: Severity = "critical"
    where: str | None = None

    def describe(self) -> str:
        return f"matches {self.pattern}"


@dataclass(frozen=True)
class NotBefore:
    """The time is not earlier than the time in column `other`; passes where either is null."""

    other: str
    severity: Severity = "critical"
    where: str | None = None

    def describe(self) -> str:
        return f"is not before {self.other}"


Check = NotNull | OneOf | Between | Matches | NotBefore


def sentence(column: str, check: Check) -> str:
    """One check of one column as a sentence part: 'value lies in 14 to 330 where signal = 'MAP''."""
    limit = f" where {check.where}" if check.where else ""
    return f"{column} {check.describe()}{limit}"
