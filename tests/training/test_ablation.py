"""Ablation: the modality that drives outcomes is the one that is missed; histories lose what their columns lose."""

from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from tests.training.datasets import planted, with_history
from training.ablation import Part, ablate, ablations, parts_of
from training.columns import HISTORY_COLUMNS
from training.evaluate import evaluate, folds_of
from training.importance import importance
from training.task import Candidate
from training.tokens import exchanged, modalities_in, of_modalities

TOKENS = [
    [("il6", "cytokines", 1.0, 3.0), ("volume", "imaging", 5.0, 2.0), ("il8", "cytokines", 2.0, 1.0)],
    [("volume", "imaging", 7.0, 4.0)],
    None,
]


def history() -> pd.DataFrame:
    data = with_history(planted(60), [*TOKENS, *[None] * 57])
    return data.features[list(HISTORY_COLUMNS)].iloc[:3].reset_index(drop=True)


def as_lists(features: pd.DataFrame, column: str) -> list[list[object] | None]:
    return [None if a is None else list(a) for a in features[f"measurement_history__{column}"]]


def test_the_driver_is_missed_and_suffices_alone() -> None:
    data = planted(120)
    candidate = replace(data.task.candidate("clinical_logistic"), uses=list)
    folds = folds_of(data, 4, 0)
    full = evaluate(data, candidate, folds, 0)
    found = {a.part: a for a in ablations(data, candidate, folds, 0, full)}
    assert [p.name for p in found][:3] == ["without clinical", "without cytokines", "without exosomes"]
    assert found[Part("without", "cytokines")].adds.low > 0.1
    assert abs(found[Part("without", "exosomes")].adds.value) < 0.05
    alone = {p.modality: a.evaluation.estimates["auroc"].value for p, a in found.items() if p.kind == "alone"}
    assert alone["cytokines"] > 0.8
    assert max(alone["clinical"], alone["exosomes"]) < 0.65


def test_the_difference_is_paired_and_signed_both_ways() -> None:
    data = planted(60)
    candidate = replace(data.task.candidate("clinical_logistic"), uses=list)
    folds = folds_of(data, 3, 0)
    full = evaluate(data, candidate, folds, 0)
    found = ablate(data, candidate, Part("without", "cytokines"), folds, 0, full)
    gaps = found.evaluation.primary_samples - full.primary_samples
    assert (found.difference.low, found.difference.high) == tuple(np.quantile(gaps, [0.025, 0.975]))
    assert found.adds.value == full.estimates["auroc"].value - found.evaluation.estimates["auroc"].value
    assert (found.adds.low, found.adds.high) == (-found.difference.high, -found.difference.low)


def test_models_of_one_modality_have_nothing_to_leave_out() -> None:
    data = planted(60)
    assert parts_of(data, data.task.candidates[0]) == []
    assert parts_of(data, data.task.candidate("clinical_logistic")) == []
    assert len(parts_of(data, replace(data.task.candidates[1], uses=list))) == 6


def test_a_modality_without_any_value_is_not_there() -> None:
    features = planted(60).features.assign(exosome_summary__noise=np.nan)
    assert modalities_in(features) == ["clinical", "cytokines"]
    assert modalities_in(history()) == ["cytokines", "imaging"]


def test_a_history_keeps_only_the_measurements_of_a_modality() -> None:
    kept = of_modalities(history(), ["cytokines"])
    assert as_lists(kept, "measures") == [["il6", "il8"], None, None]
    assert as_lists(kept, "values") == [[1.0, 2.0], None, None]
    assert as_lists(kept, "days_before") == [[3.0, 1.0], None, None]
    assert as_lists(of_modalities(history(), ["imaging"]), "measures") == [["volume"], ["volume"], None]
    assert as_lists(of_modalities(history(), []), "measures") == [None] * 3


def test_measurements_of_a_modality_change_rows_and_others_stay() -> None:
    moved = exchanged(history(), "imaging", np.array([1, 2, 0]))
    assert as_lists(moved, "measures") == [["il6", "il8", "volume"], None, ["volume"]]
    assert as_lists(moved, "values") == [[1.0, 2.0, 7.0], None, [5.0]]


class Reader(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Says the value of il6 in a row's history, as a probability; half where there is none."""

    def fit(self, X: pd.DataFrame, y: object) -> "Reader":
        self.classes_ = np.array([False, True])
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        arrays = zip(X["measurement_history__measures"], X["measurement_history__values"], strict=True)
        found = [[] if names is None else values[np.asarray(names) == "il6"] for names, values in arrays]
        value = np.array([1 / (1 + np.exp(-v[0])) if len(v) else 0.5 for v in found])
        return np.column_stack([1 - value, value])


def test_a_model_of_histories_is_ablated_and_explained_by_its_measurements() -> None:
    data = planted(90)
    driver = data.features["cytokine_kinetics__driver"]
    rng = np.random.default_rng(1)
    tokens = [[("il6", "cytokines", d, 1.0), ("volume", "imaging", rng.normal(), 1.0)] for d in driver]
    data = with_history(data, tokens)
    candidate = Candidate("reader", "Reads il6.", lambda features, seed: Reader(), uses=lambda c: list(HISTORY_COLUMNS))
    folds = folds_of(data, 3, 0)
    full = evaluate(data, candidate, folds, 0)
    found = {a.part.name: a.evaluation.estimates["auroc"].value for a in ablations(data, candidate, folds, 0, full)}
    assert set(found) == {"without cytokines", "without imaging", "cytokines alone", "imaging alone"}
    assert full.estimates["auroc"].value > 0.8
    assert found["without cytokines"] == found["imaging alone"] == 0.5
    assert found["without imaging"] == full.estimates["auroc"].value
    losses = importance(data, full, 0)
    assert losses["imaging"] == 0
    assert losses["cytokines"] > 0.2
