"""Reported values of immunoassays: what an instrument writes where a concentration is due, and what it means.

A reading is value + operator + limit + qc_flag, never a bare number:

    text                      value  operator  limit  qc_flag
    12.3                      12.3   =                pass
    *12.3                     12.3   *                extrapolated        (Bio-Plex: beyond the standards)
    < 0.105                          <         0.105  pass
    > 10000                          >         10000  pass
    OOR <, < LLOQ                    <                out_of_range
    OOR >, > ULOQ                    >                out_of_range
    << 12.3                          <         12.3   out_of_range        (LabKey: OOR <, and the lowest valid standard)
    >> 12.3                          >         12.3   out_of_range
    <<, >                            <, >             out_of_range        (LabKey: there was no valid standard)
    [< 1.0]                          <         1.0    pass
    Below Fit Curve Range            <                outside_fit_curve   (MSD Workbench)
    Above Fit Curve Range            >                outside_fit_curve
    Below Detection Range            <                outside_detection_range
    Above Detection Range            >                outside_detection_range
    NaN                              none             empty_well
    N/A                              none             not_applicable
    ***                              none             malfunction         (Bio-Plex: the reader failed)
    ---                              none             outlier             (Bio-Plex: set by hand)
    (blank)                          none             not_reported

Anything else is no reading: the record gets a problem and is quarantined. LabKey's marks are those of its page
"Luminex: import flags" (labkey.org, luminexImportFlags); there '<' is just, '<<' far out of range.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

_DIGITS = r"(?:\d+(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d+)?"
_NUMBER = {mark: rf"[+-]?{_DIGITS.format(mark=re.escape(mark))}" for mark in ".,"}
_WHOLE_NUMBER = {mark: re.compile(pattern) for mark, pattern in _NUMBER.items()}
_LIMIT = re.compile(r"(?P<bracket>\[\s*)?(?P<mark><<|>>|<|>)\s*(?P<limit>[^\]]*)(?(bracket)\]|)")
_OUT_OF_RANGE = re.compile(r"oor\s*([<>])|([<>])\s*(?:oor|ll?oq|ul?oq|lod)")
OUTSIDE = {
    "below fit curve range": ("<", "outside_fit_curve"),
    "above fit curve range": (">", "outside_fit_curve"),
    "below detection range": ("<", "outside_detection_range"),
    "above detection range": (">", "outside_detection_range"),
}
"""(operator, qc_flag) of what MSD Workbench says about a concentration that it does not vouch for."""
_NO_VALUE = {
    "nan": "empty_well",
    "n/a": "not_applicable",
    "na": "not_applicable",
    "***": "malfunction",
    "---": "outlier",
}

UNREADABLE = "the reported value is neither a number nor a known mark such as '< 0.105', 'OOR <' or 'NaN'"


@dataclass(frozen=True)
class Reading:
    """One reported value. operator None: the text could not be read."""

    value: float | None = None
    operator: str | None = None
    limit: float | None = None
    qc_flag: str | None = None


def read_number(text: str, decimal: str = ".") -> float | None:
    """A finite number with the given decimal mark, or None. Thousands are not grouped by any of the instruments."""
    if not _WHOLE_NUMBER[decimal].fullmatch(text):
        return None
    number = float(text.replace(",", "."))
    return number if math.isfinite(number) else None


def read_value(text: str | None, decimal: str = ".") -> Reading:  # noqa: PLR0911 - one return for each line of the table
    """The reading of one reported value (see the table above)."""
    text = (text or "").strip()
    if not text:
        return Reading(operator="none", qc_flag="not_reported")
    if (number := read_number(text, decimal)) is not None:
        return Reading(number, "=", None, "pass")
    words = " ".join(text.casefold().split())
    if words in _NO_VALUE:
        return Reading(operator="none", qc_flag=_NO_VALUE[words])
    if words in OUTSIDE:
        operator, qc_flag = OUTSIDE[words]
        return Reading(operator=operator, qc_flag=qc_flag)
    if match := _OUT_OF_RANGE.fullmatch(words):
        return Reading(operator=match[1] or match[2], qc_flag="out_of_range")
    if text.startswith("*") and (number := read_number(text[1:].strip(), decimal)) is not None:
        return Reading(number, "*", None, "extrapolated")
    return _limit(text, decimal)


def _limit(text: str, decimal: str) -> Reading:
    match = _LIMIT.fullmatch(text)
    if match is None:
        return Reading()
    mark, limit = match["mark"], match["limit"].strip()
    if not limit:
        return Reading(operator=mark[0], qc_flag="out_of_range")
    number = read_number(limit, decimal)
    if number is None:
        return Reading()
    return Reading(None, mark[0], number, "pass" if len(mark) == 1 else "out_of_range")


def decimal_mark(texts: Iterable[str]) -> str:
    """The decimal mark of a file's numbers: a comma where some have one and none has a point, else the point."""
    point = comma = False
    for text in texts:
        number = text.strip().strip("<>*[] ")
        point |= "." in number and _WHOLE_NUMBER["."].fullmatch(number) is not None
        comma |= "," in number and _WHOLE_NUMBER[","].fullmatch(number) is not None
    return "," if comma and not point else "."


@dataclass(frozen=True)
class Readings:
    """Columns of readings, as long as the texts: value, limit (float64), operator, qc_flag, problem (string)."""

    value: pa.Array
    operator: pa.Array
    limit: pa.Array
    qc_flag: pa.Array
    problem: pa.Array


def read_values(texts: pa.Array, decimal: str = ".") -> Readings:
    """`read_value` over a string array. Numbers are read by Arrow; only the other distinct texts meet Python."""
    texts = pc.utf8_trim_whitespace(texts.cast(pa.string()))
    is_number = pc.fill_null(pc.match_substring_regex(texts, rf"^{_NUMBER[decimal]}$"), False)
    plain = pc.replace_substring(texts, ",", ".") if decimal == "," else texts
    number = pc.cast(pc.if_else(is_number, plain, pa.scalar(None, pa.string())), pa.float64())
    is_number = pc.fill_null(pc.is_finite(number), False)

    marks = pc.if_else(is_number, pa.scalar("0"), pc.fill_null(texts, "")).dictionary_encode()
    readings = [read_value(text, decimal) for text in marks.dictionary.to_pylist()]
    operator = pa.array([r.operator for r in readings], pa.string()).take(marks.indices)
    value = pa.array([r.value for r in readings], pa.float64()).take(marks.indices)
    return Readings(
        value=pc.if_else(is_number, number, value),
        operator=operator,
        limit=pa.array([r.limit for r in readings], pa.float64()).take(marks.indices),
        qc_flag=pa.array([r.qc_flag for r in readings], pa.string()).take(marks.indices),
        problem=pc.if_else(pc.is_null(operator), pa.scalar(UNREADABLE), pa.scalar(None, pa.string())),
    )


NOT_MEASURED = ("", "nan", "n/a", "***", "---")
"""Texts, in lower case, that stand for no number beside the reported value (fluorescence, counts, dilution)."""


@dataclass
class Numbers:
    """Reads the numbers of one record beside its reported value, and gathers what is wrong with them."""

    decimal: str
    problems: list[str] = field(default_factory=list)

    def number(self, text: str, name: str) -> float | None:
        if text.casefold() in NOT_MEASURED:
            return None
        number = read_number(text, self.decimal)
        if number is None:
            self.problems.append(f"{name} is not a number")
        return number

    def count(self, text: str, name: str) -> int | None:
        number = self.number(text, name)
        if number is None:
            return None
        if not number.is_integer() or abs(number) >= 2**31:
            self.problems.append(f"{name} is not a whole number")
            return None
        return int(number)

    @property
    def problem(self) -> str | None:
        return "; ".join(dict.fromkeys(self.problems)) or None
