"""Metrics of predicted probabilities with row weights, so that folds, subgroups and bootstrap samples are one thing.

Weights are one row, or one row for each sample: (rows,) or (samples, rows); results are () or (samples,).
Ranking metrics are taken within each fold and then averaged by what each fold can say (pairs, positives): pooled
ranks would mix models, and put a model that predicts the prevalence of its training fold below 0.5. With weights of
one and a single fold they equal scikit-learn's.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
ECE_BINS = 10
MIN_LOGIT_SD = 0.05
NEWTON_STEPS = 50
CONVERGED = 1e-8


@dataclass(frozen=True)
class Ranking:
    """Rows of one fold in falling order of score, which of them are positive, and the last of each run of equals."""

    rows: npt.NDArray[np.intp]
    positive: Floats
    ends: npt.NDArray[np.intp]

    @classmethod
    def of(cls, score: Floats, truth: Flags, rows: npt.NDArray[np.intp]) -> "Ranking":
        order = rows[np.argsort(-score[rows], kind="stable")]
        falls = np.flatnonzero(np.diff(score[order]))
        return cls(order, truth[order].astype(float), np.append(falls, len(order) - 1).astype(np.intp))

    def counts(self, weights: Floats) -> tuple[Floats, Floats]:
        """Weight of true and of false positives at each distinct threshold, from the highest score down."""
        weight = weights[..., self.rows]
        positive = np.cumsum(weight * self.positive, axis=-1)
        total = np.cumsum(weight, axis=-1)
        if len(self.ends) < len(self.rows):
            positive, total = positive[..., self.ends], total[..., self.ends]
        return positive, total - positive


def rankings(score: Floats, truth: Flags, fold: npt.NDArray[np.intp], among: Flags | None = None) -> list[Ranking]:
    """One ranking for each fold. among: the rows of a subgroup; default all."""
    chosen = np.ones(len(score), bool) if among is None else among
    parts = [np.flatnonzero((fold == k) & chosen) for k in np.unique(fold)]
    return [Ranking.of(score, truth, rows) for rows in parts if len(rows)]


def auroc(ranked: list[Ranking], weights: Floats) -> Floats:
    """Share of (positive, negative) pairs of a fold that are in order, ties half; NaN without a pair."""
    return ranking_metrics(ranked, weights)[0]


def auprc(ranked: list[Ranking], weights: Floats) -> Floats:
    """Average precision of each fold, weighted by its positives; NaN without a positive.

    To be read beside the prevalence, which is what chance reaches.
    """
    return ranking_metrics(ranked, weights)[1]


def ranking_metrics(ranked: list[Ranking], weights: Floats) -> tuple[Floats, Floats, Floats]:
    """(AUROC, AUPRC, prevalence) of ranked rows: what is counted for one serves them all."""
    ordered, pairs, area, positives, everyone = (np.zeros(weights.shape[:-1]) for _ in range(5))
    for ranking in ranked:
        positive, negative = ranking.counts(weights)
        all_positive, all_negative = positive[..., -1], negative[..., -1]
        gained = np.diff(positive, prepend=0.0, axis=-1)
        # Each positive is ahead of the negatives that have not come yet, and level with those of its own score.
        behind = all_negative[..., None] - negative + np.diff(negative, prepend=0.0, axis=-1) / 2
        ordered += (gained * behind).sum(-1)
        pairs += all_positive * all_negative
        flagged = positive + negative
        precision = np.divide(positive, flagged, out=np.zeros_like(positive), where=flagged > 0)
        area += (gained * precision).sum(-1)
        positives += all_positive
        everyone += all_positive + all_negative
    return ratio(ordered, pairs), ratio(area, positives), ratio(positives, everyone)


def brier(probability: Floats, truth: Flags, weights: Floats) -> Floats:
    """Weighted mean of (probability - truth) squared."""
    return ratio(weights @ (probability - truth) ** 2, weights.sum(-1))


def calibration_bins(
    probability: Floats, truth: Flags, weights: Floats, n: int = ECE_BINS
) -> tuple[Floats, Floats, Floats]:
    """Over n bins of equal width: (weight, mean probability, observed share), NaN in bins without weight."""
    inside = np.eye(n)[np.minimum((probability * n).astype(int), n - 1)]
    weight = weights @ inside
    predicted = weights @ (inside * probability[:, None])
    observed = weights @ (inside * truth[:, None])
    return weight, ratio(predicted, weight), ratio(observed, weight)


def ece(probability: Floats, truth: Flags, weights: Floats) -> Floats:
    """Expected calibration error: mean gap between predicted and observed share over 10 bins of equal width."""
    weight, predicted, observed = calibration_bins(probability, truth, weights)
    gap = np.where(weight > 0, weight * np.abs(predicted - observed), 0.0).sum(-1)
    return ratio(gap, weight.sum(-1))


def calibration_slope(probability: Floats, truth: Flags, weights: Floats) -> Floats:
    """Slope of the truth on the logit of the prediction (Cox 1958): 1 is right, below 1 overconfident.

    NaN where it has no finite solution or no meaning: one class, predictions that hardly differ (the prevalences of
    several folds), or perfect separation.
    """
    logit = _logit(probability)
    return _each(weights, lambda w: _slope(logit, truth, w))


def calibration_intercept(probability: Floats, truth: Flags, weights: Floats) -> Floats:
    """Calibration in the large: what to add to the logit of every prediction (Cox 1958, slope held at 1); 0 is right.

    Above 0 the predictions are too low. NaN where there is one class only.
    """
    logit = _logit(probability)
    return _each(weights, lambda w: _intercept(logit, truth, w))


def _logit(probability: Floats) -> Floats:
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(clipped / (1 - clipped)), float)


def _each(weights: Floats, value: Callable[[Floats], float]) -> Floats:
    return np.array([value(w) for w in weights]) if weights.ndim > 1 else np.asarray(value(weights))


def _slope(logit: Floats, truth: Flags, weights: Floats) -> float:
    seen = weights > 0
    logit, outcome, weights = logit[seen], truth[seen].astype(float), weights[seen]
    if not len(logit) or logit.std() < MIN_LOGIT_SD or outcome.min() == outcome.max():
        return float("nan")
    intercept, slope = 0.0, 1.0
    for _ in range(NEWTON_STEPS):
        # Newton's method on two parameters, written out: a call into a linear-algebra library would cost more.
        fitted = expit(intercept + slope * logit)
        curvature, residual = weights * fitted * (1 - fitted), weights * (outcome - fitted)
        leaning = curvature * logit
        a, b, c = curvature.sum(), leaning.sum(), leaning @ logit
        determinant = a * c - b * b
        if determinant <= 1e-10 * a * c:
            return float("nan")
        g, h = residual.sum(), residual @ logit
        steps = (c * g - b * h) / determinant, (a * h - b * g) / determinant
        intercept, slope = intercept + steps[0], slope + steps[1]
        if max(abs(steps[0]), abs(steps[1])) < CONVERGED:
            return float(slope)
    return float("nan")


def _intercept(logit: Floats, truth: Flags, weights: Floats) -> float:
    seen = weights > 0
    logit, outcome, weights = logit[seen], truth[seen].astype(float), weights[seen]
    if not len(logit) or outcome.min() == outcome.max():
        return float("nan")
    intercept = 0.0
    for _ in range(NEWTON_STEPS):
        fitted = expit(intercept + logit)
        curvature = float(weights @ (fitted * (1 - fitted)))
        # A step of more than 2 would overshoot where nearly everyone is predicted alike and wrong.
        step = float(np.clip(weights @ (outcome - fitted) / max(curvature, 1e-300), -2, 2))
        intercept += step
        if abs(step) < CONVERGED:
            return intercept
    return float("nan")


def threshold_at_sensitivity(probability: Floats, truth: Flags, sensitivity: float) -> float:
    """The highest threshold at which `probability >= threshold` finds at least that share of the positives."""
    positives = np.sort(probability[truth])[::-1]
    if not len(positives):
        return float("nan")
    return float(positives[int(np.ceil(sensitivity * len(positives))) - 1])


def ppv(alarm: Flags, truth: Flags, weights: Floats) -> Floats:
    """Share of alarms that are right; NaN without an alarm."""
    return ratio(weights @ (alarm & truth).astype(float), weights @ alarm.astype(float))


def ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole; NaN where whole is not above 0."""
    out = np.full(np.shape(whole), np.nan)
    return np.asarray(np.divide(part, whole, out=out, where=np.asarray(whole) > 0), float)
