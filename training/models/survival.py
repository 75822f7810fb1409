"""Survival models. Each has `predict` (a risk: higher dies earlier) and `predict_survival_function`."""

from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sksurv.ensemble import GradientBoostingSurvivalAnalysis, RandomSurvivalForest
from sksurv.functions import StepFunction
from sksurv.linear_model import CoxnetSurvivalAnalysis, CoxPHSurvivalAnalysis
from sksurv.nonparametric import kaplan_meier_estimator
from sksurv.util import Surv

from training.models.preparation import prepared

Floats = npt.NDArray[np.float64]
MOST_DOUBLINGS = 6


def outcome(
    time_days: npt.ArrayLike, is_event: npt.ArrayLike, is_competing: npt.ArrayLike | None = None
) -> npt.NDArray[np.void]:
    """The structured array that scikit-survival takes: fields `event` and `time`.

    is_competing: who had a competing event instead; the array then has a third field `competing`, which estimators of
    scikit-survival refuse: candidates for such a target take it apart.
    """
    plain = Surv.from_arrays(np.asarray(is_event, bool), np.asarray(time_days, float))
    if is_competing is None:
        return plain  # type: ignore[no-any-return]
    target = np.empty(len(plain), dtype=[("event", bool), ("time", float), ("competing", bool)])
    target["event"], target["time"], target["competing"] = plain["event"], plain["time"], is_competing
    return target


class KaplanMeier(BaseEstimator):  # type: ignore[misc]
    """The trivial baseline: one survival curve for everyone, whatever the features."""

    def fit(self, X: Any, y: npt.NDArray[np.void]) -> "KaplanMeier":
        times, survival = kaplan_meier_estimator(y["event"], y["time"])
        self.curve_ = StepFunction(times, survival, domain=(0, None))
        return self

    def predict(self, X: Any) -> Floats:
        return np.zeros(len(X))

    def predict_survival_function(self, X: Any) -> list[StepFunction]:
        return [self.curve_] * len(X)

    def score(self, X: Any, y: Any) -> float:
        return 0.5


def kaplan_meier(features: object, seed: int) -> Any:
    return KaplanMeier()


def ridge_cox(features: object, seed: int) -> Any:
    """Cox regression for a handful of variables; the small ridge keeps separation from running away."""
    return prepared(CoxPHSurvivalAnalysis(alpha=1.0, ties="efron"))


class SteadyCoxnet(CoxnetSurvivalAnalysis):  # type: ignore[misc]
    """Cox elastic net whose strengths are doubled until a fit exists; `alphas_` has those that were used.

    With few events among many columns a weak penalty has no finite solution, and scikit-survival raises.
    """

    alphas: Any

    def fit(self, X: Any, y: npt.NDArray[np.void]) -> "SteadyCoxnet":
        given = self.alphas
        try:
            for _ in range(MOST_DOUBLINGS):
                try:
                    return super().fit(X, y)  # type: ignore[no-any-return]
                except ArithmeticError:
                    self.alphas = [2 * alpha for alpha in self.alphas]
            return super().fit(X, y)  # type: ignore[no-any-return]
        finally:
            self.alphas = given


def coxnet(features: object, seed: int) -> Any:
    """Cox elastic net (Simon et al. 2011); `alphas` holds one strength, which the grid chooses."""
    return prepared(SteadyCoxnet(l1_ratio=0.5, alphas=[0.1], fit_baseline_model=True, max_iter=20_000))


def survival_forest(features: object, seed: int) -> Any:
    """Random survival forest (Ishwaran et al. 2008). Its defaults are hard to beat, so nothing is searched.

    Three tenths of the columns at each split: with few drivers among many columns the usual root finds none.
    """
    return prepared(
        RandomSurvivalForest(n_estimators=150, max_features=0.3, min_samples_leaf=8, random_state=seed, n_jobs=1)
    )


def boosted_survival(features: object, seed: int) -> Any:
    """Gradient boosting of the Cox partial likelihood over stumps and small trees (Friedman 2001; Ridgeway 1999)."""
    return prepared(
        GradientBoostingSurvivalAnalysis(
            n_estimators=100,
            learning_rate=0.1,
            max_depth=2,
            subsample=0.5,
            max_features=0.3,
            min_samples_leaf=5,
            random_state=seed,
        )
    )


def aalen_johansen(features: object, seed: int) -> Any:
    """The trivial baseline where events compete."""
    from training.models.competing import AalenJohansen

    return AalenJohansen()


INNER = {
    "ridge_cox": "training.models.survival",
    "coxnet": "training.models.survival",
    "survival_forest": "training.models.survival",
    "boosted_survival": "training.models.survival",
    "late_fusion_survival": "training.models.fusion",
    "attention_survival": "training.models.attention",
}
"""Builders that `cause_specific` fits to each cause, and where they are."""


def cause_specific(features: object, seed: int, *, inner: str = "coxnet", **settings: object) -> Any:
    """A model of `inner` for the event and one for the competing event; for targets with the field `competing`.

    inner: a name of INNER. settings: handed to its builder. A grid names parameters of a prepared model as
    `model__estimator__<name>`: both causes share one preparation, which sees no outcome.
    """
    from training.models.competing import CauseSpecific

    estimator = getattr(import_module(INNER[inner]), inner)(features, seed, **settings)
    if not isinstance(estimator, Pipeline):
        return CauseSpecific(estimator)
    *before, (name, model) = estimator.steps
    return Pipeline([*before, (name, CauseSpecific(model))])


def survival_at(model: Any, features: object, times: Floats) -> Floats:
    """Predicted survival, shape (rows, times). Before a curve begins it is 1, past its end its last value."""
    curves = model.predict_survival_function(features)
    result = np.empty((len(curves), len(times)))
    for row, curve in enumerate(curves):
        position = np.searchsorted(curve.x, times, side="right") - 1
        values = curve.a * np.asarray(curve.y) + curve.b
        result[row] = np.where(position < 0, 1.0, values[np.maximum(position, 0)])
    return result
