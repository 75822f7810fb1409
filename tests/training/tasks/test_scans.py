"""Labels of tasks that predict from a scan: pseudoprogression and MGMT, from small silver tables."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from infra.lake import Lake
from tests.training.synthetic import START, fraction, outcome, write
from training.task import LABEL, PREDICTION_TIME, Labels
from training.tasks.mgmt_methylation import methylated, mgmt_labels
from training.tasks.pseudoprogression import pseudoprogression_labels

SERIES_FILE, MARKER_FILE = "1" * 64, "2" * 64
LATER = START + timedelta(days=900)


def series(patient: str, day: float, **others: Any) -> dict[str, Any]:
    at = START + timedelta(days=day)
    return {
        "patient_id": patient,
        "study_uid": f"study {patient} {day}",
        "series_uid": f"series {patient} {day}",
        "modality": "MR",
        "species": "human",
        "is_derived": False,
        "n_instances": 1,
        "event_time": at,
        "known_time": at + timedelta(days=1),
        "file_id": SERIES_FILE,
        **others,
    }


def measure(patient: str, day: float | None, **others: Any) -> dict[str, Any]:
    return {
        "patient_id": patient,
        "series_uid": f"path {patient} {day}",
        "region_uid": "r",
        "region": "tumour",
        "measure": "Volume",
        "value": 1.0,
        "event_time": None if day is None else START + timedelta(days=day),
        **others,
    }


def mgmt(patient: str, call: str | None, day: float = -40, **others: Any) -> dict[str, Any]:
    return {
        "patient_id": patient,
        "sample_id": "s",
        "marker": "MGMT",
        "call": call,
        "method": "pyrosequencing",
        "event_time": START + timedelta(days=day),
        "file_id": MARKER_FILE,
        **others,
    }


def lake_of(tmp_path: Path, **tables: list[dict[str, Any]]) -> Lake:
    lake = Lake.at(tmp_path)
    empty: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("treatment", "outcome", "imaging_series", "imaging_measurement", "biomarker")
    }
    for name, given in (empty | tables).items():
        write(lake, name, given)
    return lake


def days(labels: Labels) -> list[tuple[str, float, bool]]:
    """(patient, days from the first fraction to the prediction, label)."""
    at = (labels.frame[PREDICTION_TIME] - START) / timedelta(days=1)
    return list(zip(labels.frame["patient_id"], at, labels.frame[LABEL], strict=True))


def verdict(patient: str, day: float, is_event: bool | None, **others: Any) -> dict[str, Any]:
    return outcome(patient, "pseudoprogression", day, is_event=is_event, **others)


def test_pseudoprogression_is_predicted_a_week_after_the_first_scan_that_follows_the_course(tmp_path: Path) -> None:
    lake = lake_of(
        tmp_path,
        treatment=[*(fraction(p, d) for p in "ab" for d in (0, 4)), fraction("a", 400)],
        imaging_series=[series(p, d) for p in "ab" for d in (-6, 2, 4, 56, 112)],
        outcome=[verdict("a", 112, True), verdict("b", 90, False)],
    )
    labels = pseudoprogression_labels(lake)
    # a scan within the course is none after it, nor is one at its last fraction; the course ends on day 4
    assert days(labels) == [("a", 63.0, True), ("b", 63.0, False)]
    assert labels.file_ids == (SERIES_FILE, "e" * 64, "f" * 64)


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ({"outcome": [verdict("a", 112, None)]}, []),
        ({"outcome": [verdict("a", 63, True)]}, []),
        ({"outcome": [verdict("a", 63.1, True)]}, [("a", 63.0, True)]),
        ({"outcome": [verdict("a", 80, True), verdict("a", 112, False, assessment="second")]}, [("a", 63.0, False)]),
        ({"outcome": [verdict("a", 80, True), verdict("a", 112, None, assessment="second")]}, [("a", 63.0, True)]),
        ({"outcome": [verdict("a", 80, True), verdict("a", 80, False, known_time=LATER)]}, [("a", 63.0, False)]),
        ({"imaging_series": [series("a", -6)]}, []),
        ({"imaging_series": [series("a", 50, modality="CT"), series("a", 70)]}, [("a", 77.0, True)]),
        ({"imaging_series": [series("a", 50, species="phantom"), series("a", 70)]}, [("a", 77.0, True)]),
        ({"imaging_series": [series("a", 50, is_derived=True), series("a", 70)]}, [("a", 77.0, True)]),
        ({"imaging_series": [series("a", 50, is_derived=None), series("a", 70)]}, [("a", 57.0, True)]),
        ({"imaging_series": [], "imaging_measurement": [measure("a", 60)]}, [("a", 67.0, True)]),
        ({"imaging_series": [], "imaging_measurement": [measure("a", None)]}, []),
        ({"treatment": []}, []),
        # a row for a whole course, as timelines have it
        ({"treatment": [fraction("a", 0, stop_time=START + timedelta(days=60))]}, []),
    ],
    ids=[
        "undecided",
        "verdict at the prediction",
        "verdict just after it",
        "the last verdict counts",
        "an open one does not",
        "corrected",
        "not scanned after",
        "CT",
        "a phantom",
        "derived",
        "not said whether derived",
        "a measure with its own time",
        "a measure without any",
        "never irradiated",
        "scanned within the course",
    ],
)
def test_odd_cases_of_pseudoprogression(
    tmp_path: Path, tables: dict[str, list[dict[str, Any]]], expected: list[tuple[str, float, bool]]
) -> None:
    usual = {
        "treatment": [fraction("a")],
        "imaging_series": [series("a", 56)],
        "outcome": [verdict("a", 112, True)],
    }
    assert days(pseudoprogression_labels(lake_of(tmp_path, **(usual | tables)))) == expected


def test_each_step_of_pseudoprogression_is_counted(tmp_path: Path) -> None:
    lake = lake_of(
        tmp_path,
        treatment=[fraction(p) for p in "abcde"],
        imaging_series=[series(p, 56) for p in "abde"],
        outcome=[
            verdict("a", 112, True),
            verdict("b", 58, True),
            verdict("c", 112, False),
            verdict("d", 112, None),
            verdict("x", 112, True),
        ],
    )
    assert list(pseudoprogression_labels(lake).flow.items()) == [
        ("patients with a fraction of radiotherapy", 5),
        ("of these with apparent progression", 4),
        ("of these with a verdict", 3),
        ("of these with an MR scan after radiotherapy", 2),
        ("of these with the verdict more than 7 days after the first one", 1),
    ]


@pytest.mark.parametrize(
    ("call", "value", "unit", "expected"),
    [
        ("methylated", None, None, True),
        ("unmethylated", 40.0, "%", False),
        ("grey", 40.0, "%", None),
        ("not done", None, None, None),
        (None, 4.9, "%", False),
        (None, 5.0, "%", None),
        (None, 8.0, "%", None),
        (None, 12.0, "%", None),
        (None, 12.1, "%", True),
        (None, 40.0, "copies", None),
        (None, None, None, None),
    ],
)
def test_a_call_decides_and_a_percentage_where_there_is_none(
    call: str | None, value: float | None, unit: str | None, expected: bool | None
) -> None:
    frame = pd.DataFrame({"call": [call], "value": [value], "unit": [unit]}, dtype=object)
    frame["value"] = frame["value"].astype(float)
    [found] = methylated(frame)
    assert found is pd.NA if expected is None else found == expected


def test_mgmt_is_predicted_a_week_after_the_last_scan_before_radiotherapy(tmp_path: Path) -> None:
    lake = lake_of(
        tmp_path,
        treatment=[fraction("a"), fraction("b"), fraction("late")],
        imaging_series=[series(p, d) for p in "ab" for d in (-90, -6, 56)]
        + [series("untreated", d) for d in (10, 200)]
        + [series("late", 5), series("grey", -6)],
        biomarker=[
            mgmt("a", "methylated"),
            mgmt("a", "unmethylated", -300),
            mgmt("a", "grey", -10),
            mgmt("b", "methylated"),
            mgmt("b", "unmethylated", known_time=LATER),
            mgmt("untreated", None, value=30.0, unit="%"),
            mgmt("late", "methylated"),
            mgmt("grey", "grey"),
            mgmt("undone", "not done"),
            mgmt("unscanned", "methylated"),
            mgmt("other", "methylated", marker="IDH1"),
        ],
    )
    labels = mgmt_labels(lake)
    assert days(labels) == [("a", 1.0, True), ("b", 1.0, False), ("untreated", 17.0, True)]
    assert list(labels.flow.items()) == [
        ("patients on whose MGMT a file says something", 7),
        ("of these with a result", 6),
        ("of these outside of the grey zone", 5),
        ("of these with an MR scan before radiotherapy", 3),
    ]
    assert labels.file_ids == (SERIES_FILE, MARKER_FILE, "f" * 64)
    assert set(labels.table_versions) == {"biomarker", "treatment", "imaging_series", "imaging_measurement"}
