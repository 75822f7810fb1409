"""Late fusion: a model for each modality, and one that weighs what they say (stacking, Wolpert 1992).

Each modality's model is a regularised path, fitted on the patients who have the modality. The weights are learned from
predictions for patients that a model was not fitted on ("pre-validated", Tibshirani and Efron 2002), are never negative
(Breiman 1996), and are shrunk: a hundred patients tell the worth of seven models only roughly. Who lacks a modality has
the mean score there, so it moves nothing: no patient is left out, in training or at prediction.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sksurv.linear_model.coxph import BreslowEstimator

from training.modalities import MODALITIES, columns_of
from training.models.paths import CoxPath, LogisticPath, Path
from training.models.stacking import cox_gradient, logistic_gradient, nonnegative
from training.splits import Fold, event_strata, grouped_folds

Floats = npt.NDArray[np.float64]
INNER_FOLDS = 5
MIN_ROWS = 20
MIN_EVENTS = 8
STACKING_RIDGE = 1.0
LIMIT_SD = 3.0


class _Fusion(BaseEstimator):  # type: ignore[misc]
    """What fusion of survival and of classes share.

    ridge: strength of the shrinkage of the weights, in (log-likelihood) units of one patient at 1 SD.

    Fitted: modality_weights_ (weight on the standardised score of each modality that was known for enough training
    rows, 0 or more), modality_strengths_ (place of the penalty chosen on each path, 0 the strongest).
    """

    def __init__(self, seed: int = 0, ridge: float = STACKING_RIDGE) -> None:
        self.seed = seed
        self.ridge = ridge

    def _path(self) -> Path:
        raise NotImplementedError

    def _fit_modalities(
        self, X: pd.DataFrame, y: npt.NDArray[Any], events: npt.NDArray[np.bool_], groups: object
    ) -> Floats:
        """Fits the models of all modalities; their out-of-fold scores, standardised, 0 where missing (rows, models)."""
        units = np.arange(len(X)) if groups is None else np.asarray(groups)
        self.columns_, self.models_, scores, strengths = {}, {}, {}, {}
        for modality in MODALITIES:
            columns = [c for c in columns_of(modality, list(X.columns)) if X[c].nunique() > 1]
            known = X[columns].notna().any(axis=1).to_numpy()
            if not columns or known.sum() < MIN_ROWS or events[known].sum() < MIN_EVENTS:
                continue
            seen, target = X.loc[known, columns], y[known]
            path = self._path().fit(seen, target)
            held_out = _held_out(path, seen, target, _folds(events[known], units[known], self.seed))
            chosen = int(np.argmin([path.loss(score, target) for score in held_out.T]))
            score = held_out[:, chosen]
            mean, sd = float(score.mean()), float(score.std())
            if sd <= 1e-9:
                continue  # the strongest penalty won: nothing in this modality
            whole = np.zeros(len(X))
            whole[known] = np.clip((score - mean) / sd, -LIMIT_SD, LIMIT_SD)
            self.columns_[modality], self.models_[modality] = columns, (path, chosen, mean, sd)
            scores[modality], strengths[modality] = whole, chosen
        self.modality_strengths_ = strengths
        return np.stack(list(scores.values()), axis=1) if scores else np.zeros((len(X), 0))

    def modality_scores(self, X: pd.DataFrame) -> pd.DataFrame:
        """Each modality's standardised score of each row; 0, the mean, where the row lacks the modality."""
        result = pd.DataFrame(0.0, index=X.index, columns=list(self.models_))
        for modality, (path, chosen, mean, sd) in self.models_.items():
            seen = X[self.columns_[modality]]
            known = seen.notna().any(axis=1).to_numpy()
            if known.any():
                score = path.scores(seen[known])[:, chosen]
                result.loc[known, modality] = np.clip((score - mean) / sd, -LIMIT_SD, LIMIT_SD)
        return result

    def _linear(self, X: pd.DataFrame) -> Floats:
        weights = self.modality_weights_.to_numpy(float)
        return np.asarray(self.modality_scores(X).to_numpy(float) @ weights, float)


class LateFusionSurvival(_Fusion):
    """Late fusion of Cox elastic nets, one a modality, by a non-negative ridge Cox regression."""

    def _path(self) -> Path:
        return CoxPath()

    def fit(self, X: pd.DataFrame, y: npt.NDArray[np.void], groups: object = None) -> "LateFusionSurvival":
        """groups: whose rows stay together in the inner folds; by default a row is a patient."""
        scores = self._fit_modalities(X, y, y["event"], groups)
        weights = nonnegative(cox_gradient(scores, y["event"], y["time"]), scores.shape[1], ridge=self.ridge)
        self.modality_weights_ = pd.Series(weights, index=list(self.models_), dtype=float)
        # Of scores of rows that a model had not seen, so that the curves are as steep as they will be for new patients.
        self.baseline_ = BreslowEstimator().fit(scores @ weights, y["event"], y["time"])
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X: pd.DataFrame) -> Floats:
        return self._linear(X)

    def predict_survival_function(self, X: pd.DataFrame) -> npt.NDArray[np.object_]:
        return self.baseline_.get_survival_function(self._linear(X))  # type: ignore[no-any-return]

    def predict_cumulative_hazard_function(self, X: pd.DataFrame) -> npt.NDArray[np.object_]:
        return self.baseline_.get_cumulative_hazard_function(self._linear(X))  # type: ignore[no-any-return]

    def score(self, X: pd.DataFrame, y: npt.NDArray[np.void]) -> float:
        from sksurv.metrics import concordance_index_censored

        return float(concordance_index_censored(y["event"], y["time"], self.predict(X))[0])


class LateFusionClasses(_Fusion):
    """Late fusion of L1 logistic regressions, one a modality, by a non-negative ridge logistic regression."""

    def _path(self) -> Path:
        return LogisticPath()

    def fit(self, X: pd.DataFrame, y: npt.NDArray[Any], groups: object = None) -> "LateFusionClasses":
        """groups: whose rows stay together in the inner folds; by default a row is a patient."""
        truth = np.asarray(y, bool)
        self.classes_ = np.unique(y)
        scores = self._fit_modalities(X, truth, truth, groups)
        # The intercept is a column that may have either sign and is not shrunk.
        weights = nonnegative(logistic_gradient(scores, truth), scores.shape[1], ridge=self.ridge, n_free=1)
        self.modality_weights_ = pd.Series(weights[:-1], index=list(self.models_), dtype=float)
        self.intercept_ = float(weights[-1])
        self.n_features_in_ = X.shape[1]
        return self

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        positive = 1.0 / (1.0 + np.exp(-(self._linear(X) + self.intercept_)))
        return np.stack([1.0 - positive, positive], axis=1)

    def predict(self, X: pd.DataFrame) -> npt.NDArray[Any]:
        return np.asarray(self.classes_[(self.predict_proba(X)[:, 1] >= 0.5).astype(int)])


def _folds(positive: npt.NDArray[np.bool_], groups: npt.NDArray[Any], seed: int) -> Sequence[Fold]:
    """Inner folds, as many as both outcomes allow."""
    units = len(np.unique(groups))
    fewest = len(np.unique(groups[positive]))
    n = max(2, min(INNER_FOLDS, units, fewest))
    return grouped_folds(groups, event_strata(positive, groups, n), n, seed)


def _held_out(path: Path, X: pd.DataFrame, y: npt.NDArray[Any], folds: Sequence[Fold]) -> Floats:
    """Linear predictors of each row from the path fitted on the other folds, (rows, strengths).

    They are of one scale: each path is fitted to columns with mean 0, and predicts 0 for the mean patient (Dai and
    Breheny 2019 choose the strength of a Cox penalty by the likelihood of such predictors taken together).
    """
    result: Floats | None = None
    for fold in folds:
        scores = path.again().fit(X.iloc[fold.train], y[fold.train]).scores(X.iloc[fold.test])
        result = np.zeros((len(X), scores.shape[1])) if result is None else result
        result[fold.test] = scores
    assert result is not None
    return result


def late_fusion_survival(features: object, seed: int, **settings: Any) -> Any:
    """A Cox elastic net for each modality, weighed by cross-validated stacking."""
    return LateFusionSurvival(seed=seed, **settings)


def late_fusion_classes(features: object, seed: int, **settings: Any) -> Any:
    """An L1 logistic regression for each modality, weighed by cross-validated stacking."""
    return LateFusionClasses(seed=seed, **settings)
