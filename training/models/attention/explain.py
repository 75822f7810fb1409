"""What the attention model looked at, and what that said."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from training.models.attention.tokens import encode

if TYPE_CHECKING:
    from training.models.attention.estimator import Attention

TIME_BINS_DAYS = (0.0, 7.0, 21.0, 35.0, 60.0, np.inf)
UNDATED = "undated"
"""The bin of single numbers, which have no time."""


def attention(model: "Attention", X: pd.DataFrame) -> pd.DataFrame:
    """One row for each measurement that the model saw, of every row of X; members of the ensemble averaged.

    row: label of the row of X. modality, measure. days_before: days from the measurement to the prediction, NaN for
    single numbers. weight: share of the attention, 0 to 1; of a row they add up to less than 1, the rest is the sink's.
    contribution: what the measurement adds to the log hazard or log odds. Attention says where the model looks, and a
    large weight on an average value moves nothing: contributions say what moved the prediction.
    """
    columns = ["row", "modality", "measure", "days_before", "weight", "contribution"]
    if model.networks_ is None:
        return pd.DataFrame(columns=columns)
    from training.models.attention.ensemble import applied

    tokens = encode(X, model.vocabulary_)
    _, weight, contribution = applied(model.networks_, tokens, model.scale)
    at, token = np.nonzero(tokens.mask)
    names = model.vocabulary_.names
    measure = tokens.measure[at, token]
    return pd.DataFrame(
        {
            "row": X.index.to_numpy()[at],
            "modality": [names[m][0] for m in measure],
            "measure": [names[m][1] for m in measure],
            "days_before": tokens.days[at, token],
            "weight": weight[at, token],
            "contribution": model.slope_ * contribution[at, token],
        },
        columns=columns,
    )


def out_of_fold(
    models: Sequence[Any], tested: Sequence[pd.DataFrame], uses: Callable[[list[str]], list[str]]
) -> pd.DataFrame | None:
    """`attention` of every row by the model of the fold that tested it; None where the models have none.

    models: fitted, one a fold; where causes compete, the model of the event is asked. tested: each fold's test rows.
    """
    asked = [getattr(model, "event_", model) for model in models]
    if not asked or not all(hasattr(model, "attention") for model in asked):
        return None
    found = [model.attention(rows[uses(list(rows.columns))]) for model, rows in zip(asked, tested, strict=True)]
    whole: pd.DataFrame = pd.concat(found, ignore_index=True)
    return whole


def by_measure(found: pd.DataFrame) -> pd.DataFrame:
    """Of `attention`, a row a measure, the most moving first: mean weight and mean |contribution| of a patient."""
    rows = max(found["row"].nunique(), 1)
    moved = found.assign(contribution=found["contribution"].abs())
    sums = moved.groupby(["modality", "measure"], observed=True)[["weight", "contribution"]].sum() / rows
    return sums.sort_values("contribution", ascending=False).reset_index()


def by_modality_and_time(found: pd.DataFrame) -> pd.DataFrame:
    """Of `attention`, a row for each modality and bin of days before the prediction: the same two means."""
    rows = max(found["row"].nunique(), 1)
    bins = pd.cut(found["days_before"], TIME_BINS_DAYS, right=False, labels=time_bins()[:-1])
    bins = bins.astype(object).fillna(UNDATED)
    moved = found.assign(contribution=found["contribution"].abs(), days_before=bins)
    sums = moved.groupby(["modality", "days_before"])[["weight", "contribution"]].sum() / rows
    return sums.reset_index()


def time_bins() -> list[str]:
    """The names of the bins, the latest first; UNDATED stands last."""
    edges = list(pairwise(TIME_BINS_DAYS))
    return [f"{a:g} to {b:g} d" if np.isfinite(b) else f"over {a:g} d" for a, b in edges] + [UNDATED]
