"""Tasks for study archives without dates: who is in, what is predicted when, from small silver tables."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.lake import Lake
from ingestion.dates import DAY_ZERO
from tests.training.synthetic import write
from training.task import IS_EVENT, LABEL, PREDICTION_TIME, TIME_DAYS
from training.tasks.mgmt_from_tumour import mgmt_of_archives
from training.tasks.survival_from_diagnosis import survival_of_archives

PATIENTS, MARKERS, OUTCOMES = "1" * 64, "2" * 64, "3" * 64
DATED = DAY_ZERO + timedelta(days=9_000)


def patient(name: str, at: Any = DAY_ZERO) -> dict[str, Any]:
    return {"patient_id": name, "sex": "female", "event_time": at, "known_time": at, "file_id": PATIENTS}


def followed(name: str, days: float, is_event: bool | None, endpoint: str = "OS") -> dict[str, Any]:
    at = DAY_ZERO + timedelta(days=days)
    return {
        "patient_id": name, "endpoint": endpoint, "outcome_time": at, "is_event": is_event, "event_time": at,
        "known_time": at, "file_id": OUTCOMES,
    }  # fmt: skip


def mgmt(name: str, call: str | None, at: Any = DAY_ZERO, **others: Any) -> dict[str, Any]:
    return {
        "patient_id": name, "sample_id": f"sample of {name}", "marker": "MGMT", "call": call, "method": "cBioPortal",
        "event_time": at, "known_time": at, "file_id": MARKERS, **others,
    }  # fmt: skip


def test_survival_is_counted_from_thirty_days_after_day_zero(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    write(lake, "patient", [*(patient(p) for p in "abcde"), patient("of a hospital", DATED)])
    write(
        lake,
        "outcome",
        [
            followed("a", 400, True),
            followed("b", 31, False),
            followed("c", 30, True),
            followed("d", 500, True, endpoint="PFS"),
            followed("of a hospital", 9_400, True),
        ],
    )
    labels = survival_of_archives(lake)
    rows = labels.frame.set_index("patient_id")
    assert rows[[TIME_DAYS, IS_EVENT]].to_dict("index") == {
        "a": {TIME_DAYS: 370.0, IS_EVENT: True},
        "b": {TIME_DAYS: 1.0, IS_EVENT: False},
    }
    assert set(rows[PREDICTION_TIME]) == {DAY_ZERO + timedelta(days=30)}
    assert list(labels.flow.values()) == [5, 3, 2]
    assert labels.file_ids == (PATIENTS, OUTCOMES)
    assert set(labels.table_versions) == {"patient", "outcome"}


def test_mgmt_of_archives_is_the_last_clear_call_and_hospitals_are_left_to_the_scans(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    write(
        lake,
        "biomarker",
        [
            mgmt("a", "methylated"),
            mgmt("b", "unmethylated"),
            mgmt("c", "not done"),
            mgmt("of a hospital", "methylated", DATED),
            mgmt("two samples", "unmethylated", sample_id="s1", file_row=1),
            mgmt("two samples", "methylated", sample_id="s2", file_row=2),
        ],
    )
    labels = mgmt_of_archives(lake)
    assert dict(zip(labels.frame["patient_id"], labels.frame[LABEL], strict=True)) == {
        "a": True, "b": False, "two samples": True,
    }  # fmt: skip
    assert set(labels.frame[PREDICTION_TIME]) == {DAY_ZERO + timedelta(days=30)}
    assert list(labels.flow.values()) == [5, 4, 3]


@pytest.mark.parametrize("build", [survival_of_archives, mgmt_of_archives])
def test_a_hospitals_lake_has_no_archive(tmp_path: Path, build: Any) -> None:
    lake = Lake.at(tmp_path)
    write(lake, "patient", [patient("a", DATED)])
    write(lake, "outcome", [followed("a", 9_400, True)])
    write(lake, "biomarker", [mgmt("a", "methylated", DATED)])
    labels = build(lake)
    assert not len(labels.frame)
    assert {PREDICTION_TIME, "site_id"} <= set(labels.frame.columns)
