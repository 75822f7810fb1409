"""Calibration of predicted survival at a fixed horizon, with row weights as in `training.metrics.survival`.

Who was censored before the horizon says nothing of it; the others stand for them by inverse probability of censoring
(Gerds, Andersen and Kattan 2014, who also count a competing event as a status that is known). The integrated
calibration index is the mean distance between prediction and a smooth curve of what was observed (Austin, Harrell and
van Klaveren 2020); the curve follows chance too, so in a small cohort the index of the truth itself is above 0.
"""

from dataclasses import dataclass

import numpy as np

from training.metrics.classes import ratio
from training.metrics.survival import Floats, FollowUp, Rows, observed_incidence, status_at

MIN_BANDWIDTH = 0.02
"""In probability: predictions that hardly differ are one group."""
GROUP_SIZE, MOST_GROUPS = 15, 5


@dataclass(frozen=True)
class Calibration:
    """Predicted and observed incidence at one horizon.

    incidence: predicted. known: weight of whose status is known. had: that weight where the event was had. kernel:
    (rows, rows), how much each row counts for the smooth curve at another's prediction.
    """

    incidence: Floats
    known: Floats
    had: Floats
    kernel: Floats

    @classmethod
    def of(cls, seen: FollowUp, incidence: Floats, horizon: float) -> "Calibration":
        weight, status = status_at(seen, np.array([horizon]), seen.censoring)
        known, had = weight[:, 0], status[:, 0]
        apart = incidence[:, None] - incidence[None, :]
        return cls(incidence, known, known * had, np.exp(-0.5 * (apart / _bandwidth(incidence)) ** 2))

    def index(self, weights: Floats) -> Floats:
        """Integrated calibration index: mean |predicted - observed|, 0 is right; NaN where no status is known."""
        known = (weights * self.known) @ self.kernel
        curve = np.divide((weights * self.had) @ self.kernel, known, out=np.full(known.shape, np.nan), where=known > 0)
        # A prediction with nobody of known status near it is no evidence either way.
        weights = np.where(np.isnan(curve), 0.0, weights)
        gap = (weights * np.abs(self.incidence - np.nan_to_num(curve))).sum(-1)
        return ratio(gap, weights.sum(-1))

    def observed_to_expected(self, weights: Floats) -> Floats:
        """Observed over expected incidence, 1 is right, above it the model is too hopeful."""
        observed = ratio((weights * self.had).sum(-1), (weights * self.known).sum(-1))
        return observed / ratio(weights @ self.incidence, weights.sum(-1))


def risk_groups(seen: FollowUp, incidence: Floats, horizon: float) -> tuple[Floats, Floats, list[Rows]]:
    """(mean predicted, observed incidence, rows) of up to 5 groups of rising risk, each of 15 patients or more."""
    n = min(MOST_GROUPS, max(1, len(incidence) // GROUP_SIZE))
    groups = np.array_split(np.argsort(incidence, kind="stable"), n)
    predicted = np.array([incidence[rows].mean() for rows in groups])
    return predicted, np.array([observed_incidence(seen[rows], horizon) for rows in groups]), groups


def _bandwidth(values: Floats) -> float:
    """Silverman's rule of thumb (1986)."""
    low, high = np.quantile(values, [0.25, 0.75])
    spread = min(values.std(), (high - low) / 1.34) if high > low else values.std()
    return max(MIN_BANDWIDTH, float(0.9 * spread * len(values) ** -0.2))
