"""Chooses hyper-parameters on inner folds, doing once a fold what does not depend on them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline

from training.splits import Fold

Score = Callable[[Any, Any, npt.NDArray[Any]], float]
"""(fitted model, features, target) -> higher is better."""


def choose(
    estimator: Any,
    grid: Mapping[str, Sequence[object]],
    features: pd.DataFrame,
    target: npt.NDArray[Any],
    folds: Sequence[Fold],
    score: Score,
) -> dict[str, object]:
    """The point of the grid with the best mean score over the folds, the first of equals.

    What `sklearn.model_selection.GridSearchCV` chooses. Of a Pipeline whose last step alone the grid speaks of, the
    steps before it are fitted once a fold and not once a point as well: imputing and scaling is most of what a search
    on a hundred patients costs.
    """
    points = list(ParameterGrid(dict(grid)))
    scores = np.array([_scores(estimator, points, features, target, fold, score) for fold in folds])
    means = scores.mean(axis=0)
    best = int(np.nanargmax(means)) if np.isfinite(means).any() else 0
    return dict(points[best])


def _scores(
    estimator: Any,
    points: Sequence[Mapping[str, object]],
    features: pd.DataFrame,
    target: npt.NDArray[Any],
    fold: Fold,
    score: Score,
) -> list[float]:
    """The score of each point on the test rows of a fold."""
    train, test = features.iloc[fold.train], features.iloc[fold.test]
    model, prefix = estimator, ""
    if isinstance(estimator, Pipeline) and len(estimator.steps) > 1:
        last, own = estimator.steps[-1]
        if all(name.startswith(f"{last}__") for point in points for name in point):
            model, prefix = own, f"{last}__"
            before = clone(estimator[:-1])
            train = before.fit_transform(train, target[fold.train])
            test = before.transform(test)
    found = []
    for point in points:
        settings = {name.removeprefix(prefix): clone(value, safe=False) for name, value in point.items()}
        one = clone(model).set_params(**settings)
        # Where a score asks for a part of the model only, the rest need not be fitted.
        fit = getattr(one, "fit_to_score", one.fit)
        found.append(score(fit(train, target[fold.train]), test, target[fold.test]))
    return found
