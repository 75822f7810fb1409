"""Classifiers; all give probabilities through `predict_proba`."""

from typing import Any

from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from training.models.preparation import Extrapolation, Observed, prepared


def prevalence(features: object, seed: int) -> Any:
    """The trivial baseline: the share of positives among the training rows, for everyone."""
    return DummyClassifier(strategy="prior")


def logistic(features: object, seed: int) -> Any:
    """Logistic regression for a handful of variables, nearly unpenalised."""
    return prepared(LogisticRegression(C=10.0, max_iter=2_000))


def elastic_net(features: object, seed: int) -> Any:
    """Logistic elastic net; the strength comes from the grid."""
    return prepared(LogisticRegression(solver="saga", l1_ratio=0.5, C=0.1, max_iter=4_000, tol=1e-3, random_state=seed))


def ridge_logistic(features: object, seed: int) -> Any:
    """Ridge logistic regression for many rows: no selection, so quick where the minutes number thousands."""
    return prepared(LogisticRegression(C=0.1, max_iter=2_000))


def boosting(features: object, seed: int, *, min_samples_leaf: int = 10) -> Any:
    """Gradient boosting on histograms (missing values go their own way at each split, so nothing is imputed)."""
    model = HistGradientBoostingClassifier(
        max_iter=60,
        learning_rate=0.1,
        max_leaf_nodes=8,
        min_samples_leaf=min_samples_leaf,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    # It refuses a column without any value, which an absent modality brings.
    return Pipeline([("observed", Observed()), ("model", model)])


def extrapolation(features: object, seed: int, *, value: str, slope: str, ahead: float) -> Any:
    """Logistic regression on one variable: `value` carried on along `slope` for `ahead` units."""
    return Pipeline([("extrapolate", Extrapolation(value, slope, ahead)), *logistic(features, seed).steps])
