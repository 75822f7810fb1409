"""Intervals by resampling patients, never rows: minutes of one patient are not independent."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MIN_VALID_SHARE = 0.8
BLOCK = 400_000
"""Weights that are worked on at a time: a block and what is computed from it should stay in the processor's cache."""


def patient_weights(groups: npt.NDArray[np.intp], n_samples: int, seed: int) -> Iterator[Floats]:
    """Row weights of bootstrap samples of groups, in blocks of shape (samples, rows): how often each was drawn."""
    n_groups = int(groups.max()) + 1
    draws = np.random.default_rng(seed).multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_samples)
    step = max(1, BLOCK // len(groups))
    for start in range(0, n_samples, step):
        yield draws[start : start + step, groups].astype(float)


def intervals(samples: Mapping[str, Floats], level: float = 0.95) -> dict[str, tuple[float, float]]:
    """Percentile intervals by metric; (NaN, NaN) where fewer than 80 % of the samples define the metric.

    samples: for each metric its value in every sample.
    """
    tail = (1 - level) / 2
    result = {}
    for name, values in samples.items():
        known = values[np.isfinite(values)]
        if not len(known) or len(known) < MIN_VALID_SHARE * len(values):
            result[name] = (float("nan"), float("nan"))
            continue
        low, high = np.quantile(known, [tail, 1 - tail])
        result[name] = (float(low), float(high))
    return result
