"""What the attention model looked at, and what that said."""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from training.models.attention.tokens import encode

if TYPE_CHECKING:
    from training.models.attention.estimator import Attention

TIME_BINS_DAYS = (0.0, 7.0, 21.0, 35.0, 60.0, np.inf)


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


def by_measure(found: pd.DataFrame) -> pd.DataFrame:
    """Of `attention`, a row a measure, the most moving first: mean weight and mean |contribution| of a patient."""
    rows = max(found["row"].nunique(), 1)
    moved = found.assign(contribution=found["contribution"].abs())
    sums = moved.groupby(["modality", "measure"], observed=True)[["weight", "contribution"]].sum() / rows
    return sums.sort_values("contribution", ascending=False).reset_index()


def by_modality_and_time(found: pd.DataFrame) -> pd.DataFrame:
    """Of `attention`, a row for each modality and bin of days before the prediction: the same two means.

    Single numbers have no time; their bin is "undated".
    """
    rows = max(found["row"].nunique(), 1)
    edges = TIME_BINS_DAYS
    names = [f"{a:g} to {b:g} d" if np.isfinite(b) else f"over {a:g} d" for a, b in pairwise(edges)]
    bins = pd.cut(found["days_before"], edges, right=False, labels=names).astype(object).fillna("undated")
    moved = found.assign(contribution=found["contribution"].abs(), days_before=bins)
    sums = moved.groupby(["modality", "days_before"])[["weight", "contribution"]].sum() / rows
    return sums.reset_index()
