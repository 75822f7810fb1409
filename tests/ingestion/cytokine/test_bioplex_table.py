"""Rows of several Bio-Plex tables that speak of the same well, joined."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.sources.cytokine.bioplex_table import Report, Row

COLUMNS = ("type", "well", "fi", "obs conc", "bead count")
Told = tuple[str, dict[str, str]]


def report_of(told: list[Told]) -> Report:
    report = Report()
    for well, cells in told:
        report.add(Row(("IL-6", "19"), "X1", [well], dict(cells)))
    return report


def joined_by_looking_at_every_row(told: list[Told]) -> list[Told]:
    rows: list[Told] = []
    for well, cells in told:
        measured = {name for name in cells if name not in ("type", "well")}
        fitting = (held for place, held in rows if place == well and not measured & held.keys())
        if (held := next(fitting, None)) is None:
            rows.append((well, dict(cells)))
        else:
            held |= cells
    return rows


CELLS = st.dictionaries(st.sampled_from(COLUMNS), st.text("01", max_size=1))


@given(st.lists(st.tuples(st.sampled_from(["C3", "D3"]), CELLS)))
def test_a_row_goes_to_the_first_that_does_not_have_its_columns(told: list[Told]) -> None:
    rows = report_of(told).rows
    assert [(row.wells[0], row.cells) for row in rows] == joined_by_looking_at_every_row(told)


@pytest.mark.timeout(10)
def test_a_line_that_is_repeated_many_thousand_times_is_no_hang() -> None:
    told = [("C3", {"fi": "812"}), ("C3", {"obs conc": "33.25"})] * 30_000
    rows = report_of(told).rows
    assert len(rows) == 30_000
    assert {tuple(row.cells) for row in rows} == {("fi", "obs conc")}
