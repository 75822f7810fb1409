"""Metrics of predicted probabilities with row weights, so that folds, subgroups and bootstrap samples are one thing.

Ranking metrics are taken within each fold and then averaged by what each fold can say (pairs, positives): pooled
ranks would mix models, and put a model that predicts the prevalence of its training fold below 0.5. With weights of
one and a single fold they equal scikit-learn's.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
ECE_BINS = 10
MIN_LOGIT_SD = 0.05


@dataclass(frozen=True)
class Ranking:
    """Rows of one fold in falling order of score; `ends` are the last positions of runs of equal scores."""

    rows: npt.NDArray[np.intp]
    ends: npt.NDArray[np.intp]

    @classmethod
    def of(cls, score: Floats, rows: npt.NDArray[np.intp]) -> "Ranking":
        order = rows[np.argsort(-score[rows], kind="stable")]
        falls = np.flatnonzero(np.diff(score[order]))
        return cls(order, np.append(falls, len(order) - 1).astype(np.intp))

    def counts(self, truth: Flags, weights: Floats) -> tuple[Floats, Floats]:
        """Weight of true and of false positives at each distinct threshold, from the highest score down."""
        weight = weights[self.rows]
        positive = np.cumsum(np.where(truth[self.rows], weight, 0.0))[self.ends]
        total = np.cumsum(weight)[self.ends]
        return positive, total - positive


def rankings(score: Floats, fold: npt.NDArray[np.intp]) -> list[Ranking]:
    """One ranking for each fold."""
    return [Ranking.of(score, np.flatnonzero(fold == k)) for k in np.unique(fold)]


def auroc(ranked: list[Ranking], truth: Flags, weights: Floats) -> float:
    """Share of (positive, negative) pairs of a fold that are in order, ties half; NaN without a pair."""
    ordered = pairs = 0.0
    for ranking in ranked:
        positive, negative = ranking.counts(truth, weights)
        steps = np.diff(negative, prepend=0.0)
        before = np.append(0.0, positive[:-1])
        ordered += float(steps @ (before + positive) / 2)
        pairs += float(positive[-1] * negative[-1])
    return ordered / pairs if pairs > 0 else float("nan")


def auprc(ranked: list[Ranking], truth: Flags, weights: Floats) -> float:
    """Average precision of each fold, weighted by its positives; NaN without a positive.

    To be read beside the prevalence, which is what chance reaches.
    """
    area = positives = 0.0
    for ranking in ranked:
        positive, negative = ranking.counts(truth, weights)
        if positive[-1] <= 0:
            continue
        flagged = positive + negative
        precision = np.divide(positive, flagged, out=np.zeros_like(positive), where=flagged > 0)
        area += float(np.diff(positive, prepend=0.0) @ precision)
        positives += float(positive[-1])
    return area / positives if positives > 0 else float("nan")


def brier(probability: Floats, truth: Flags, weights: Floats) -> float:
    """Weighted mean of (probability - truth) squared."""
    return float(weights @ (probability - truth) ** 2 / weights.sum()) if weights.sum() > 0 else float("nan")


def calibration_bins(
    probability: Floats, truth: Flags, weights: Floats, n: int = ECE_BINS
) -> tuple[Floats, Floats, Floats]:
    """Over n bins of equal width: (weight, mean probability, observed share), bins without weight left out."""
    position = np.minimum((probability * n).astype(int), n - 1)
    weight = np.bincount(position, weights, minlength=n).astype(float)
    filled = weight > 0
    predicted = np.bincount(position, weights * probability, minlength=n)[filled] / weight[filled]
    observed = np.bincount(position, weights * truth, minlength=n)[filled] / weight[filled]
    return weight[filled], predicted, observed


def ece(probability: Floats, truth: Flags, weights: Floats) -> float:
    """Expected calibration error: mean gap between predicted and observed share over 10 bins of equal width."""
    weight, predicted, observed = calibration_bins(probability, truth, weights)
    return float(weight @ np.abs(predicted - observed) / weight.sum()) if len(weight) else float("nan")


def calibration_slope(probability: Floats, truth: Flags, weights: Floats) -> float:
    """Slope of the truth on the logit of the prediction (Cox 1958): 1 is right, below 1 overconfident.

    NaN where it has no finite solution or no meaning: one class, predictions that hardly differ (the prevalences of
    several folds), or perfect separation.
    """
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    logit = np.log(clipped / (1 - clipped))
    seen = weights > 0
    if not seen.any() or logit[seen].std() < MIN_LOGIT_SD or len(np.unique(truth[seen])) < 2:
        return float("nan")
    intercept, slope = 0.0, 1.0
    for _ in range(50):
        # Newton's method on two parameters, written out: a call into a linear-algebra library would cost more.
        fitted = 1 / (1 + np.exp(-np.clip(intercept + slope * logit, -30, 30)))
        curvature = weights * fitted * (1 - fitted)
        residual = weights * (truth - fitted)
        a, b, c = curvature.sum(), (curvature * logit).sum(), (curvature * logit**2).sum()
        determinant = a * c - b * b
        if determinant <= 1e-10 * a * c:
            return float("nan")
        g, h = residual.sum(), (residual * logit).sum()
        steps = (c * g - b * h) / determinant, (a * h - b * g) / determinant
        intercept, slope = intercept + steps[0], slope + steps[1]
        if max(abs(steps[0]), abs(steps[1])) < 1e-8:
            return float(slope)
    return float("nan")


def threshold_at_sensitivity(probability: Floats, truth: Flags, sensitivity: float) -> float:
    """The highest threshold at which `probability >= threshold` finds at least that share of the positives."""
    positives = np.sort(probability[truth])[::-1]
    if not len(positives):
        return float("nan")
    return float(positives[int(np.ceil(sensitivity * len(positives))) - 1])


def ppv(alarm: Flags, truth: Flags, weights: Floats) -> float:
    """Share of alarms that are right; NaN without an alarm."""
    alarms = float(weights @ alarm)
    return float(weights @ (alarm & truth)) / alarms if alarms > 0 else float("nan")
