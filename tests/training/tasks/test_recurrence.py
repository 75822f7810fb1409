"""Progression with death as a competing event: what follows from PFS and OS, worked by hand."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.lake import Lake
from tests.training.synthetic import START, fraction, outcome, write
from training.task import COMPETING, IS_EVENT, PREDICTION_TIME, TIME_DAYS, Labels
from training.tasks.recurrence_labels import recurrence_labels

PROGRESSED, DIED, CENSORED = "progressed", "died", "censored"


def labels_of(tmp_path: Path, outcomes: list[dict[str, Any]], patients: str = "a") -> Labels:
    lake = Lake.at(tmp_path)
    write(lake, "treatment", [fraction(p) for p in patients])
    write(lake, "outcome", outcomes)
    return recurrence_labels(lake)


def rows(labels: Labels) -> list[tuple[float, str]]:
    """(days from the landmark, what happened) of each patient."""
    assert not (labels.frame[IS_EVENT] & labels.frame[COMPETING]).any()
    return [
        (time, PROGRESSED if event else DIED if competing else CENSORED)
        for time, event, competing in labels.frame[[TIME_DAYS, IS_EVENT, COMPETING]].itertuples(index=False, name=None)
    ]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([outcome("a", "PFS", 100, is_event=True), outcome("a", "OS", 200, is_event=True)], (58, PROGRESSED)),
        ([outcome("a", "PFS", 100, is_event=True), outcome("a", "OS", 200, is_event=False)], (58, PROGRESSED)),
        ([outcome("a", "PFS", 100, is_event=True), outcome("a", "OS", 100, is_event=True)], (58, DIED)),
        # a date is midnight, a death has its hour
        ([outcome("a", "PFS", 100, is_event=True), outcome("a", "OS", 100.8, is_event=True)], (58, DIED)),
        # the next day, in the night in which clocks change
        (
            [outcome("a", "PFS", 100, is_event=True), outcome("a", "OS", 100 + 23 / 24, is_event=True)],
            (58, PROGRESSED),
        ),
        (
            [outcome("a", "PFS", 100, is_event=True, category="PD"), outcome("a", "OS", 100, is_event=True)],
            (58, PROGRESSED),
        ),
        # the criterion of the study stands beside deaths too
        (
            [outcome("a", "PFS", 100, is_event=True, criterion="RANO"), outcome("a", "OS", 100, is_event=True)],
            (58, DIED),
        ),
        # observed on the day, alive
        ([outcome("a", "PFS", 100, is_event=True), outcome("a", "OS", 100, is_event=False)], (58, PROGRESSED)),
        # files that count no death as PFS event
        ([outcome("a", "PFS", 100, is_event=False), outcome("a", "OS", 100, is_event=True)], (58, DIED)),
        # not seen between the last scan and death: it may have progressed
        ([outcome("a", "PFS", 100, is_event=False), outcome("a", "OS", 180, is_event=True)], (58, CENSORED)),
        ([outcome("a", "PFS", 100, is_event=False), outcome("a", "OS", 180, is_event=False)], (58, CENSORED)),
        ([outcome("a", "PFS", 100, is_event=True)], (58, PROGRESSED)),
        ([outcome("a", "PFS", 100, is_event=False)], (58, CENSORED)),
        # an error of the files: death before the end of observation
        ([outcome("a", "PFS", 100, is_event=False), outcome("a", "OS", 95, is_event=True)], (58, DIED)),
    ],
)
def test_which_came_first(tmp_path: Path, outcomes: list[dict[str, Any]], expected: tuple[float, str]) -> None:
    assert rows(labels_of(tmp_path, outcomes)) == [expected]


@pytest.mark.parametrize(
    "outcomes",
    [
        [outcome("a", "PFS", 42, is_event=True), outcome("a", "OS", 200, is_event=True)],
        [outcome("a", "PFS", 41, is_event=False), outcome("a", "OS", 200, is_event=True)],
        [outcome("a", "OS", 200, is_event=True)],
        [outcome("a", "DFS", 200, is_event=True)],
    ],
    ids=["progressed on the day", "followed to before", "no PFS", "another endpoint"],
)
def test_who_is_not_at_risk_of_a_first_progression_is_left_out(tmp_path: Path, outcomes: list[dict[str, Any]]) -> None:
    assert rows(labels_of(tmp_path, outcomes)) == []


def test_each_step_of_the_cohort_is_counted(tmp_path: Path) -> None:
    labels = labels_of(
        tmp_path,
        [
            outcome("a", "PFS", 100, is_event=True),
            outcome("a", "OS", 200, is_event=True),
            outcome("b", "PFS", 100, is_event=True),
            outcome("c", "PFS", 90, is_event=True),
            outcome("c", "OS", 90, is_event=True, file_id="0" * 64),
            outcome("d", "PFS", 20, is_event=True),
            outcome("e", "OS", 100, is_event=True),
        ],
        patients="abcde",
    )
    assert list(labels.flow.items()) == [
        ("patients with a fraction of radiotherapy", 5),
        ("of these with PFS", 4),
        ("of these followed beyond day 42 without progression", 3),
        ("of these with progression", 2),
        ("of these progressions of patients of whom no file says whether they died", 1),
        ("of those followed, dead without progression", 1),
    ]
    assert list(labels.frame["patient_id"]) == ["a", "b", "c"]
    assert set(labels.frame[PREDICTION_TIME]) == {START + timedelta(days=42)}
    assert labels.file_ids == ("0" * 64, "e" * 64, "f" * 64)  # of death, progression and the fraction
    assert labels.table_versions == {"treatment": 0, "outcome": 0}


def test_a_death_reported_later_turns_an_event_into_a_death_and_old_versions_keep_theirs(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    write(lake, "treatment", [fraction("a")])
    write(lake, "outcome", [outcome("a", "PFS", 100, is_event=True), outcome("a", "OS", 60, is_event=False)])
    before = recurrence_labels(lake)
    write(lake, "outcome", [outcome("a", "OS", 100, is_event=True, known_time=START + timedelta(days=300))])
    assert (rows(before), rows(recurrence_labels(lake))) == ([(58, PROGRESSED)], [(58, DIED)])
    assert rows(recurrence_labels(lake, versions=before.table_versions)) == [(58, PROGRESSED)]
