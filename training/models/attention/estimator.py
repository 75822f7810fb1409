"""The attention model as scikit-learn estimators, for survival and for classes."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sksurv.linear_model.coxph import BreslowEstimator

from training.models.attention.tokens import Vocabulary, encode, learn
from training.models.stacking import cox_gradient, logistic_gradient, nonnegative
from training.splits import Fold, event_strata, grouped_folds

Floats = npt.NDArray[np.float64]
MEMBERS = 5
LEAST_SLOPE = 0.01
SLOPE_RIDGE = 0.1


class Attention(BaseEstimator):  # type: ignore[misc]
    """What both kinds share: an ensemble of small networks, each trained without one inner fold of the patients.

    What each says of the fold it was not trained on, taken together, is a prediction for patients not seen: on it the
    output is calibrated (Platt 1999), so that a model that learned nothing predicts the mean for everyone.

    seed: of the folds, the starts and the dropout. l1, weight_decay, learning_rate, n_steps, modality_dropout,
    token_dropout: how training is held back; the defaults were chosen on simulated cohorts, not on any real one.
    content, gate: sizes of the network.

    Fitted: vocabulary_ (the measures known), slope_ (what the output is multiplied by), outputs_ (out of fold,
    before calibration, a training row each).
    """

    kind = ""

    def __init__(
        self,
        seed: int = 0,
        *,
        l1: float = 0.05,
        weight_decay: float = 2.0,
        learning_rate: float = 0.01,
        n_steps: int = 120,
        modality_dropout: float = 0.15,
        token_dropout: float = 0.2,
        scale: float = 8.0,
        content: int = 4,
        gate: int = 4,
    ) -> None:
        self.seed = seed
        self.l1 = l1
        self.weight_decay = weight_decay
        self.learning_rate = learning_rate
        self.n_steps = n_steps
        self.modality_dropout = modality_dropout
        self.token_dropout = token_dropout
        self.scale = scale
        self.content = content
        self.gate = gate

    def _learn(
        self,
        X: pd.DataFrame,
        outcome: npt.NDArray[np.bool_],
        time: Floats,
        groups: object,
    ) -> Floats:
        """Trains the members. The outputs of each row from the member that was not trained on it."""
        from training.models.attention.ensemble import trained

        self.n_features_in_ = X.shape[1]
        self.vocabulary_: Vocabulary = learn(X)
        self.networks_ = None
        if not self.vocabulary_.scales:
            self.outputs_ = np.zeros(len(X))  # nothing was measured often enough
            return self.outputs_
        folds = _folds(outcome, np.arange(len(X)) if groups is None else np.asarray(groups), self.seed)
        self.networks_, self.outputs_ = trained(self, encode(X, self.vocabulary_), outcome, time, folds)
        return self.outputs_

    def outputs(self, X: pd.DataFrame) -> Floats:
        """The mean of the members' outputs, before calibration, (rows,)."""
        if self.networks_ is None:
            return np.zeros(len(X))
        from training.models.attention.ensemble import applied

        return applied(self.networks_, encode(X, self.vocabulary_), self.scale)[0][: len(X)]

    def attention(self, X: pd.DataFrame) -> pd.DataFrame:
        """A row a measurement: row, modality, measure, days_before, weight, contribution. See `explain.attention`."""
        from training.models.attention.explain import attention

        return attention(self, X)


class AttentionSurvival(Attention):
    """Cox regression: the output is a log hazard, the baseline Breslow's."""

    kind = "survival"

    def fit(self, X: pd.DataFrame, y: npt.NDArray[np.void], groups: object = None) -> "AttentionSurvival":
        """groups: whose rows stay together in the inner folds; by default a row is a patient."""
        event, time = np.asarray(y["event"], bool), np.asarray(y["time"], float)
        outputs = self._learn(X, event, time, groups)
        sd = _spread(outputs)
        slope = nonnegative(cox_gradient(outputs[:, None] / sd, event, time), 1, ridge=SLOPE_RIDGE)[0]
        self.slope_ = max(LEAST_SLOPE, float(slope)) / sd
        # On outputs for patients not seen: the curves are as steep as they will be for new patients.
        self.baseline_ = BreslowEstimator().fit(self.slope_ * outputs, event, time)
        return self

    def predict(self, X: pd.DataFrame) -> Floats:
        return np.asarray(self.slope_ * self.outputs(X), float)

    def predict_survival_function(self, X: pd.DataFrame) -> npt.NDArray[np.object_]:
        return self.baseline_.get_survival_function(self.predict(X))  # type: ignore[no-any-return]

    def predict_cumulative_hazard_function(self, X: pd.DataFrame) -> npt.NDArray[np.object_]:
        return self.baseline_.get_cumulative_hazard_function(self.predict(X))  # type: ignore[no-any-return]

    def score(self, X: pd.DataFrame, y: npt.NDArray[np.void]) -> float:
        from sksurv.metrics import concordance_index_censored

        return float(concordance_index_censored(y["event"], y["time"], self.predict(X))[0])


class AttentionClasses(Attention):
    """Logistic regression: the output is a log odds."""

    kind = "classes"

    def fit(self, X: pd.DataFrame, y: npt.NDArray[Any], groups: object = None) -> "AttentionClasses":
        """groups: whose rows stay together in the inner folds; by default a row is a patient."""
        truth = np.asarray(y, bool)
        self.classes_ = np.unique(y)
        outputs = self._learn(X, truth, np.zeros(len(X)), groups)
        sd = _spread(outputs)
        found = nonnegative(logistic_gradient(outputs[:, None] / sd, truth), 1, ridge=SLOPE_RIDGE, n_free=1)
        self.slope_, self.intercept_ = max(LEAST_SLOPE, float(found[0])) / sd, float(found[1])
        return self

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        positive = 1.0 / (1.0 + np.exp(-(self.slope_ * self.outputs(X) + self.intercept_)))
        return np.stack([1.0 - positive, positive], axis=1)

    def predict(self, X: pd.DataFrame) -> npt.NDArray[Any]:
        return np.asarray(self.classes_[(self.predict_proba(X)[:, 1] >= 0.5).astype(int)])


def _spread(outputs: Floats) -> float:
    """SD of outputs, the unit in which the slope is shrunk: members that were held back strongly say little, but well.

    1 where all outputs are the same.
    """
    sd = float(outputs.std())
    return sd if sd > 1e-6 else 1.0


def _folds(outcome: npt.NDArray[np.bool_], groups: npt.NDArray[Any], seed: int) -> list[Fold]:
    n = max(2, min(MEMBERS, len(np.unique(groups[outcome]))))
    return grouped_folds(groups, event_strata(outcome, groups, n), n, seed)
