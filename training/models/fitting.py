"""Fits a candidate: its hyper-parameters are chosen on grouped folds of the very rows that it may see."""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.splits import event_strata, grouped_folds
from training.task import Candidate

INNER_FOLDS = 3


def fit(
    candidate: Candidate,
    features: pd.DataFrame,
    target: npt.NDArray[Any],
    *,
    groups: npt.NDArray[Any],
    seed: int,
) -> tuple[Any, dict[str, object]]:
    """The fitted estimator and the hyper-parameters chosen for it ({} where there is nothing to choose).

    features: float columns, one row a label; only those that the candidate uses are passed on.
    target: booleans for classes, the structured array of `outcome` for survival.
    Choice is by concordance for survival and by the Brier score, a proper score, for classes.
    Raises UsageError where the training rows have too few groups for inner folds.
    """
    from sklearn.base import clone

    from training.models.selection import choose

    columns = candidate.uses(list(features.columns))
    estimator = candidate.build(features[columns], seed)
    seen = features[columns]
    with warnings.catch_warnings():
        # An elastic net so strong that nothing is left is a fair candidate: it loses by its score.
        warnings.filterwarnings("ignore", message="all coefficients are zero")
        if not candidate.grid:
            return estimator.fit(seen, target), {}
        is_survival = target.dtype.names is not None
        strata = event_strata(target["event"], groups, INNER_FOLDS) if is_survival else target
        folds = grouped_folds(groups, strata, INNER_FOLDS, seed)
        score = own_score if is_survival else negative_brier
        chosen = choose(estimator, candidate.grid, seen, target, folds, score)
        return clone(estimator).set_params(**clone(chosen, safe=False)).fit(seen, target), chosen


def own_score(model: Any, features: Any, target: npt.NDArray[Any]) -> float:
    """The model's own score: concordance, for every survival model."""
    return float(model.score(features, target))


def negative_brier(model: Any, features: Any, target: npt.NDArray[np.bool_]) -> float:
    """Minus the mean squared error of the predicted probability; higher is better, as searches expect."""
    return -float(np.mean((model.predict_proba(features)[:, 1] - target) ** 2))
