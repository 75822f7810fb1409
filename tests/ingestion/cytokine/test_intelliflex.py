"""INTELLIFLEX results: dual reporters, dry wells, dates, and columns that are the user's choice."""

from datetime import UTC, datetime
from typing import Any

import pytest

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import RawFile
from ingestion.sources.cytokine.intelliflex import INTELLIFLEX
from tests.ingestion.cytokine.plates import SIGNATURE, intelliflex_lines, joined


def read(text: str, site: Site | None = None) -> list[dict[str, Any]]:
    file = RawFile("any", text.encode())
    return [row for batch in INTELLIFLEX.read(file, site or Site()) for row in batch.to_pylist()]


def select(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def without(lines: list[list[str]], *names: str) -> list[list[str]]:
    gone = [i for i, name in enumerate(lines[0]) if name in names]
    return [[cell for i, cell in enumerate(line) if i not in gone] for line in lines]


def test_two_reporters_are_two_records() -> None:
    rows = read(joined(intelliflex_lines()) + SIGNATURE)
    names = ("well", "sample", "sample_type", "assay_id", "median_fluorescence", "net_fluorescence", "bead_count")
    assert select(rows, *names) == [
        ("A1", "Standard1", "standard", "25/RP1", 15000.5, 14990.5, 60),
        ("A1", "Standard1", "standard", "25/RP2", 40.25, 30.25, 60),
        ("B1", "Background0", "blank", "25/RP1", 10.0, 0.0, 58),
        ("B1", "Background0", "blank", "25/RP2", 10.0, 0.0, 58),
        ("C1", "P1 W0", "unknown", "25/RP1", 812.5, 802.5, 61),
        ("C1", "P1 W0", "unknown", "25/RP2", 21.0, 11.0, 61),
        ("D1", "P1 W6", "unknown", "25/RP1", None, None, None),
        ("D1", "P1 W6", "unknown", "25/RP2", None, None, None),
    ]
    assert {row["problem"] for row in rows} == {None}
    assert set(select(rows, "value", "operator", "unit", "platform")) == {(None, "none", None, "intelliflex")}


def test_a_dry_well_is_empty_and_has_the_analyte_that_the_others_name() -> None:
    rows = read(joined(intelliflex_lines()))
    names = ("analyte", "uniprot_id", "qc_flag", "qc_message", "total_events", "dilution_factor")
    assert select(rows, *names)[4::2] == [
        ("IL6", "P05231", "not_reported", None, 240, 4.0),
        ("IL6", "P05231", "empty_well", "Dry", 0, 4.0),
    ]


def test_without_names_a_bead_region_is_called_by_its_number() -> None:
    lines = without(intelliflex_lines(), "R25: RP1 ANALYTE NAME", "R25: RP2 ANALYTE NAME", "WELL TYPE", "DILUTION")
    rows = read(joined(lines))
    assert set(select(rows, "analyte", "assay_id")) == {("R25", "25/RP1"), ("R25", "25/RP2")}
    assert [row["sample_type"] for row in rows[::2]] == ["standard", "blank", "unknown", "unknown"]  # by their names


def test_the_end_of_the_plate_is_the_time_of_measurement_and_else_its_start() -> None:
    lines = intelliflex_lines()
    site = Site(time_zone="America/New_York")
    assert {r["measured_time"] for r in read(joined(lines), site)} == {datetime(2026, 2, 25, 21, 58, 48, tzinfo=UTC)}
    started = read(joined(without(lines, "PLATE END")), site)
    assert {row["measured_time"] for row in started} == {datetime(2026, 2, 25, 21, 42, 8, tzinfo=UTC)}


def test_an_open_order_of_day_and_month_is_refused_until_the_site_declares_it() -> None:
    text = joined(without(intelliflex_lines(start="11/8/2024 12:12"), "PLATE END"))
    with pytest.raises(FileError, match="can be read two ways"):
        read(text)
    assert read(text, Site(day_first=False))[0]["measured_time"] == datetime(2024, 11, 8, 12, 12, tzinfo=UTC)
    with pytest.raises(FileError, match="is not a date such as"):
        read(joined(without(intelliflex_lines(start="soon"), "PLATE END")))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("812.5", "8l2.5", "MEDIAN is not a number"),
        (",61,5555", ",61.5,5555", "COUNT is not a whole number"),
        (",C1,", ",C99,", "WELL LOCATION is not written as A1"),
        ("Control - 4.8,PLATE_9", "Control - 4.8,", "the row names no plate"),
    ],
)
def test_bad_cells_are_problems(old: str, new: str, problem: str) -> None:
    problems = [row["problem"] for row in read(joined(intelliflex_lines()).replace(old, new))]
    assert problem in (problems[4] or "")


def test_a_row_cut_short_is_a_problem() -> None:
    text = joined(intelliflex_lines())
    assert "cells where the header has 24" in read(text[: text.rindex("NaN,NaN")])[-1]["problem"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: without(lines, "SAMPLE ID"), "has no column SAMPLE ID"),
        (lambda lines: [[*lines[0][:-1], "PLATE NAME"], *lines[1:]], "names a column twice"),
        (lambda lines: [[cell.replace("R25", "X") for cell in line] for line in lines], "no column of a bead region"),
    ],
)
def test_a_header_that_is_not_whole_is_refused(change: Any, message: str) -> None:
    with pytest.raises(FileError, match=message):
        read(joined(change(intelliflex_lines())))
