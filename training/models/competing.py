"""Survival in the presence of a competing event: each cause has its own hazard, and both shape the incidence of one.

The cumulative incidence of the event follows from the two cause-specific hazards by the product integral: at each
time, those whom neither cause has taken yet may be taken by either (Benichou and Gail 1990; Putter, Fiocco and Geskus
2007, Tutorial in biostatistics: competing risks and multi-state models). Without covariates this is Aalen-Johansen.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone
from sksurv.functions import StepFunction
from sksurv.nonparametric import cumulative_incidence_competing_risks
from sksurv.util import Surv

Floats = npt.NDArray[np.float64]


class CauseSpecific(BaseEstimator):  # type: ignore[misc]
    """A survival estimator for each cause; targets have the fields `event`, `time` and `competing`.

    estimator: unfitted, with `predict` and `predict_cumulative_hazard_function` (or `predict_survival_function`); its
        copies are fitted with the other cause's events as censored. Parameters of both are set as `estimator__<name>`.

    predict: the risk of the event's own model. predict_survival_function: 1 - cumulative incidence of the event, which
    is no survival: it stays above 0 where the competing event comes first for some.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: npt.NDArray[np.void]) -> "CauseSpecific":
        """Fits both models. Where nobody had the competing event, there is none to model."""
        self.fit_to_score(X, y)
        competing = competing_of(y)
        self.competing_ = None
        if competing.any():
            self.competing_ = clone(self.estimator).fit(X, Surv.from_arrays(competing, y["time"]))
        return self

    def fit_to_score(self, X: Any, y: npt.NDArray[np.void]) -> "CauseSpecific":
        """Fits the event's own model, which is all that `score` and `predict` ask for."""
        self.event_ = clone(self.estimator).fit(X, Surv.from_arrays(y["event"], y["time"]))
        return self

    def predict(self, X: Any) -> Floats:
        return np.asarray(self.event_.predict(X), float)

    def predict_survival_function(self, X: Any) -> list[StepFunction]:
        own = _hazards(self.event_, X)
        other = _hazards(self.competing_, X) if self.competing_ is not None else [None] * len(own)
        return [_event_free(a, b) for a, b in zip(own, other, strict=True)]

    def score(self, X: Any, y: npt.NDArray[np.void]) -> float:
        """Concordance for the event: who had the competing event never has it (Wolbers et al. 2009)."""
        from sksurv.metrics import concordance_index_censored

        competing = competing_of(y)
        time = np.where(competing, y["time"].max() + 1.0, y["time"])
        return float(concordance_index_censored(y["event"], time, self.predict(X))[0])


class AalenJohansen(BaseEstimator):  # type: ignore[misc]
    """The trivial baseline: one cumulative incidence for everyone; the curve is 1 - incidence of the event.

    Without a field `competing`, or without such events, it is the Kaplan-Meier curve.
    """

    def fit(self, X: Any, y: npt.NDArray[np.void]) -> "AalenJohansen":
        causes = np.where(y["event"], 1, np.where(competing_of(y), 2, 0))
        if not (causes == 2).any():
            causes = np.append(causes, 2)  # the estimator wants every cause to occur: somebody, after everyone else
            time, incidence = cumulative_incidence_competing_risks(causes, np.append(y["time"], y["time"].max() + 1))
            time, incidence = time[:-1], incidence[:, :-1]
        else:
            time, incidence = cumulative_incidence_competing_risks(causes, y["time"])
        self.curve_ = StepFunction(time, 1.0 - incidence[1], domain=(0, None))
        return self

    def predict(self, X: Any) -> Floats:
        return np.zeros(len(X))

    def predict_survival_function(self, X: Any) -> list[StepFunction]:
        return [self.curve_] * len(X)

    def score(self, X: Any, y: Any) -> float:
        return 0.5


def competing_of(y: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
    """Who had the competing event; nobody where the target has no such field."""
    names = y.dtype.names or ()
    return np.asarray(y["competing"], bool) if "competing" in names else np.zeros(len(y), bool)


def _hazards(model: Any, X: Any) -> list[tuple[Floats, Floats]]:
    """For each row the times at which the cumulative hazard rises, and by how much."""
    if hasattr(model, "predict_cumulative_hazard_function"):
        curves = [(c.x, c.a * np.asarray(c.y) + c.b) for c in model.predict_cumulative_hazard_function(X)]
        return [(x, np.diff(y, prepend=0.0)) for x, y in curves]
    curves = [(c.x, c.a * np.asarray(c.y) + c.b) for c in model.predict_survival_function(X)]
    return [(x, 1.0 - np.divide(y, before, out=np.ones_like(y), where=before > 0)) for x, y, before in _before(curves)]


def _before(curves: list[tuple[Floats, Floats]]) -> list[tuple[Floats, Floats, Floats]]:
    return [(x, y, np.concatenate([[1.0], y[:-1]])) for x, y in curves]


def _event_free(own: tuple[Floats, Floats], other: tuple[Floats, Floats] | None) -> StepFunction:
    """1 - cumulative incidence of the event with hazard steps `own`, in presence of `other`."""
    times = own[0] if other is None else np.union1d(own[0], other[0])
    event = _at(own, times)
    total = event if other is None else event + _at(other, times)
    # A step larger than 1 would take more than are left: a Breslow step of a patient at extreme risk. All go then.
    event = np.divide(event, total, out=event.copy(), where=total > 1)
    left = np.cumprod(1.0 - np.minimum(total, 1.0))
    before = np.concatenate([[1.0], left[:-1]])
    return StepFunction(times, 1.0 - np.cumsum(before * event), domain=(0, None))


def _at(steps: tuple[Floats, Floats], times: Floats) -> Floats:
    result = np.zeros(len(times))
    result[np.searchsorted(times, steps[0])] = steps[1]
    return result
