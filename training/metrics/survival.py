"""Survival metrics with row weights, so that folds, subgroups and bootstrap samples are all the same computation.

Weights are one row, or one row for each sample: (rows,) or (samples, rows); results are () or (samples,).
Discrimination is a share of pairs, and pairs are formed within a fold only: risks of two models that were fitted on
different folds have no common scale. Definitions: Harrell et al. 1996 (C), Uno et al. 2011 (C with inverse probability
of censoring weights), Graf et al. 1999 (Brier score), Uno et al. 2007 (cumulative/dynamic AUC) and Lambert and Chevret
2016 (its mean). With weights of one and a single fold they equal scikit-survival's; memory grows with the square of a
fold.

Where events compete, `competing` marks who had something else that rules the event out. Such a patient is not censored
but stays free of the event for good: Wolbers et al. 2009 and 2014 for C, Blanche et al. 2013 for the AUC, Schoop et al.
2011 for the Brier score of the cumulative incidence. Without competing events these are the definitions above.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.metrics.classes import ratio

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class FollowUp:
    """What was seen of each patient: `event` or `competing` at `time`, or free of both until then."""

    time: Floats
    event: Flags
    competing: Flags

    @classmethod
    def of(cls, time: Floats, event: Flags, competing: Flags | None = None) -> "FollowUp":
        return cls(time, event, np.zeros(len(time), bool) if competing is None else competing)

    def __getitem__(self, rows: Rows | Flags) -> "FollowUp":
        return FollowUp(self.time[rows], self.event[rows], self.competing[rows])

    @property
    def censoring(self) -> "Censoring":
        return Censoring.of(self.time, self.event | self.competing)


@dataclass(frozen=True)
class Censoring:
    """Kaplan-Meier estimate of staying uncensored; events at the time of a censoring come before it."""

    times: Floats
    survival: Floats

    @classmethod
    def of(cls, time: Floats, ended: Flags) -> "Censoring":
        """ended: whether something happened at `time`; the others were censored then."""
        times, place = np.unique(time, return_inverse=True)
        events = np.bincount(place, ended, minlength=len(times))
        censored = np.bincount(place, ~ended, minlength=len(times))
        at_risk = len(time) - np.append(0.0, np.cumsum(events + censored)[:-1])
        return cls(times, np.asarray(np.cumprod(1 - censored / np.maximum(at_risk - events, 1)), float))

    def at(self, t: npt.ArrayLike) -> Floats:
        """Probability of being uncensored beyond `t`."""
        position = np.searchsorted(self.times, t, side="right") - 1
        return np.where(position < 0, 1.0, self.survival[np.maximum(position, 0)])

    def inverse(self, t: npt.ArrayLike) -> Floats:
        """1 / `at`; 0 where nobody is left."""
        probability = self.at(t)
        inverse = np.zeros_like(probability)
        np.divide(1.0, probability, out=inverse, where=probability > 0)
        return inverse


def last_supported_time(seen: FollowUp, at_least: float = 0.1) -> float:
    """The latest event time by which at least `at_least` of the patients would still be under observation.

    Beyond it a handful of patients would carry all the weight; Uno's C and the Brier score stop here.
    """
    reached = seen.event & (seen.censoring.at(seen.time) >= at_least) & (seen.time < seen.time.max())
    return float(seen.time[reached].max()) if reached.any() else float(seen.time.max())


@dataclass(frozen=True)
class Pairs:
    """A share of pairs. blocks: rows of a fold, what a pair (first, second) of them counts if it is right, and at all.

    first, second: the rows of the block that can be first (who has the event) and those they are compared with.
    """

    blocks: Sequence[tuple[Rows, Floats, Floats]]

    def share(self, weights: Floats) -> Floats:
        """Weighted share, one for each row of weights; NaN where the rows with weight form no pair."""
        right = total = np.zeros(weights.shape[:-1])
        for rows, concordant, comparable in self.blocks:
            w = weights[..., rows]
            right = right + ((w @ concordant) * w).sum(-1)
            total = total + ((w @ comparable) * w).sum(-1)
        return ratio(right, total)


def concordance_pairs(
    seen: FollowUp,
    risk: Floats,
    fold: npt.NDArray[np.intp],
    *,
    censoring: Censoring | None = None,
    tau: float | None = None,
) -> Pairs:
    """Pairs of Harrell's C; with `censoring` those of Uno's C, which counts events before `tau` only.

    A pair (i, j) is comparable where i has the event and j is observed longer, as long without it, or had a competing
    event by then. Tied risks count half.
    """
    return Pairs([_concordance(seen, risk, rows, censoring, tau) for rows in _folds(fold)])


def _concordance(
    seen: FollowUp, risk: Floats, rows: Rows, censoring: Censoring | None, tau: float | None
) -> tuple[Rows, Floats, Floats]:
    part = seen[rows]
    time, event = part.time, part.event
    longer = (time[:, None] < time[None, :]) | ((time[:, None] == time[None, :]) & ~event[None, :])
    ruled_out = part.competing[None, :] & ~longer
    first = event if tau is None else event & (time < tau)
    comparable = (first[:, None] & (longer | ruled_out)).astype(float)
    if censoring is not None:
        inverse = censoring.inverse(time)
        # Who outlives i was uncensored when i had the event; who was ruled out before was so at a time of their own.
        comparable *= inverse[:, None] * np.where(ruled_out, inverse[None, :], inverse[:, None])
    return rows, comparable * _order(risk[rows]), comparable


def dynamic_auc_pairs(
    seen: FollowUp,
    risk: Floats,
    fold: npt.NDArray[np.intp],
    *,
    censoring: Censoring,
    horizon: float,
) -> Pairs:
    """Pairs of the cumulative/dynamic AUC: who had the event by `horizon` against who was free of it then."""
    return Pairs([_dynamic(seen[rows], risk[rows], rows, censoring, horizon) for rows in _folds(fold)])


def _dynamic(
    part: FollowUp, risk: Floats, rows: Rows, censoring: Censoring, horizon: float
) -> tuple[Rows, Floats, Floats]:
    inverse = censoring.inverse(part.time)
    case = np.where(part.event & (part.time <= horizon), inverse, 0.0)
    beyond = (part.time > horizon) * float(censoring.inverse(horizon))
    control = np.where(part.competing & (part.time <= horizon), inverse, beyond)
    comparable = case[:, None] * control[None, :]
    return rows, comparable * _order(risk), comparable


def mean_dynamic_auc(seen: FollowUp, horizons: Sequence[float], aucs: Sequence[Floats]) -> Floats:
    """Mean of the AUCs at several horizons, each weighted by the events since the one before (Lambert 2016)."""
    reached = np.array([observed_incidence(seen, h) for h in horizons])
    weights = np.diff(reached, prepend=0.0)
    return np.asarray(weights @ np.stack(aucs) / weights.sum(), float)


def brier_contributions(seen: FollowUp, survival: Floats, times: Floats, censoring: Censoring) -> Floats:
    """What each row adds to the IPCW Brier score at each time, shape (rows, times); the score is their mean.

    survival: predicted probability of being free of the event (1 - cumulative incidence) at `times`.
    """
    known, had = status_at(seen, times, censoring)
    return np.asarray(known * np.where(had, survival, 1 - survival) ** 2, float)


def status_at(seen: FollowUp, times: Floats, censoring: Censoring) -> tuple[Floats, Flags]:
    """(IPCW weight of whose status at each time is known, 0 for the others; who had had the event), (rows, times)."""
    ended = (seen.event | seen.competing)[:, None] & (seen.time[:, None] <= times[None, :])
    free = seen.time[:, None] > times[None, :]
    weight = ended * censoring.inverse(seen.time)[:, None]
    weight = weight + free / np.maximum(censoring.at(times), 1e-12)[None, :]
    return weight, ended & seen.event[:, None]


def integrated_brier(contributions: Floats, times: Floats, weights: Floats) -> Floats:
    """Mean Brier score over [times[0], times[-1]] by trapezoids; NaN where no row has weight."""
    total = weights.sum(-1)
    area = weights @ np.trapezoid(contributions, times, axis=1) / (times[-1] - times[0])
    return ratio(area, total)


def observed_incidence(seen: FollowUp, horizon: float) -> float:
    """Incidence of the event by `horizon` (Aalen and Johansen 1978); 1 - Kaplan-Meier where nothing competes."""
    free, incidence = 1.0, 0.0
    ended = seen.event | seen.competing
    for t in np.unique(seen.time[ended & (seen.time <= horizon)]):
        at_risk, now = (seen.time >= t).sum(), seen.time == t
        incidence += free * (seen.event & now).sum() / at_risk
        free *= 1 - (ended & now).sum() / at_risk
    return float(incidence)


def _folds(fold: npt.NDArray[np.intp]) -> list[Rows]:
    return [np.flatnonzero(fold == k) for k in np.unique(fold)]


def _order(risk: Floats) -> Floats:
    order: Floats = (risk[:, None] > risk[None, :]) + 0.5 * (risk[:, None] == risk[None, :])
    return order
