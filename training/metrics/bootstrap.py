"""Intervals by resampling patients, never rows: minutes of one patient are not independent."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Score = Callable[[Floats], Mapping[str, float]]
"""Row weights -> metrics by name."""

MIN_VALID_SHARE = 0.8


def patient_weights(groups: npt.NDArray[np.intp], n_samples: int, seed: int) -> Floats:
    """Row weights of bootstrap samples of groups, shape (samples, rows): how often each row's group was drawn."""
    n_groups = int(groups.max()) + 1
    draws = np.random.default_rng(seed).multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_samples)
    return draws[:, groups].astype(float)


def intervals(samples: list[Mapping[str, float]], level: float = 0.95) -> dict[str, tuple[float, float]]:
    """Percentile intervals by metric; (NaN, NaN) where fewer than 80 % of the samples define the metric."""
    tail = (1 - level) / 2
    result = {}
    for name in samples[0] if samples else ():
        values = np.array([s[name] for s in samples], float)
        known = values[np.isfinite(values)]
        if len(known) < MIN_VALID_SHARE * len(values):
            result[name] = (float("nan"), float("nan"))
            continue
        low, high = np.quantile(known, [tail, 1 - tail])
        result[name] = (float(low), float(high))
    return result
