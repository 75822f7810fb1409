"""What each reported value means, and that numbers survive every form in which they are written."""

import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.sources.cytokine.values import (
    UNREADABLE,
    Reading,
    decimal_mark,
    read_number,
    read_value,
    read_values,
)

MEANINGS = [
    # text                     value  operator  limit   qc_flag
    ("12.3", Reading(12.3, "=", None, "pass")),
    ("0", Reading(0.0, "=", None, "pass")),
    ("-0.4", Reading(-0.4, "=", None, "pass")),
    ("1.25E-2", Reading(0.0125, "=", None, "pass")),
    ("*12.3", Reading(12.3, "*", None, "extrapolated")),
    ("< 0.105", Reading(None, "<", 0.105, "pass")),
    ("<0.105", Reading(None, "<", 0.105, "pass")),
    ("> 10000", Reading(None, ">", 10000.0, "pass")),
    ("OOR <", Reading(None, "<", None, "out_of_range")),
    ("OOR >", Reading(None, ">", None, "out_of_range")),
    ("< LLOQ", Reading(None, "<", None, "out_of_range")),
    ("Above Fit Curve Range", Reading(None, ">", None, "outside_fit_curve")),
    ("Below Fit Curve Range", Reading(None, "<", None, "outside_fit_curve")),
    ("<< 12.3", Reading(None, "<", 12.3, "out_of_range")),
    (">>12.3", Reading(None, ">", 12.3, "out_of_range")),
    ("<<", Reading(None, "<", None, "out_of_range")),
    (">", Reading(None, ">", None, "out_of_range")),
    ("[< 1.0]", Reading(None, "<", 1.0, "pass")),
    ("[ >>20 ]", Reading(None, ">", 20.0, "out_of_range")),
    ("Below Detection Range", Reading(None, "<", None, "outside_detection_range")),
    ("Above Detection Range", Reading(None, ">", None, "outside_detection_range")),
    ("NaN", Reading(None, "none", None, "empty_well")),
    ("N/A", Reading(None, "none", None, "not_applicable")),
    ("***", Reading(None, "none", None, "malfunction")),
    ("---", Reading(None, "none", None, "outlier")),
    ("", Reading(None, "none", None, "not_reported")),
    (None, Reading(None, "none", None, "not_reported")),
    ("about 3", Reading()),
    ("[< 1.0", Reading()),
    ("< 1.0]", Reading()),
    ("<<< 1.0", Reading()),
    ("[1.0]", Reading()),
    ("<> 1.0", Reading()),
    ("1,234.5", Reading()),
    ("1e999", Reading()),
    ("Infinity", Reading()),
]


@pytest.mark.parametrize(("text", "expected"), MEANINGS)
def test_each_text_has_one_meaning(text: str | None, expected: Reading) -> None:
    assert read_value(text) == expected


def test_six_texts_that_look_alike_are_six_different_things() -> None:
    texts = ["< 0.105", "OOR <", "*12.3", "Above Fit Curve Range", "NaN", "N/A"]
    assert len({read_value(t) for t in texts}) == 6


def test_columns_are_read_like_single_values() -> None:
    texts = [text for text, _ in MEANINGS]
    columns = read_values(pa.array(texts, pa.string()))
    rows = zip(*(getattr(columns, c).to_pylist() for c in ("value", "operator", "limit", "qc_flag")), strict=True)
    assert [Reading(*row) for row in rows] == [expected for _, expected in MEANINGS]
    unread = [expected.operator is None for _, expected in MEANINGS]
    assert columns.problem.to_pylist() == [UNREADABLE if u else None for u in unread]


def test_no_texts_give_no_readings() -> None:
    assert len(read_values(pa.array([], pa.string())).value) == 0


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite)
def test_numbers_limits_and_extrapolations_come_back_exactly(number: float) -> None:
    assert read_value(repr(number)) == Reading(number, "=", None, "pass")
    assert read_value(f"*{number!r}") == Reading(number, "*", None, "extrapolated")
    assert read_value(f"< {number!r}") == Reading(None, "<", number, "pass")
    assert read_value(f">{number!r}") == Reading(None, ">", number, "pass")
    assert read_value(f"[<{number!r}]") == Reading(None, "<", number, "pass")
    assert read_value(f">> {number!r}") == Reading(None, ">", number, "out_of_range")


@given(finite)
def test_a_decimal_comma_means_the_same_number(number: float) -> None:
    text = repr(number).replace(".", ",")
    assert read_number(text, decimal=",") == number
    assert read_values(pa.array([text]), decimal=",").value.to_pylist() == [number]


@given(st.text())
def test_any_text_is_a_reading_or_a_problem(text: str) -> None:
    columns = read_values(pa.array([text]))
    assert (columns.operator[0].as_py() is None) == (columns.problem[0].as_py() is not None)
    value = columns.value[0].as_py()
    assert value is None or math.isfinite(value)


@pytest.mark.parametrize(
    ("texts", "mark"),
    [
        (["12,5", "< 0,105", "37214"], ","),
        (["[<< 0,105]", "37214"], ","),
        (["12.5", "37214"], "."),
        (["37214"], "."),
        (["1,234", "12.5"], "."),
        ([], "."),
    ],
)
def test_the_decimal_mark_is_found_from_all_numbers(texts: list[str], mark: str) -> None:
    assert decimal_mark(texts) == mark


def test_a_comma_among_points_is_refused_rather_than_guessed() -> None:
    assert read_value("1,234", decimal=".") == Reading()
