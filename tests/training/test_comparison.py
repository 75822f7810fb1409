"""Runs side by side: their order, the same numbers in the terminal and on the page, and a page that stands alone."""

import html
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training import sides as made
from training.comparison import charts, svg, table_of
from training.comparison.calibration import FEWEST, Group, groups_of, wilson
from training.comparison.metrics import Interval
from training.comparison.page import page
from training.comparison.sides import _rank
from training.tasks import TASKS

VOID = {"meta", "br", "link"}


class Words(HTMLParser):
    """The text of a page and what it refers to; fails on tags that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "srcset")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(text: str) -> Words:
    words = Words()
    words.feed(text)
    assert words.open == []
    return words


def groups() -> tuple[Group, ...]:
    return (Group(0.2, 0.15, 0.05, 0.35, 20), Group(0.6, 0.7, 0.5, 0.85, 25))


def test_both_baselines_come_first_and_permuted_runs_last() -> None:
    permuted = made.entry("coxnet", 0.9)
    permuted.run.tags["is_permuted"] = "true"  # type: ignore[index]
    shown = sorted([permuted, *made.whole().entries[::-1], made.entry("unknown", float("nan"))], key=_rank)
    assert [(e.model, e.is_permuted) for e in shown] == [
        ("kaplan_meier", False), ("clinical_cox", False), ("coxnet", False), ("survival_forest", False),
        ("unknown", False), ("coxnet", True),
    ]  # fmt: skip
    assert made.sides(*shown).best is shown[2]  # not the permuted one


def test_the_terminal_says_what_the_runs_have_and_nothing_that_none_has() -> None:
    table = table_of(made.whole())
    assert table.header == (
        "model", "uno_c", "ibs", "uno_c less clinical_cox", "SD over seeds", "sites left out", "permutation p",
        "training set", "run",
    )  # fmt: skip
    by_model = {row[0]: dict(zip(table.header, row, strict=True)) for row in table.rows}
    assert by_model["coxnet"]["uno_c less clinical_cox"] == "+0.090 (+0.050 to +0.130)"
    assert by_model["coxnet"]["sites left out"] == "0.660 to 0.690 (of 2)"
    assert (by_model["coxnet"]["SD over seeds"], by_model["coxnet"]["permutation p"]) == ("0.012", "0.010")
    assert by_model["clinical_cox"]["uno_c less clinical_cox"] == "-"
    assert "100 rows, 61 with the outcome. Lower is better for ibs." in table.note
    bare = table_of(made.sides(made.entry("kaplan_meier", 0.5)))
    assert bare.header == ("model", "uno_c", "ibs", "training set", "run")


def test_the_page_says_the_same_numbers_and_asks_nobody() -> None:
    whole = made.whole()
    text = page(whole, [(whole.entries[2], groups())])
    said = re.sub(r"\s+", " ", " ".join(read(text).words)).replace("\N{MINUS SIGN}", "-")
    table = table_of(whole)
    for row in table.rows:
        for name, cell in list(zip(table.header, row, strict=True))[:-2]:
            if name != "sites left out":  # the page shows each of them
                value, _, interval = cell.partition(" (")
                assert value in said
                assert interval.rstrip(")") in said
    assert "0.690 (0.600 to 0.780)" in said
    assert read(text).links == []
    assert not re.search(r"https?://|@import|url\(|<script", text)
    for heading in (
        "What is asked",
        "The models",
        "Calibration",
        "What each modality adds",
        "Sites that no",
        "come from",
    ):
        assert heading in said
    assert "10 left out" in said  # 130 to 120 patients
    assert "61 with the outcome, 39 without" in said
    assert "coxnet has the highest Uno's C: 0.710 (0.660 to 0.760)." in said
    assert "the interval lies above zero" in said
    assert "p = 0.010" in said
    assert whole.lineage.digest in said


def test_every_figure_is_a_picture_with_a_description() -> None:
    whole = made.whole()
    drawn = re.findall(r"<svg.*?</svg>", page(whole, [(whole.entries[2], groups())]), re.DOTALL)
    assert len(drawn) == 7  # cohort, primary metric, differences, calibration, added, alone, sites
    for figure in drawn:
        root = ElementTree.fromstring(figure)  # noqa: S314 (our own)
        assert root.get("role") == "img"
        assert (root.findtext("title") or "").strip()
        assert len(root.findtext("desc") or "") > 20


def test_a_difference_that_includes_zero_is_called_none() -> None:
    even = made.sides(
        made.entry("kaplan_meier", 0.5), made.entry("clinical_cox", 0.6), made.entry("coxnet", 0.61, 0.01)
    )
    assert "the interval includes zero, so these patients show no difference" in page(even, [])
    alone = made.sides(made.entry("kaplan_meier", 0.5), made.entry("clinical_cox", 0.6))
    assert "No other model reaches the clinical baseline." in page(alone, [])
    assert "No model but the trivial baseline has a value." in page(made.sides(made.entry("kaplan_meier", 0.5)), [])


def test_words_of_others_are_words_on_the_page() -> None:
    odd = made.entry("coxnet", 0.7)
    odd.run.tags["mlflow.note.content"] = "<script>alert(1)</script> & more"  # type: ignore[index]
    lineage = replace(made.LINEAGE, flow={"<b>patients</b>": 100})
    text = page(replace(made.sides(odd), lineage=lineage), [])
    assert "<script" not in text
    assert html.escape("<script>alert(1)</script> & more") in text
    assert "&lt;b&gt;patients" in text


def test_parts_of_a_cohort_are_no_steps_towards_it() -> None:
    steps = {"patients": 50, "of these followed": 40, "of these with progression": 30}
    drawn = charts.flow(steps, 40, "30 with the outcome, 10 without")
    assert "10 left out" in drawn  # of 50 patients
    assert drawn.count("left out") == 1
    assert "left out" not in charts.flow({"cases": 90, "minutes with MAP": 80}, 80, "")  # another unit


@given(st.floats(-5, 5), st.floats(1e-3, 10))
def test_ticks_cover_what_is_shown_with_few_round_numbers(low: float, span: float) -> None:
    marks = svg.ticks(low, low + span)
    assert marks[0] <= low + 1e-6
    assert marks[-1] >= low + span - 1e-6
    assert 3 <= len(marks) <= 10
    assert np.allclose(np.diff(marks), marks[1] - marks[0])


def predictions(n: int, ties: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score = rng.integers(0, ties, n) / ties
    return pd.DataFrame({"patient_id": [f"p{i}" for i in range(n)], "score": score, "label": rng.random(n) < score})


@given(st.integers(1, 300), st.integers(1, 400), st.integers(0, 10))
def test_groups_hold_enough_patients_and_everyone_once(n: int, ties: int, seed: int) -> None:
    rows = predictions(n, ties, seed)
    found = groups_of(TASKS["treatment_response"], rows)
    if n < FEWEST:
        assert found == ()
        return
    assert sum(g.n for g in found) == n
    assert min(g.n for g in found) >= FEWEST
    # Whatever the groups, their means are those of the rows.
    assert np.isclose(sum(g.n * g.predicted for g in found) / n, rows["score"].mean())
    assert np.isclose(sum(g.n * g.observed for g in found) / n, rows["label"].mean())
    assert all(g.low - 1e-9 <= g.observed <= g.high + 1e-9 for g in found)


def test_minutes_of_a_case_are_no_patients() -> None:
    rows = pd.concat([predictions(60, 50).assign(case_id="a"), predictions(60, 50)], ignore_index=True)
    rows = rows.assign(patient_id=[f"p{i // 4}" for i in range(len(rows))])
    found = groups_of(TASKS["treatment_response"], rows)
    assert all(np.isnan(g.low) for g in found)
    assert min(g.n for g in found) >= FEWEST


def test_survival_is_counted_as_incidence_at_the_horizon() -> None:
    # Twelve patients alike, three of each: the event at 100 days, a competing one at 200, the event at 300, nothing
    # until 900. Nobody is censored before a year, so that the incidence is a share: 6 of 12.
    of_each = [(100.0, True, False), (200.0, False, True), (300.0, True, False), (900.0, False, False)]
    rows = pd.DataFrame(of_each * 3, columns=["time_days", "is_event", "is_competing"])
    rows = rows.assign(patient_id=[f"p{i}" for i in range(12)], survival_at_horizon=0.4)
    (group,) = groups_of(TASKS["overall_survival"], rows)
    assert (group.predicted, group.observed, group.n) == (pytest.approx(0.6), pytest.approx(0.5), 12)
    # By Kaplan-Meier, as if whom death took could still progress: 1 - 9/12 * 3/6.
    (group,) = groups_of(TASKS["overall_survival"], rows.drop(columns="is_competing"))
    assert group.observed == pytest.approx(1 - 9 / 12 * 3 / 6)
    assert groups_of(TASKS["overall_survival"], rows.drop(columns="survival_at_horizon")) == ()


def test_wilson_is_the_published_interval() -> None:
    # Newcombe 1998, table I: 81 of 263 and 0 of 20.
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0.0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_an_interval_turned_round() -> None:
    assert (-Interval(-0.07, -0.12, -0.02)) == Interval(0.07, 0.02, 0.12)
    assert Interval(float("nan")).text() == "-"
    assert Interval(0.5, float("nan"), float("nan")).text(signed=True) == "+0.500"
