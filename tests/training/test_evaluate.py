"""Evaluation does not leak: what is noise scores as noise, and training rows alone decide how rows are prepared."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from infra.errors import UsageError
from tests.training.datasets import classes as dataset
from tests.training.datasets import minutes
from tests.training.synthetic import START, retrieved
from training.dataset import assemble
from training.evaluate import evaluate, folds_of
from training.models.fitting import fit
from training.models.preparation import Extrapolation, numeric, prepared
from training.plots import thirds
from training.scoring import ClassScorer, Predictions
from training.splits import Fold
from training.task import Candidate, Labels, Task
from training.tasks import TASKS, treatment_response


def noise(n: int, p: int, seed: int = 0) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(n, p)), columns=[f"x{i}" for i in range(p)])


def test_noise_scores_half_although_selection_would_fit_it() -> None:
    # 60 rows, 200 columns of noise: selected on all rows, the best ten would separate the classes.
    label = np.arange(60) % 2 == 0
    aurocs = []
    for seed in range(3):
        data = dataset(noise(60, 200, seed), label)
        candidate = Candidate("select", "The ten best columns.", _selecting)
        aurocs.append(evaluate(data, candidate, folds_of(data, 5, seed), seed).estimates["auroc"].value)
    assert np.mean(aurocs) == pytest.approx(0.5, abs=0.12)


def _selecting(features: pd.DataFrame, seed: int) -> Any:
    from sklearn.feature_selection import SelectKBest
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    return prepared(Pipeline([("select", SelectKBest(k=10)), ("model", LogisticRegression())]))


def test_imputation_and_scale_come_from_training_rows_only() -> None:
    features = pd.DataFrame({"x0": [0.0, 2.0, np.nan, 1.0, 900.0, 800.0], "x1": [1.0, 0, 1, 0, 1, 0]})
    data = dataset(features, [True, False] * 3)
    candidate = replace(treatment_response.task.candidate("clinical_logistic"), uses=list)
    model, _ = fit(candidate, data.features.iloc[:4], data.target[:4], groups=data.groups[:4], seed=0)
    assert model["impute"].statistics_[0] == 1.0  # the median of 0, 2, 1, whatever 900 and 800 say
    assert model["scale"].mean_[0] == 1.0


@pytest.mark.parametrize("model", ["clinical_logistic", "elastic_net", "boosting"])
def test_a_column_missing_for_everyone_is_no_error(model: str) -> None:
    features = noise(40, 2).assign(absent=np.nan)
    data = dataset(features, np.arange(40) % 2 == 0)
    candidate = replace(treatment_response.task.candidate(model), uses=list, grid={})
    result = evaluate(data, candidate, folds_of(data, 4, 0), seed=0)
    assert np.isfinite(result.estimates["auroc"].value)


def test_a_split_that_shares_a_patient_is_refused_before_fitting() -> None:
    data = dataset(noise(20, 2), np.arange(20) % 2 == 0)
    data = replace(data, groups=np.repeat(np.arange(10), 2))
    half = [Fold(np.arange(0, 9), np.arange(9, 20)), Fold(np.arange(9, 20), np.arange(0, 9))]
    with pytest.raises(UsageError, match="both training and test"):
        evaluate(data, treatment_response.task.candidates[0], half, seed=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.iloc[::-1], "not the 3 labels in their order"),
        (lambda f: f.iloc[:2], "returned 2 rows"),
        (lambda f: f.assign(burden__x=1.0), "None of the 1 features"),
    ],
)
def test_rows_that_do_not_fit_are_refused(change: Any, message: str) -> None:
    frame = pd.DataFrame(
        {
            "patient_id": ["a", "b", "c"],
            "event_timestamp": pd.Timestamp(START),
            "site_id": "n",
            "label": [True, False, True],
        }
    )
    given = retrieved("s", frame, pd.DataFrame({"burden__x": [1.0, 2.0, 3.0]}))
    with pytest.raises(UsageError, match=message):
        assemble(
            treatment_response.task,
            Labels(frame, {"outcome": 1}, ("f" * 64,), {}),
            replace(given, frame=change(given.frame)),
        )


def test_numeric_keeps_numbers_and_flags_and_names_the_rest() -> None:
    frame = pd.DataFrame(
        {"n": [1, 2], "flag": [True, None], "text": ["a", "b"], "panel": [[1.0], [2.0]], "absent": [None, None]}
    )
    features, left_out = numeric(frame)
    assert left_out == ["text", "panel"]
    assert features.dtypes.eq(float).all()
    assert features["flag"].iloc[0] == 1
    assert features[["absent"]].isna().all(axis=None)


def test_extrapolation_carries_the_last_value_on_and_falls_back_to_it() -> None:
    frame = pd.DataFrame({"map": [80.0, 70.0, np.nan], "slope": [-2.0, np.nan, 1.0]})
    ahead = Extrapolation("map", "slope", 5.0).fit_transform(frame)["map"]
    assert list(ahead[:2]) == [70.0, 70.0]
    assert np.isnan(ahead[2])


def test_thirds_are_taken_within_each_fold() -> None:
    score = np.array([1.0, 2, 3, 100, 200, 300])
    assert list(thirds(score, np.array([0, 0, 0, 1, 1, 1]))) == [0, 1, 2, 0, 1, 2]


def test_alarms_are_counted_when_they_begin() -> None:
    #         minute  0  1  2  3     5  6   (minute 4 is missing: the alarm of 5 is a new one)
    score = np.array([9, 9, 0, 9, 9, 9]) / 10
    truth = [True, True, False, True, False, False]
    data = minutes(["c"] * 6, [0, 1, 2, 3, 5, 6], [60.0, 70, 80, 65, 75, 90], truth)
    metrics = ClassScorer(data, Predictions(np.zeros(6, np.intp), score))(np.ones(6))
    assert metrics["alarms_per_hour_at_sens80"] == pytest.approx(3 / (6 / 60))  # minutes 0, 3 and 5
    assert metrics["ppv_at_sens80"] == pytest.approx(3 / 5)
    assert metrics["prevalence_gray_zone"] == pytest.approx(2 / 3)  # 70, 65, 75
    assert metrics["prevalence_new_onset"] == pytest.approx(2 / 5)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_every_task_declares_what_it_must(task: Task) -> None:
    assert task.question.endswith("?")
    assert task.candidates[0].is_baseline
    assert task.candidate(task.reference) in task.candidates[1:]
    assert all(c.description for c in task.candidates)


def test_a_task_needs_its_baseline_first() -> None:
    task = treatment_response.task
    with pytest.raises(ValueError, match="exactly one trivial baseline"):
        replace(task, candidates=task.candidates[1:])
