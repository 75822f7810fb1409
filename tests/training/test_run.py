"""The whole of training, end to end, on a small lake: runs, their spread, their lineage, and what is not repeated."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from infra.errors import UsageError
from infra.lake import Lake
from tests.training import synthetic
from training.comparison import compare, comparison
from training.plan import QUICK
from training.run import RunSummary, train, train_all
from training.trace import trace
from training.tracking import Tracker

pytestmark = pytest.mark.slow
PLAN = replace(QUICK, folds=3)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake.at(tmp_path_factory.mktemp("a lake"))
    synthetic.cohort(lake, 90)
    return lake


@pytest.fixture(scope="module")
def survival(lake: Lake) -> dict[str, RunSummary]:
    return {
        r.model: r
        for r in train(lake, "overall_survival", PLAN, retrieve=synthetic.retrieve, check=synthetic.unchecked)
    }


@pytest.fixture(scope="module")
def response(lake: Lake) -> dict[str, RunSummary]:
    return {
        r.model: r
        for r in train(lake, "treatment_response", PLAN, retrieve=synthetic.retrieve, check=synthetic.unchecked)
    }


def test_the_planted_effect_is_found_and_the_baseline_is_chance(survival: dict[str, RunSummary]) -> None:
    assert list(survival)[:4] == ["kaplan_meier", "clinical_cox", "coxnet", "survival_forest"]
    assert survival["kaplan_meier"].metrics["uno_c"] == 0.5
    for model in ("coxnet", "survival_forest"):
        metrics = survival[model].metrics
        assert metrics["uno_c"] > 0.6
        assert metrics["uno_c_low"] < metrics["uno_c"] < metrics["uno_c_high"]
        assert metrics["uno_c_fold_sd"] > 0
        assert metrics["ibs"] < survival["kaplan_meier"].metrics["ibs"]
    assert survival["coxnet"].metrics["versus_reference"] > 0.1


def test_response_is_found_too(response: dict[str, RunSummary]) -> None:
    assert response["prevalence"].metrics["auroc"] == 0.5
    assert response["elastic_net"].metrics["auroc"] > 0.65
    assert response["elastic_net"].metrics["calibration_slope"] > 0


def test_permuted_labels_are_chance(lake: Lake, survival: dict[str, RunSummary]) -> None:
    runs = train(lake, "overall_survival", PLAN, permute=True, retrieve=synthetic.retrieve, check=synthetic.unchecked)
    by_model = {r.model: r for r in runs}
    assert all(r.is_permuted and r.is_new for r in runs)
    metrics = by_model["survival_forest"].metrics
    assert metrics["uno_c_low"] < 0.5 < metrics["uno_c_high"]


def test_training_again_makes_no_new_runs(lake: Lake, survival: dict[str, RunSummary]) -> None:
    again = train(lake, "overall_survival", PLAN, retrieve=synthetic.retrieve, check=synthetic.unchecked)
    assert [(r.run_id, r.is_new) for r in again] == [(r.run_id, False) for r in survival.values()]


def test_an_interrupted_run_is_marked_and_only_it_is_done_again(lake: Lake, response: dict[str, RunSummary]) -> None:
    tracker = Tracker(lake)
    left = tracker.run(response["boosting"].run_id)
    tracker.client.update_run(left.run_id, status="RUNNING")
    again = {
        r.model: r
        for r in train(lake, "treatment_response", PLAN, retrieve=synthetic.retrieve, check=synthetic.unchecked)
    }
    assert [m for m, r in again.items() if r.is_new] == ["boosting"]
    resumed = tracker.run(left.run_id)
    assert again["boosting"].run_id == left.run_id
    assert resumed.status == "FINISHED"
    assert (resumed.tags["interrupted"], resumed.tags["resumed"]) == ("true", "1")
    assert len(tracker.children(resumed)) == 3
    assert again["boosting"].metrics["auroc"] == pytest.approx(response["boosting"].metrics["auroc"])


def test_comparison_puts_the_baseline_first(lake: Lake, survival: dict[str, RunSummary]) -> None:
    frame = compare(lake, "overall_survival")
    plain = frame[~frame["is_permuted"]]
    assert list(plain["model"][:2]) == ["kaplan_meier", "clinical_cox"]
    assert plain["uno_c"].iloc[2:].is_monotonic_decreasing
    table = comparison(lake, "overall_survival")
    assert table.header[:2] == ("model", "uno_c")
    assert table.rows[0][:2] == ("kaplan_meier", "0.500 (0.500 to 0.500)")
    assert "Lower is better for ibs" in table.note


def test_trace_reaches_the_files(lake: Lake, survival: dict[str, RunSummary]) -> None:
    found = trace(lake, survival["coxnet"].run_id)
    assert found.service == "overall_survival_v2"
    assert found.table_versions == {"cytokine_kinetics": 0, "clinical_profile": 3}
    assert found.label_versions == {"treatment": 0, "outcome": 0}
    assert {f["masked_name"]: f["used_for"] for f in found.files} == {
        "treatments": ["features", "labels"],
        "outcomes": ["labels"],
    }
    assert json.loads(json.dumps(found.as_json()))["digest"] == found.digest
    assert trace(lake, found.run_id[:12]) == found
    assert not found.unknown_files
    tracker = Tracker(lake)
    experiment = tracker.client.get_experiment_by_name("overall_survival").experiment_id
    folds = tracker.client.search_runs([experiment], f"tags.mlflow.parentRunId = '{found.run_id}'")
    assert len(folds) == 3
    assert trace(lake, folds[0].info.run_id).files == found.files


def test_what_cannot_be_traced_is_named(lake: Lake, survival: dict[str, RunSummary], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No run nonsense"):
        trace(lake, "nonsense")
    with pytest.raises(UsageError, match="Several runs"):
        trace(lake, "")
    with pytest.raises(UsageError, match="No finished run of hypotension"):
        compare(lake, "hypotension")
    with pytest.raises(UsageError, match="No task is named 'survival'"):
        train(lake, "survival")


def test_a_run_holds_what_is_needed_to_find_its_data(lake: Lake, survival: dict[str, RunSummary]) -> None:
    tracker = Tracker(lake)
    run = tracker.client.get_run(survival["coxnet"].run_id)
    assert run.data.tags["delta.cytokine_kinetics"] == "0"
    assert run.data.tags["delta.silver.outcome"] == "0"
    inputs = {d.dataset.name: d.dataset.digest for d in run.inputs.dataset_inputs}
    assert inputs["gold.cytokine_kinetics"] == "v0"
    assert inputs["overall_survival_v2"] == run.data.tags["digest"][:36]
    names = {a.path for a in tracker.client.list_artifacts(run.info.run_id)}
    assert names >= {"lineage.json", "predictions.parquet", "plots"}
    plots = {Path(a.path).name for a in tracker.client.list_artifacts(run.info.run_id, "plots")}
    assert plots == {"kaplan_meier_by_risk.png", "calibration.png", "importance.png", "coefficients.png"}
    artifacts = tracker.artifacts / "overall_survival" / run.info.run_id / "artifacts"
    importance = json.loads((artifacts / "importance.json").read_text())
    assert max(importance, key=lambda k: importance[k]) == "cytokines"


def test_the_model_loads_and_predicts_and_its_example_is_nobodys(lake: Lake, survival: dict[str, RunSummary]) -> None:
    import mlflow

    tracker = Tracker(lake)
    experiment = tracker.client.get_experiment_by_name("overall_survival").experiment_id
    models = tracker.client.search_logged_models([experiment])
    model = next(m for m in models if m.source_run_id == survival["coxnet"].run_id)
    assert model.name == "overall_survival-coxnet"
    assert model.status == "READY"
    assert model.artifact_location.startswith(tracker.artifacts.as_uri())  # and nowhere else
    assert {m.key: m.value for m in model.metrics}["uno_c"] == survival["coxnet"].metrics["uno_c"]
    loaded = mlflow.pyfunc.load_model(model.artifact_location)
    entity, time, *columns = loaded.metadata.get_input_schema().input_names()
    assert (entity, time) == ("patient_id", "event_timestamp")
    rows = pd.DataFrame(np.zeros((2, len(columns))), columns=columns)
    rows.iloc[1] = np.nan
    answer = loaded.predict(rows)
    assert np.isfinite(answer).all(axis=None)
    assert answer["known_share"].tolist() == [1, 0]
    (example,) = loaded.input_example.to_dict("records")
    assert example[entity] == "PSEUDONYM"
    assert np.isfinite(loaded.predict(loaded.input_example)).all(axis=None)


def test_data_that_cannot_be_pinned_trains_nothing(lake: Lake) -> None:
    def unpinned(lake: Lake, service: str, labels: pd.DataFrame) -> synthetic.Retrieved:
        good = synthetic.retrieve(lake, service, labels)
        return synthetic.Retrieved(good.frame, service, {}, good.file_ids, "", good.definitions_hash)

    before = len(Tracker(lake).finished("overall_survival"))
    with pytest.raises(UsageError, match="lacks a digest of the training set and the Delta version of its feature"):
        train(lake, "overall_survival", replace(PLAN, seeds=(9,)), retrieve=unpinned, check=synthetic.unchecked)
    assert len(Tracker(lake).finished("overall_survival")) == before


def test_too_few_patients_is_one_sentence(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    synthetic.cohort(lake, 8)
    with pytest.raises(UsageError, match="overall_survival has 8 patients; 5 folds need at least 10"):
        train(lake, "overall_survival", retrieve=synthetic.retrieve, check=synthetic.unchecked)


def test_a_task_that_is_refused_does_not_stop_the_others(lake: Lake, response: dict[str, RunSummary]) -> None:
    options: Any = {"retrieve": synthetic.retrieve, "check": synthetic.unchecked, "jobs": 2}
    said: list[str] = []
    answers = train_all(
        lake, PLAN, tasks=["hypotension", "treatment_response"], progress=lambda what, *_: said.append(what), **options
    )
    assert "vital_sign" in answers["hypotension"].refused
    assert not answers["hypotension"].has_cohort
    assert list(answers["hypotension"]) == []
    assert [run.run_id for run in answers["treatment_response"]] == [run.run_id for run in response.values()]
    assert not answers["treatment_response"].refused
    assert answers["treatment_response"].has_cohort
    # Each in a process of its own.
    assert {"hypotension (1 of 2): labels", "treatment_response (2 of 2): done"} <= set(said)
    with pytest.raises(UsageError, match="No task is named 'survival'"):
        train_all(lake, PLAN, tasks=["treatment_response", "survival"], **options)


def test_a_candidate_without_its_features_is_left_out_and_said(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    synthetic.cohort(lake, 40)

    def without_clinic(lake: Lake, service: str, labels: pd.DataFrame) -> synthetic.Retrieved:
        good = synthetic.retrieve(lake, service, labels)
        return replace(good, frame=good.frame.drop(columns=[c for c in good.frame if c.startswith("clinical")]))

    with pytest.raises(UsageError, match=r"clinical_cox is left out: .*has nothing to compare models with"):
        train(lake, "overall_survival", PLAN, retrieve=without_clinic, check=synthetic.unchecked)
    assert not Tracker(lake).finished("overall_survival")
