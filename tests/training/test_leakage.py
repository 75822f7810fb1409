"""Every training is tested for what it could not have known, before anything is fitted; and it can be built again."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from features.leakage.check import check
from features.retrieval import Retrieved, retrieve
from features.store.repository import apply
from features.store.services import views_of
from infra.errors import UsageError
from infra.lake import Lake
from oncolake.commands.features_check import open_dataset
from tests.features.gold_lake import write_gold
from tests.training import synthetic
from training.flow.writing import LEAKAGE
from training.plan import QUICK
from training.rebuild import rebuild
from training.run import LeakageError, RunSummary, train
from training.tasks import TASKS
from training.tracking import Tracker

pytestmark = pytest.mark.slow

SERVICE = TASKS["overall_survival"].service
N = 60


def gold(lake: Lake, day: float, **values: Any) -> None:
    """A row of clinical_profile for every patient on a day, known at once; a value may be a function of the number."""
    at = synthetic.START + timedelta(days=day)
    for i in range(N):
        row = {k: v(i) if callable(v) else v for k, v in values.items()}
        times: dict[str, Any] = {"event_time": at, "known_time": at, "file_ids": [synthetic.FILE]}
        write_gold(lake, "clinical_profile", {"patient_id": f"patient{i:03d}"} | times | row)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """60 patients with survival whose Karnofsky status is seen on day 7 and, past the landmark of day 42, on day 90."""
    lake = Lake.at(tmp_path_factory.mktemp("lake"))
    synthetic.cohort(lake, N)
    gold(lake, 7, karnofsky=lambda i: 60.0 + i % 4 * 10, age_years=lambda i: 40.0 + i)
    gold(lake, 90, karnofsky=lambda i: 30.0 + i % 3 * 10, age_years=lambda i: 40.0 + i)
    times: dict[str, Any] = {"event_time": synthetic.START, "known_time": synthetic.START}
    for view in set(views_of(SERVICE)) - {"clinical_profile"}:
        write_gold(lake, view, {"patient_id": "patient000", "file_ids": [synthetic.FILE]} | times)
    apply(lake)
    return lake


@pytest.fixture(scope="module")
def runs(lake: Lake) -> list[RunSummary]:
    return list(train(lake, "overall_survival", replace(QUICK, folds=2)))


def test_a_clean_training_says_so_in_each_run(lake: Lake, runs: list[RunSummary]) -> None:
    tracker = Tracker(lake)
    for run in runs:
        logged = tracker.client.get_run(run.run_id)
        said = json.loads((tracker.artifacts / "overall_survival" / run.run_id / "artifacts" / LEAKAGE).read_text())
        assert said["is_clean"]
        assert said["values"] > 1000
        assert logged.data.tags["leakage"] == f"none in {said['values']} values"


def test_a_planted_leak_stops_the_training_before_any_run(lake: Lake, runs: list[RunSummary]) -> None:
    def peeking(lake: Lake, service: str, labels: pd.DataFrame) -> Retrieved:
        """A join that forgets the time of the label."""
        later = labels.assign(event_timestamp=labels["event_timestamp"] + timedelta(days=365))
        got = retrieve(lake, service, later)
        frame = got.frame.assign(event_timestamp=labels["event_timestamp"].reset_index(drop=True))
        return Retrieved(frame, service, got.table_versions, got.file_ids, got.digest, got.definitions_hash)

    before = len(Tracker(lake).finished("overall_survival"))
    with pytest.raises(LeakageError) as refused:
        train(lake, "overall_survival", replace(QUICK, folds=2, seeds=(5,)), retrieve=peeking)
    said = str(refused.value)
    assert "clinical_profile.karnofsky (future event, " in said
    assert said.endswith("; nothing was trained.")
    assert "patient0" not in said
    assert len(Tracker(lake).finished("overall_survival")) == before


def test_a_run_is_built_again_to_the_last_bit_after_the_lake_went_on(lake: Lake, runs: list[RunSummary]) -> None:
    gold(lake, 8, karnofsky=10.0)
    synthetic.write(lake, "outcome", [synthetic.outcome("patient001", "OS", 999, assessment="later", is_event=True)])
    again = rebuild(lake, runs[0].run_id[:12])
    assert again.is_unchanged
    assert open_dataset(lake, runs[0].run_id).name == again.name == f"run {runs[0].run_id[:8]} of overall_survival"
    assert check(lake, again.frame, versions=again.table_versions).is_clean
    newest = check(lake, again.frame)
    assert set(newest.findings["feature"]) >= {"karnofsky"}
    with pytest.raises(UsageError, match="No run 0000000"):
        rebuild(lake, "0000000")
