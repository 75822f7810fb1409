"""Landmark labels: small silver tables in, one row a patient out."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.lake import Lake
from tests.training.synthetic import FILE, OUTCOME_FILE, START, fraction, outcome, write
from training.task import IS_EVENT, LABEL, PREDICTION_TIME, TIME_DAYS, Labels
from training.tasks.landmark import response_labels, survival_labels

LATER = START + timedelta(days=900)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.at(tmp_path)


def survival(lake: Lake, fractions: list[dict[str, Any]], outcomes: list[dict[str, Any]]) -> Labels:
    write(lake, "treatment", fractions)
    write(lake, "outcome", outcomes)
    return survival_labels(lake, "OS")


def rows(labels: Labels) -> list[tuple[str, float, bool]]:
    return list(labels.frame[["patient_id", TIME_DAYS, IS_EVENT]].itertuples(index=False, name=None))


def test_time_runs_from_day_42_after_the_first_fraction(lake: Lake) -> None:
    labels = survival(
        lake,
        [fraction("a", day=3), fraction("a", day=1), fraction("b", day=0), fraction("b", day=0, kind="surgery")],
        [outcome("a", "OS", 143, is_event=True), outcome("b", "OS", 52, is_event=False)],
    )
    assert rows(labels) == [("a", 100.0, True), ("b", 10.0, False)]
    assert list(labels.frame[PREDICTION_TIME]) == [START + timedelta(days=43), START + timedelta(days=42)]
    assert labels.file_ids == (OUTCOME_FILE, FILE)
    assert labels.table_versions == {"treatment": 0, "outcome": 0}


@pytest.mark.parametrize(
    "last_seen",
    [
        outcome("gone", "OS", 30, is_event=True),
        outcome("gone", "OS", 42, is_event=True),
        outcome("gone", "OS", 40, is_event=False),
        outcome("gone", "PFS", 300, is_event=True),
    ],
    ids=["dead before", "dead on the day", "lost before", "another endpoint"],
)
def test_only_who_is_alive_and_followed_at_the_landmark_counts(lake: Lake, last_seen: dict[str, Any]) -> None:
    labels = survival(
        lake, [fraction("gone"), fraction("stays")], [last_seen, outcome("stays", "OS", 43, is_event=True)]
    )
    assert rows(labels) == [("stays", 1.0, True)]
    assert next(iter(labels.flow.values())) == 2
    assert list(labels.flow.values())[-1] == 1


def test_a_patient_without_radiotherapy_is_not_in_the_cohort(lake: Lake) -> None:
    labels = survival(lake, [fraction("a", kind="chemotherapy")], [outcome("a", "OS", 99, is_event=True)])
    assert rows(labels) == []


def test_a_correction_known_later_replaces_the_outcome(lake: Lake) -> None:
    labels = survival(
        lake,
        [fraction("a")],
        [
            outcome("a", "OS", 100, is_event=False),
            outcome("a", "OS", 142, is_event=True, known_time=LATER),
        ],
    )
    assert rows(labels) == [("a", 100.0, True)]


def test_of_several_assessments_the_last_one_counts(lake: Lake) -> None:
    labels = survival(
        lake,
        [fraction("a")],
        [
            outcome("a", "OS", 92, is_event=False, assessment="first"),
            outcome("a", "OS", 142, is_event=True, assessment="final"),
        ],
    )
    assert rows(labels) == [("a", 100.0, True)]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([outcome("a", "response", 60, category="CR")], [True]),
        ([outcome("a", "response", 60, category="PR")], [True]),
        ([outcome("a", "response", 60, category="SD")], [False]),
        ([outcome("a", "response", 60, category="PD")], [False]),
        (
            [
                outcome("a", "response", 90, category="PD", assessment="second"),
                outcome("a", "response", 60, category="PR"),
            ],
            [True],
        ),
        (
            [
                outcome("a", "response", 90, category="PD", assessment="second"),
                outcome("a", "response", 30, category="PR"),
            ],
            [],
        ),
        ([outcome("a", "OS", 90, is_event=True)], []),
    ],
    ids=["CR", "PR", "SD", "PD", "first of two", "first one before the landmark", "never assessed"],
)
def test_the_first_assessment_decides(lake: Lake, outcomes: list[dict[str, Any]], expected: list[bool]) -> None:
    write(lake, "treatment", [fraction("a")])
    write(lake, "outcome", outcomes)
    assert list(response_labels(lake).frame[LABEL]) == expected
