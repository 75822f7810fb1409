"""Late fusion on the demo's patients: it finds what was planted, and needs no modality to be there."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from sksurv.metrics import concordance_index_censored

from tests.training.models.cohort import Cohort, cohort
from training.modalities import columns_of, single_numbers
from training.models.fusion import late_fusion_classes, late_fusion_survival
from training.models.survival import survival_at
from training.splits import grouped_folds


@cache
def patients() -> Cohort:
    return cohort(160, 11)


def numbers(rows: np.ndarray) -> pd.DataFrame:
    frame = patients().features.iloc[rows].reset_index(drop=True)
    return frame[single_numbers(list(frame.columns))]


def test_survival_is_found_in_the_modalities_that_drive_it() -> None:
    whole, target = numbers(patients().survival_rows), patients().survival
    risk = np.empty(len(whole))
    for fold in grouped_folds(np.arange(len(whole)), target["event"], 4, 0):
        risk[fold.test] = (
            late_fusion_survival(whole, 0)
            .fit(whole.iloc[fold.train], target[fold.train])
            .predict(whole.iloc[fold.test])
        )
    assert concordance_index_censored(target["event"], target["time"], risk)[0] > 0.65
    weights = late_fusion_survival(whole, 0).fit(whole, target).modality_weights_
    assert (weights >= 0).all()
    assert weights["cytokines"] > 0 and weights["exosomes"] > 0
    assert weights.get("burden", 0.0) < weights["cytokines"]


def test_response_is_found_and_permuted_labels_are_not() -> None:
    whole, truth = numbers(patients().response_rows), patients().response
    shuffled = np.random.default_rng(1).permutation(truth)
    scores = {"real": (truth, np.empty(len(truth))), "permuted": (shuffled, np.empty(len(truth)))}
    for labels, score in scores.values():
        for fold in grouped_folds(np.arange(len(whole)), labels, 4, 0):
            model = late_fusion_classes(whole, 0).fit(whole.iloc[fold.train], labels[fold.train])
            score[fold.test] = model.predict_proba(whole.iloc[fold.test])[:, 1]
    assert roc_auc_score(*scores["real"]) > 0.72
    assert 0.3 < roc_auc_score(*scores["permuted"]) < 0.68


@pytest.mark.parametrize("modality", ["cytokines", "exosomes", "clinical", "imaging"])
def test_a_modality_may_be_missing_for_a_patient_and_for_all(modality: str) -> None:
    whole, target = numbers(patients().survival_rows), patients().survival
    columns = columns_of(modality, list(whole.columns))
    model = late_fusion_survival(whole, 0).fit(whole, target)
    without = whole.iloc[:5].copy()
    without[columns] = np.nan
    assert np.isfinite(model.predict(without)).all()
    assert np.isfinite(survival_at(model, without, np.array([100.0, 300.0]))).all()
    absent = whole.copy()
    absent[columns] = np.nan
    model = late_fusion_survival(absent, 0).fit(absent, target)
    assert modality not in model.modality_weights_
    assert np.isfinite(model.predict(whole)).all()
