"""Evaluates a candidate honestly: nested cross-validation by patient, spread over folds, intervals over patients."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.dataset import Dataset
from training.metrics.bootstrap import intervals, patient_weights
from training.models.fitting import fit
from training.scoring import Floats, Predictions, Scorer, scorer, survival_times
from training.splits import Fold, check_folds, event_strata, fold_numbers, grouped_folds
from training.task import Candidate

BOOTSTRAP_SAMPLES = 500
BOOTSTRAP_SAMPLES_MANY_ROWS = 200
MANY_ROWS = 2_000


@dataclass(frozen=True)
class Estimate:
    """One metric: over all out-of-fold predictions with its 95 % interval (patients resampled), and over the folds.

    n_folds: folds in which the metric is defined. NaN where it is not.
    """

    value: float
    low: float
    high: float
    fold_mean: float
    fold_sd: float
    n_folds: int


@dataclass(frozen=True)
class Evaluation:
    """What cross-validation says of one candidate.

    models: the fitted model of each fold. chosen: the hyper-parameters of each.
    versus_reference: primary metric less the reference's, resampled in pairs; None for the reference itself.
    """

    candidate: Candidate
    predictions: Predictions
    estimates: dict[str, Estimate]
    fold_metrics: list[dict[str, float]]
    models: list[Any]
    chosen: list[dict[str, object]]
    versus_reference: Estimate | None


def folds_of(dataset: Dataset, n_folds: int, seed: int) -> list[Fold]:
    """The outer folds: the same for every candidate of a training."""
    positive = dataset.is_positive
    if dataset.task.kind == "survival":
        positive = event_strata(positive, dataset.groups, n_folds)
    return grouped_folds(dataset.groups, positive, n_folds, seed)


def evaluate(
    dataset: Dataset,
    candidate: Candidate,
    folds: Sequence[Fold],
    seed: int,
    reference: Evaluation | None = None,
) -> Evaluation:
    """Out-of-fold predictions of a candidate with every metric of the task.

    Everything that is learned (imputation, scaling, hyper-parameters) is learned from a fold's training rows.
    Raises UsageError on folds that share a patient.
    """
    check_folds(folds, dataset.groups)
    fitted = [fit_rows(dataset, candidate, fold.train, seed) for fold in folds]
    models = [model for model, _ in fitted]
    predictions = _predict(dataset, candidate, models, folds)
    score = scorer(dataset, predictions)
    samples = patient_weights(dataset.groups, _n_samples(dataset), seed)
    fold_metrics = [score((predictions.fold == k).astype(float)) for k in range(len(folds))]
    return Evaluation(
        candidate=candidate,
        predictions=predictions,
        estimates=_estimates(score, samples, fold_metrics),
        fold_metrics=fold_metrics,
        chosen=[chosen for _, chosen in fitted],
        models=models,
        versus_reference=_difference(dataset, score, reference, samples),
    )


def fit_rows(
    dataset: Dataset, candidate: Candidate, rows: npt.NDArray[np.intp], seed: int
) -> tuple[Any, dict[str, object]]:
    """The candidate fitted on some rows, with the hyper-parameters chosen within them."""
    return fit(
        candidate, dataset.features.iloc[rows], dataset.target[rows], groups=dataset.groups[rows], seed=seed
    )


def _predict(dataset: Dataset, candidate: Candidate, models: Sequence[Any], folds: Sequence[Fold]) -> Predictions:
    n = len(dataset.labels)
    columns = candidate.uses(list(dataset.features.columns))
    score = np.empty(n)
    times = survival_times(dataset) if dataset.task.kind == "survival" else np.empty(0)
    curves = np.empty((n, len(times)))
    for model, fold in zip(models, folds, strict=True):
        seen = dataset.features.iloc[fold.test][columns]
        score[fold.test] = scored(model, seen)
        if len(times):
            from training.models.survival import survival_at

            curves[fold.test] = survival_at(model, seen, times)
    return Predictions(fold_numbers(folds, n), score, curves, times)


def scored(model: Any, features: Any) -> Floats:
    """A fitted model's score of each row: probability of the positive class, or risk."""
    values = model.predict_proba(features)[:, 1] if hasattr(model, "predict_proba") else model.predict(features)
    return np.asarray(values, float)


def _estimates(score: Scorer, samples: Floats, fold_metrics: list[dict[str, float]]) -> dict[str, Estimate]:
    whole = score(np.ones(samples.shape[1]))
    spans = intervals([score(weights) for weights in samples])
    return {name: _estimate(whole[name], spans[name], [m[name] for m in fold_metrics]) for name in whole}


def _estimate(value: float, span: tuple[float, float], by_fold: list[float]) -> Estimate:
    known = np.array([v for v in by_fold if np.isfinite(v)])
    mean = float(known.mean()) if len(known) else float("nan")
    sd = float(known.std(ddof=1)) if len(known) > 1 else float("nan")
    return Estimate(value, *span, mean, sd, len(known))


def _difference(
    dataset: Dataset, score: Scorer, reference: Evaluation | None, samples: Floats
) -> Estimate | None:
    """Primary metric less the reference's on the same bootstrap samples and folds."""
    if reference is None:
        return None
    name = dataset.task.primary_metric
    other = scorer(dataset, reference.predictions)

    def gap(weights: Floats) -> float:
        return score(weights)[name] - other(weights)[name]

    fold = reference.predictions.fold
    spans = intervals([{name: gap(weights)} for weights in samples])
    by_fold = [gap((fold == k).astype(float)) for k in range(int(fold.max()) + 1)]
    return _estimate(gap(np.ones(samples.shape[1])), spans[name], by_fold)


def _n_samples(dataset: Dataset) -> int:
    return BOOTSTRAP_SAMPLES if len(dataset.labels) < MANY_ROWS else BOOTSTRAP_SAMPLES_MANY_ROWS
