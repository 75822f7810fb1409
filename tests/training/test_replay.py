"""A run made again: proven where nothing moved, and what is another named where something did."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import deltalake
import pytest
from typer.testing import CliRunner

from features.store.repository import apply
from features.tables import VIEWS
from infra.errors import UsageError
from infra.lake import Lake
from oncolake.cli import app
from oncolake.demo import small_lake
from tests.training.synthetic import unchecked
from training import run as training_run
from training.plan import Plan
from training.replay import PREDICTION, Replay, ReplayError, replay
from training.tasks import TASKS
from training.tracking import Tracker

pytestmark = pytest.mark.slow

TASK = "overall_survival"


@pytest.fixture(scope="module", autouse=True)
def few_candidates() -> Iterator[None]:
    """Baseline, reference and one that chooses hyper-parameters, of few: others add time and no branch."""
    whole = TASKS[TASK]
    few = [whole.candidate(name) for name in ("kaplan_meier", "clinical_cox", "coxnet")]
    few[-1] = replace(few[-1], grid={"model__alphas": ([0.2], [0.4])})
    TASKS[TASK] = replace(whole, candidates=tuple(few))
    yield
    TASKS[TASK] = whole


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = small_lake.build(tmp_path_factory.mktemp("a lake") / "lake", 70)
    apply(lake)
    return lake


@pytest.fixture(scope="module")
def runs(lake: Lake) -> dict[str, str]:
    """Run ids by model; coxnet's permuted run stands under its own name."""
    plan = Plan("quick", folds=3)
    plain = {r.model: r.run_id for r in training_run.train(lake, TASK, plan, jobs=1, check=unchecked)}
    permuted = {
        f"{r.model} permuted": r.run_id
        for r in training_run.train(lake, TASK, plan, permute=True, jobs=1, check=unchecked)
    }
    return plain | permuted


def differing(found: Replay) -> dict[str, float]:
    return {check.name: check.difference for check in found.checks if not check.is_same}


@pytest.mark.parametrize("model", ["clinical_cox", "coxnet", "coxnet permuted"])
def test_a_run_made_again_is_the_same(lake: Lake, runs: dict[str, str], model: str) -> None:
    found = replay(lake, runs[model][:12])
    assert differing(found) == {}
    assert found.is_proven
    assert found.digest == found.digest_again
    assert found.notes == ()
    names = {check.name for check in found.checks}
    assert names >= {"uno_c", "uno_c_low", "uno_c_fold_sd", "ibs", PREDICTION}
    assert ("versus_reference" in names) == model.startswith("coxnet")
    # Everything that the run says of these folds was held against it.
    recorded = Tracker(lake).run(found.run_id).metrics
    assert {n for n in recorded if n not in names} <= {"permutation_p", "permuted_low", "permuted_high"}


def test_new_rows_since_change_nothing_of_an_old_run(lake: Lake, runs: dict[str, str]) -> None:
    table = deltalake.DeltaTable(lake.silver("outcome"))
    deltalake.write_deltalake(lake.silver("outcome"), table.to_pyarrow_table().slice(0, 5), mode="append")
    assert replay(lake, runs["clinical_cox"]).is_proven


def test_a_number_that_was_not_found_is_told_apart(lake: Lake, runs: dict[str, str]) -> None:
    tracker = Tracker(lake)
    true = tracker.run(runs["clinical_cox"]).metrics["uno_c"]
    tracker.client.log_metric(runs["clinical_cox"], "uno_c", true + 0.01)
    found = replay(lake, runs["clinical_cox"])
    assert differing(found) == {"uno_c": pytest.approx(-0.01)}
    assert not found.is_proven
    said = CliRunner().invoke(app, ["replay", runs["clinical_cox"], "--lake", lake.root])
    assert said.exit_code == 1
    assert "Not proven" in said.stdout
    tracker.client.log_metric(runs["clinical_cox"], "uno_c", true)
    said = CliRunner().invoke(app, ["replay", runs["clinical_cox"], "--lake", lake.root, "--json"])
    assert said.exit_code == 0
    answer = json.loads(said.stdout)
    assert answer["is_proven"] and answer["digest"] == answer["digest_again"]


def test_what_changed_since_is_named(lake: Lake, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    view = VIEWS["clinical_profile"]
    features = (replace(view.features[0], definition=f"{view.features[0].definition}.other"), *view.features[1:])
    monkeypatch.setitem(VIEWS, "clinical_profile", replace(view, features=features))
    monkeypatch.setattr("training.fingerprint.code_hash", lambda: "other")
    found = replay(lake, runs["clinical_cox"])
    assert found.notes == (
        "Definitions changed since: clinical_profile.",
        "The code of the training, or a model library, changed since.",
    )
    assert found.is_proven  # what was stored under the old definition is what is read


def test_other_data_fit_nothing(lake: Lake, runs: dict[str, str]) -> None:
    from features.retrieval import retrieve

    def one_day_later(lake: Lake, service: str, labels: object) -> object:
        import pandas as pd

        assert isinstance(labels, pd.DataFrame)
        return retrieve(lake, service, labels.assign(event_timestamp=labels["event_timestamp"] + pd.Timedelta("1d")))

    found = replay(lake, runs["clinical_cox"], retrieve=one_day_later)  # type: ignore[arg-type]
    assert not found.is_same_data and not found.is_proven
    assert found.checks == ()
    assert found.notes[-1] == "The training set is not the one of the run, so nothing was fitted."


def test_a_model_that_is_gone_and_a_run_that_did_not_finish(
    lake: Lake, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = TASKS[TASK]
    monkeypatch.setitem(TASKS, TASK, replace(task, candidates=task.candidates[:2]))
    with pytest.raises(ReplayError, match="has no model coxnet now; it has kaplan_meier, clinical_cox"):
        replay(lake, runs["coxnet"])
    tracker = Tracker(lake)
    tracker.client.update_run(runs["kaplan_meier"], status="KILLED")
    with pytest.raises(UsageError, match="is killed; expected one that finished"):
        replay(lake, runs["kaplan_meier"])


def test_versions_that_were_cleaned_away_are_named(lake: Lake, runs: dict[str, str]) -> None:
    # Last in this file: nothing can be read afterwards.
    place = Path(lake.gold("clinical_profile"))
    table = deltalake.DeltaTable(place)
    deltalake.write_deltalake(place, table.to_pyarrow_table(), mode="overwrite")
    assert replay(lake, runs["clinical_cox"]).is_proven  # the old version is there
    for name in table.get_add_actions()["path"].to_pylist():
        (place / name).unlink()
    expected = r"cannot be made again: version 0 of gold.clinical_profile cannot be read any more \(cleaned up"
    with pytest.raises(ReplayError, match=expected):
        replay(lake, runs["clinical_cox"])
