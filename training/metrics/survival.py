"""Survival metrics with row weights, so that folds, subgroups and bootstrap samples are all the same computation.

Discrimination is a share of pairs, and pairs are formed within a fold only: risks of two models that were fitted on
different folds have no common scale. Definitions: Harrell et al. 1996 (C), Uno et al. 2011 (C with inverse
probability of censoring weights), Graf et al. 1999 (Brier score), Uno et al. 2007 (cumulative/dynamic AUC). With
weights of one and a single fold they equal scikit-survival's; memory grows with the square of the rows.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Censoring:
    """Kaplan-Meier estimate of staying uncensored; events at the time of a censoring come before it."""

    times: Floats
    survival: Floats

    @classmethod
    def of(cls, time: Floats, event: npt.NDArray[np.bool_]) -> "Censoring":
        times = np.unique(time)
        at_risk = np.array([(time >= t).sum() for t in times])
        events = np.array([(event & (time == t)).sum() for t in times])
        censored = np.array([(~event & (time == t)).sum() for t in times])
        exposed = np.maximum(at_risk - events, 1)
        return cls(times, np.cumprod(1 - censored / exposed))

    def at(self, t: npt.ArrayLike) -> Floats:
        """Probability of being uncensored beyond `t`."""
        position = np.searchsorted(self.times, t, side="right") - 1
        return np.where(position < 0, 1.0, self.survival[np.maximum(position, 0)])


def last_supported_time(time: Floats, event: npt.NDArray[np.bool_], at_least: float = 0.1) -> float:
    """The latest event time by which at least `at_least` of the patients would still be under observation.

    Beyond it a handful of patients would carry all the weight; Uno's C and the Brier score stop here.
    """
    censoring = Censoring.of(time, event)
    candidates = time[event & (censoring.at(time) >= at_least) & (time < time.max())]
    return float(candidates.max()) if len(candidates) else float(time.max())


@dataclass(frozen=True)
class Pairs:
    """A share of pairs: matrices of (what a pair counts if it is right, what it counts at all)."""

    concordant: Floats
    comparable: Floats

    def share(self, weights: Floats) -> float:
        """Weighted share; NaN where the rows with weight form no pair."""
        total = weights @ self.comparable @ weights
        return float(weights @ self.concordant @ weights / total) if total > 0 else float("nan")


def concordance_pairs(
    time: Floats,
    event: npt.NDArray[np.bool_],
    risk: Floats,
    fold: npt.NDArray[np.intp],
    *,
    censoring: Censoring | None = None,
    tau: float | None = None,
) -> Pairs:
    """Pairs of Harrell's C; with `censoring` those of Uno's C, which counts events before `tau` only.

    A pair (i, j) is comparable where i has the event and j is observed longer, or as long without it. Tied risks
    count half.
    """
    longer = (time[:, None] < time[None, :]) | ((time[:, None] == time[None, :]) & ~event[None, :])
    first = event if tau is None else event & (time < tau)
    comparable = (first[:, None] & longer & (fold[:, None] == fold[None, :])).astype(float)
    if censoring is not None:
        comparable *= _inverse(censoring, time)[:, None] ** 2
    return Pairs(comparable * _order(risk), comparable)


def dynamic_auc_pairs(
    time: Floats,
    event: npt.NDArray[np.bool_],
    risk: Floats,
    fold: npt.NDArray[np.intp],
    *,
    censoring: Censoring,
    horizon: float,
) -> Pairs:
    """Pairs of the cumulative/dynamic AUC: who had the event by `horizon` against who was event-free beyond it."""
    case = event & (time <= horizon)
    control = time > horizon
    comparable = (case[:, None] & control[None, :] & (fold[:, None] == fold[None, :])).astype(float)
    comparable *= _inverse(censoring, time)[:, None]
    return Pairs(comparable * _order(risk), comparable)


def brier_contributions(
    time: Floats, event: npt.NDArray[np.bool_], survival: Floats, times: Floats, censoring: Censoring
) -> Floats:
    """What each row adds to the IPCW Brier score at each time, shape (rows, times); the score is their mean."""
    died = event[:, None] & (time[:, None] <= times[None, :])
    alive = time[:, None] > times[None, :]
    by_event = np.where(died, survival**2 * _inverse(censoring, time)[:, None], 0.0)
    by_time = np.where(alive, (1 - survival) ** 2 / np.maximum(censoring.at(times), 1e-12)[None, :], 0.0)
    return by_event + by_time


def integrated_brier(contributions: Floats, times: Floats, weights: Floats) -> float:
    """Mean Brier score over [times[0], times[-1]] by trapezoids; NaN where no row has weight."""
    if weights.sum() <= 0:
        return float("nan")
    curve = weights @ contributions / weights.sum()
    return float(np.trapezoid(curve, times) / (times[-1] - times[0]))


def observed_survival(time: Floats, event: npt.NDArray[np.bool_], horizon: float) -> float:
    """Kaplan-Meier survival at `horizon`."""
    survival = 1.0
    for t in np.unique(time[event & (time <= horizon)]):
        survival *= 1 - (event & (time == t)).sum() / (time >= t).sum()
    return float(survival)


def _order(risk: Floats) -> Floats:
    order: Floats = (risk[:, None] > risk[None, :]) + 0.5 * (risk[:, None] == risk[None, :])
    return order


def _inverse(censoring: Censoring, time: Floats) -> Floats:
    probability: Floats = censoring.at(time)
    inverse = np.zeros_like(probability)
    np.divide(1.0, probability, out=inverse, where=probability > 0)
    return inverse
