"""Reported values of immunoassays: what an instrument writes where a concentration is due, and what it means.

A reading is value + operator + limit + qc_flag, never a bare number:

    text                      value  operator  limit  qc_flag
    12.3                      12.3   =                pass
    *12.3                     12.3   *                extrapolated        (Bio-Plex: beyond the standards)
    < 0.105                          <         0.105  pass
    > 10000                          >         10000  pass
    OOR <, < LLOQ                    <                out_of_range
    OOR >, > ULOQ                    >                out_of_range
    Below Fit Curve Range            <                outside_fit_curve   (MSD Workbench)
    Above Fit Curve Range            >                outside_fit_curve
    NaN                              none             empty_well
    N/A                              none             not_applicable
    ***                              none             malfunction         (Bio-Plex: the reader failed)
    ---                              none             outlier             (Bio-Plex: set by hand)
    (blank)                          none             not_reported

Anything else is no reading: the record gets a problem and is quarantined.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

_DIGITS = r"(?:\d+(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d+)?"
_NUMBER = {mark: rf"[+-]?{_DIGITS.format(mark=re.escape(mark))}" for mark in ".,"}
_WHOLE_NUMBER = {mark: re.compile(pattern) for mark, pattern in _NUMBER.items()}
_LIMIT = re.compile(r"([<>])\s*(.+)")
_OUT_OF_RANGE = re.compile(r"oor\s*([<>])|([<>])\s*(?:oor|ll?oq|ul?oq|lod)")
_FIT_CURVE = {"below fit curve range": "<", "above fit curve range": ">"}
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
    if words in _FIT_CURVE:
        return Reading(operator=_FIT_CURVE[words], qc_flag="outside_fit_curve")
    if match := _OUT_OF_RANGE.fullmatch(words):
        return Reading(operator=match[1] or match[2], qc_flag="out_of_range")
    if text.startswith("*") and (number := read_number(text[1:].strip(), decimal)) is not None:
        return Reading(number, "*", None, "extrapolated")
    if (match := _LIMIT.fullmatch(text)) and (number := read_number(match[2], decimal)) is not None:
        return Reading(None, match[1], number, "pass")
    return Reading()


def decimal_mark(texts: Iterable[str]) -> str:
    """The decimal mark of a file's numbers: a comma where some have one and none has a point, else the point."""
    point = comma = False
    for text in texts:
        number = text.strip().lstrip("<>* ")
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
