"""Days since a treatment are counted at the time that is asked about, offline and online."""

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from features.store.on_demand import TREATMENT_DAYS, treatment_days
from features.store.repository import apply, materialize, open_store
from infra.lake import Lake
from tests.features.gold_lake import day, write_gold

ASKED = ["treatment_days:since_last_fraction_d", "treatment_days:since_first_fraction_d"]
NAMES = ["since_last_fraction_d", "since_first_fraction_d"]


def test_days_have_fractions_and_are_null_before_any_treatment() -> None:
    inputs = pd.DataFrame({time: [pd.NaT, pd.NaT] for time, _ in TREATMENT_DAYS.values()}, dtype="datetime64[us, UTC]")
    inputs["event_timestamp"] = pd.to_datetime([day(3), day(4)], utc=True)
    inputs["last_fraction_time"] = pd.Series([pd.Timestamp("2026-03-03T18:00Z"), pd.NaT])
    found = treatment_days(inputs)
    assert list(found) == list(TREATMENT_DAYS)
    assert found["since_last_fraction_d"].fillna(-1).tolist() == [0.25, -1]
    assert found["since_first_operation_d"].isna().all()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Patient a: fractions on days 10 and 12; that of day 12 was reported on day 20."""
    lake = Lake.at(tmp_path)
    for known, last in ((10, 10), (20, 12)):
        write_gold(
            lake,
            "treatment_times",
            {
                "patient_id": "a",
                "event_time": day(last),
                "known_time": day(known),
                "first_fraction_time": day(10),
                "last_fraction_time": day(last),
                "file_ids": ["clinic"],
            },
        )
    apply(lake)
    return lake


@pytest.mark.slow
def test_each_label_counts_to_its_own_time(lake: Lake) -> None:
    labels = pd.DataFrame({"patient_id": ["a"] * 4 + ["b"], "event_timestamp": [day(n) for n in (9, 11, 19.5, 21, 21)]})
    for full in (False, True):
        job = open_store(lake).get_historical_features(entity_df=labels, features=ASKED, full_feature_names=full)
        found = job.to_df()
        names = [f"treatment_days__{name}" if full else name for name in NAMES]
        assert found[names].fillna(-1).to_numpy().tolist() == [[-1, -1], [1, 1], [9.5, 9.5], [9, 11], [-1, -1]]


@pytest.mark.slow
def test_days_since_a_scan(lake: Lake) -> None:
    row = {"patient_id": "a", "event_time": day(1), "known_time": day(3), "last_mr_time": day(1), "file_ids": ["mr"]}
    write_gold(lake, "imaging_availability", row)
    labels = pd.DataFrame({"patient_id": ["a", "a"], "event_timestamp": [day(2), day(4)]})
    job = open_store(lake).get_historical_features(entity_df=labels, features=["imaging_days:since_last_mr_d"])
    assert job.to_df()["since_last_mr_d"].fillna(-1).tolist() == [-1, 3]  # the report came on day 3


@pytest.mark.slow
def test_online_the_caller_says_when(lake: Lake) -> None:
    materialize(lake, end=day(30))
    rows = [{"patient_id": "a", "event_timestamp": day(30) + timedelta(hours=12)}]
    found = open_store(lake).get_online_features(features=ASKED, entity_rows=rows).to_df()
    assert found[NAMES].to_numpy().tolist() == [[18.5, 20.5]]
