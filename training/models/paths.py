"""Regularisation paths: one linear model at several strengths of the penalty, and which strength predicts best."""

import warnings
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sksurv.linear_model import CoxnetSurvivalAnalysis

from training.models.preparation import prepared
from training.models.stacking import cox_gradient, logistic_gradient

Floats = npt.NDArray[np.float64]
N_STRENGTHS = 10
COX_RANGE = 0.05
LOGISTIC_RANGE = 40.0


class Path(Protocol):
    """Strengths are ordered from the strongest penalty to the weakest; scores are linear predictors."""

    def fit(self, X: pd.DataFrame, y: npt.NDArray[Any]) -> "Path":
        """Fits every strength; where none was given, the strengths are learned from these rows."""
        ...

    def again(self) -> "Path":
        """An unfitted copy with the strengths of this one, for rows of a fold."""
        ...

    def scores(self, X: pd.DataFrame) -> Floats:
        """Linear predictor of each row at each strength, (rows, strengths)."""
        ...

    def loss(self, scores: Floats, y: npt.NDArray[Any]) -> float:
        """Minus the log (partial) likelihood of linear predictors."""
        ...


class CoxPath:
    """Cox elastic net (Simon et al. 2011), half lasso and half ridge."""

    def __init__(self, alphas: Sequence[float] | None = None) -> None:
        self.alphas = alphas

    def fit(self, X: pd.DataFrame, y: npt.NDArray[Any]) -> "CoxPath":
        self.prepare_ = Pipeline(prepared(None).steps[:-1])
        matrix = self.prepare_.fit_transform(X.to_numpy(float))
        fitted = self._strongest_first(matrix, y) if self.alphas is None else self._as_far_as_it_goes(matrix, y)
        # A path ends early where a weaker penalty changes nothing any more, or has no solution: its last model stands
        # for the rest.
        rest = len(self.alphas or ()) - fitted.shape[1]
        self.coefficients_ = np.concatenate([fitted, np.repeat(fitted[:, -1:], rest, axis=1)], axis=1)
        return self

    def _strongest_first(self, matrix: Floats, y: npt.NDArray[Any]) -> Floats:
        """Coefficients of the strengths that are learned, (columns, strengths); few events bear a short range only."""
        ratio = COX_RANGE
        while (model := _cox(matrix, y, n_alphas=N_STRENGTHS, alpha_min_ratio=ratio)) is None:
            ratio = min(2 * ratio, 0.99)
            if ratio == 0.99:  # not even the strongest penalties have a solution
                self.alphas = [1.0]
                return np.zeros((matrix.shape[1], 1))
        self.alphas = [float(a) for a in model.alphas_]
        return np.asarray(model.coef_, float)

    def _as_far_as_it_goes(self, matrix: Floats, y: npt.NDArray[Any]) -> Floats:
        """Coefficients of the strengths that are given, without the weakest where these have no solution."""
        given = list(self.alphas or ())
        for n in range(len(given), 0, -1):
            if (model := _cox(matrix, y, alphas=given[:n])) is not None:
                return np.asarray(model.coef_, float)
        return np.zeros((matrix.shape[1], 1))

    def again(self) -> "CoxPath":
        return CoxPath(self.alphas)

    def scores(self, X: pd.DataFrame) -> Floats:
        return np.asarray(self.prepare_.transform(X.to_numpy(float)) @ self.coefficients_, float)

    def loss(self, scores: Floats, y: npt.NDArray[Any]) -> float:
        return cox_gradient(scores[:, None], y["event"], y["time"])(np.ones(1))[0]


def _cox(matrix: Floats, y: npt.NDArray[Any], **strengths: Any) -> CoxnetSurvivalAnalysis | None:
    """The fitted path; None where some penalty is too weak for the few events, and no finite solution exists."""
    with warnings.catch_warnings():
        # The strongest penalty leaves nothing: that is what it is there for.
        warnings.filterwarnings("ignore", message="all coefficients are zero")
        try:
            return CoxnetSurvivalAnalysis(l1_ratio=0.5, max_iter=20_000, **strengths).fit(matrix, y)
        except ArithmeticError:
            return None


class LogisticPath:
    """Logistic regression with an L1 penalty."""

    def __init__(self, strengths: Sequence[float] | None = None) -> None:
        self.strengths = strengths

    def fit(self, X: pd.DataFrame, y: npt.NDArray[Any]) -> "LogisticPath":
        self.prepare_ = Pipeline(prepared(None).steps[:-1])
        matrix = self.prepare_.fit_transform(X.to_numpy(float))
        if self.strengths is None:
            # Below this C every coefficient is 0.
            largest = float(np.abs(matrix.T @ (y - y.mean())).max())
            start = 1.0 / max(largest, 1e-9)
            self.strengths = [float(c) for c in np.geomspace(start, LOGISTIC_RANGE * start, N_STRENGTHS)]
        models = [
            LogisticRegression(
                solver="liblinear", l1_ratio=1.0, C=c, intercept_scaling=10.0, max_iter=1_000, random_state=0
            ).fit(matrix, y)
            for c in self.strengths
        ]
        self.coefficients_ = np.stack([m.coef_[0] for m in models], axis=1)
        self.intercepts_ = np.array([m.intercept_[0] for m in models])
        return self

    def again(self) -> "LogisticPath":
        return LogisticPath(self.strengths)

    def scores(self, X: pd.DataFrame) -> Floats:
        return np.asarray(self.prepare_.transform(X.to_numpy(float)) @ self.coefficients_ + self.intercepts_, float)

    def loss(self, scores: Floats, y: npt.NDArray[Any]) -> float:
        return logistic_gradient(scores[:, None], y)(np.array([1.0, 0.0]))[0]
