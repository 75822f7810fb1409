"""Survival models against results that others published on data sets that the libraries ship."""

import numpy as np
import pandas as pd
import pytest
from sksurv.datasets import load_veterans_lung_cancer, load_whas500
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.metrics import concordance_index_censored

from training.models.survival import boosted_survival, coxnet, outcome, survival_forest
from training.splits import grouped_folds


def test_cox_has_the_coefficients_of_the_recidivism_study() -> None:
    """Rossi, Berk and Lenihan 1980, as refitted by Allison 1995 and Fox 2002 (Efron's ties), to three decimals."""
    datasets = pytest.importorskip("lifelines.datasets")
    data = datasets.load_rossi()
    names = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]
    model = CoxPHSurvivalAnalysis(alpha=0.0, ties="efron", tol=1e-12, n_iter=200)
    model.fit(data[names], outcome(data["week"], data["arrest"] == 1))
    np.testing.assert_allclose(model.coef_, [-0.379, -0.057, 0.314, -0.150, -0.434, -0.085, 0.091], atol=6e-4)


def test_cox_has_the_coefficients_of_the_veterans_lung_cancer_trial() -> None:
    """Kalbfleisch and Prentice 2002, all variables (Breslow's ties), as in scikit-survival's introduction."""
    features, target = load_veterans_lung_cancer()
    cell = features["Celltype"]
    frame = pd.DataFrame(
        {
            "age": features["Age_in_years"],
            "large": cell == "large",
            "smallcell": cell == "smallcell",
            "squamous": cell == "squamous",
            "karnofsky": features["Karnofsky_score"],
            "months": features["Months_from_Diagnosis"],
            "prior": features["Prior_therapy"] == "yes",
            "test": features["Treatment"] == "test",
        }
    ).astype(float)
    model = CoxPHSurvivalAnalysis(alpha=0.0, tol=1e-12, n_iter=200)
    model.fit(frame, outcome(target["Survival_in_days"], target["Status"]))
    known = [-0.008549, -0.788672, -0.331813, -1.188299, -0.032622, -0.000092, 0.072327, 0.289936]
    np.testing.assert_allclose(model.coef_, known, atol=2e-6)


@pytest.mark.parametrize(("builder", "at_least"), [(coxnet, 0.74), (survival_forest, 0.74), (boosted_survival, 0.74)])
def test_models_reach_what_is_known_of_the_worcester_heart_attack_study(builder: object, at_least: float) -> None:
    """WHAS500 (Hosmer, Lemeshow and May 2008): concordances of 0.75 to 0.78 in scikit-survival's own guide."""
    features, target = load_whas500()
    frame = features.apply(lambda c: c.astype(float))
    y = outcome(target["lenfol"], target["fstat"])
    risk, folds = np.empty(len(frame)), grouped_folds(np.arange(len(frame)), y["event"], 5, 0)
    shares = []
    for fold in folds:
        model = builder(frame, 0)  # type: ignore[operator]
        risk = model.fit(frame.iloc[fold.train], y[fold.train]).predict(frame.iloc[fold.test])
        shares.append(concordance_index_censored(y["event"][fold.test], y["time"][fold.test], risk)[0])
    assert np.mean(shares) >= at_least
