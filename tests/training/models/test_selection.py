"""Choosing hyper-parameters: what scikit-learn's search chooses, with the preparation done once a fold."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from training.models.classes import boosting
from training.models.fitting import fit, negative_brier, own_score
from training.models.preparation import prepared
from training.models.selection import choose
from training.models.survival import cause_specific, coxnet, outcome
from training.splits import grouped_folds
from training.task import Candidate

pytestmark = pytest.mark.filterwarnings("ignore:all coefficients are zero")
N = 90
RNG = np.random.default_rng(4)
FEATURES = pd.DataFrame(RNG.normal(size=(N, 6)), columns=[f"burden__x{i}" for i in range(6)]).mask(
    RNG.random((N, 6)) < 0.1
)
RISK = FEATURES["burden__x0"].fillna(0).to_numpy() + RNG.normal(size=N)
LABEL = RISK > 0
TIME = RNG.exponential(np.exp(-RISK)) * 100 + 1
FOLDS = grouped_folds(np.arange(N), LABEL, 3, 0)
STRENGTHS: Any = ([0.05], [0.1], [0.3])


def searched(estimator: Any, grid: Any, target: Any, scoring: Any) -> dict[str, object]:
    cv = [(fold.train, fold.test) for fold in FOLDS]
    return dict(GridSearchCV(estimator, grid, scoring=scoring, cv=cv).fit(FEATURES, target).best_params_)


@pytest.mark.parametrize(
    ("estimator", "grid"),
    [
        (prepared(LogisticRegression()), {"model__C": (0.001, 0.01, 0.1, 1.0)}),
        (prepared(LogisticRegression()), {"impute__strategy": ("mean", "median"), "model__C": (0.01, 1.0)}),
        (boosting(None, 0), {"model__learning_rate": (0.02, 0.1), "model__max_iter": (5, 30)}),
        (LogisticRegression(), {"C": (1.0, 0.01)}),
    ],
)
def test_classes_are_chosen_as_by_a_grid_search(estimator: Any, grid: Any) -> None:
    features = FEATURES.fillna(0.0) if isinstance(estimator, LogisticRegression) else FEATURES
    cv = [(fold.train, fold.test) for fold in FOLDS]
    expected = GridSearchCV(estimator, grid, scoring=negative_brier, cv=cv).fit(features, LABEL).best_params_
    assert choose(estimator, grid, features, LABEL, FOLDS, negative_brier) == expected


def test_survival_is_chosen_as_by_a_grid_search() -> None:
    target = outcome(TIME, RNG.random(N) < 0.8)
    grid = {"model__alphas": STRENGTHS, "model__l1_ratio": (0.1, 0.9)}
    model = coxnet(None, 0)
    assert choose(model, grid, FEATURES, target, FOLDS, own_score) == searched(model, grid, target, None)


def test_of_two_causes_the_search_fits_the_one_that_is_scored() -> None:
    event = RNG.random(N) < 0.6
    target = outcome(TIME, event, ~event & (RNG.random(N) < 0.5))
    grid = {"model__estimator__alphas": STRENGTHS}
    model = cause_specific(None, 0, inner="coxnet")
    chosen = choose(model, grid, FEATURES, target, FOLDS, own_score)
    assert chosen == searched(model, grid, target, None)
    candidate = Candidate(
        "coxnet", "", lambda features, seed: cause_specific(features, seed, inner="coxnet"), grid=grid
    )
    fitted, params = fit(candidate, FEATURES, target, groups=np.arange(N), seed=0)
    assert fitted[-1].competing_ is not None
    assert fitted[-1].estimator.alphas == params["model__estimator__alphas"]


def test_the_first_of_equals_is_chosen_also_where_nothing_has_a_score() -> None:
    grid = {"model__C": (0.1, 1.0)}
    model = prepared(LogisticRegression())
    for value in (0.0, float("nan")):
        assert choose(model, grid, FEATURES, LABEL, FOLDS, lambda *_, v=value: v) == {"model__C": 0.1}


def test_preparation_is_fitted_once_a_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.impute import SimpleImputer

    seen = []
    fitted = SimpleImputer.fit

    def counting(self: Any, X: Any, y: Any = None) -> Any:
        seen.append(len(X))
        return fitted(self, X, y)

    monkeypatch.setattr(SimpleImputer, "fit", counting)
    choose(prepared(LogisticRegression()), {"model__C": (0.01, 0.1, 1.0)}, FEATURES, LABEL, FOLDS, negative_brier)
    assert seen == [len(fold.train) for fold in FOLDS]
