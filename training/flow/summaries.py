"""Estimates, folds and hyper-parameters as the metrics and parameters of runs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from training.evaluate import Estimate
    from training.repetition import Repeated

DIFFERENCE_TO_FULL = "difference_to_full"


def metrics_of(estimates: "Mapping[str, Estimate]", difference: "Estimate | None", name: str) -> dict[str, float]:
    """Value, interval, and spread over the folds, side by side under each metric's name.

    difference: the primary metric less another evaluation's, in pairs, under `name`; None for nothing.
    """
    named = dict(estimates) if difference is None else {**estimates, name: difference}
    metrics: dict[str, float] = {}
    for metric, e in named.items():
        metrics |= {f"{metric}_fold_mean": e.fold_mean, f"{metric}_fold_sd": e.fold_sd}
    return with_intervals(named) | metrics


def with_intervals(estimates: "Mapping[str, Estimate]") -> dict[str, float]:
    """Value and interval side by side under each metric's name."""
    metrics: dict[str, float] = {}
    for metric, e in estimates.items():
        metrics |= {metric: e.value, f"{metric}_low": e.low, f"{metric}_high": e.high}
    return metrics


def spread_over_seeds(repeated: "Repeated") -> dict[str, float]:
    """`<metric>_seed_mean` and `<metric>_seed_sd`; {} for a single seed."""
    if len(repeated.values) < 2:
        return {}
    metrics: dict[str, float] = {}
    for metric, spread in repeated.spread.items():
        metrics |= {f"{metric}_seed_mean": spread.mean, f"{metric}_seed_sd": spread.sd}
    return metrics


def hyper_parameters(chosen: Mapping[str, object]) -> dict[str, object]:
    """Hyper-parameters as people and charts read them: without the step of the pipeline, a list of one as its item."""
    return {name.rpartition("__")[2]: _single(value) for name, value in chosen.items()}


def _single(value: Any) -> object:
    return value[0] if isinstance(value, list | tuple) and len(value) == 1 else value


def coefficients_of(model: Any) -> dict[str, float]:
    """Coefficients of a linear model on standardised columns, by column; {} for a model that has none."""
    if not hasattr(model, "steps") or not hasattr(model.steps[-1][1], "coef_"):
        return {}
    names = model[:-1].get_feature_names_out()
    values = np.asarray(model.steps[-1][1].coef_).ravel()
    return {str(n): float(v) for n, v in zip(names, values, strict=True) if v != 0}
