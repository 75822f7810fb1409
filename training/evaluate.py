"""Evaluates a candidate honestly: nested cross-validation by patient, spread over folds, intervals over patients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.dataset import Dataset
from training.metrics.bootstrap import intervals, patient_weights
from training.models.fitting import fit
from training.scoring import Floats, Predictions, scorer, survival_times
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
    primary_samples: the primary metric in each bootstrap sample; the samples are the same for every candidate.
    versus_reference: primary metric less the reference's, resampled in pairs; None for the reference itself.
    """

    candidate: Candidate
    predictions: Predictions
    estimates: dict[str, Estimate]
    fold_metrics: list[dict[str, float]]
    models: list[Any]
    chosen: list[dict[str, object]]
    primary_samples: Floats
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
    weights = patient_weights(dataset.groups, _n_samples(dataset), seed)
    samples: list[Mapping[str, float]] = [score(w) for w in weights]
    fold_metrics = [score((predictions.fold == k).astype(float)) for k in range(len(folds))]
    estimates = _estimates(score(np.ones(len(dataset.labels))), samples, fold_metrics)
    primary = dataset.task.primary_metric
    primary_samples = np.array([s[primary] for s in samples])
    return Evaluation(
        candidate=candidate,
        predictions=predictions,
        estimates=estimates,
        fold_metrics=fold_metrics,
        chosen=[chosen for _, chosen in fitted],
        models=models,
        primary_samples=primary_samples,
        versus_reference=_difference(primary, estimates, fold_metrics, primary_samples, reference),
    )


def fit_rows(
    dataset: Dataset, candidate: Candidate, rows: npt.NDArray[np.intp], seed: int
) -> tuple[Any, dict[str, object]]:
    """The candidate fitted on some rows, with the hyper-parameters chosen within them."""
    return fit(candidate, dataset.features.iloc[rows], dataset.target[rows], groups=dataset.groups[rows], seed=seed)


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


def _estimates(
    whole: Mapping[str, float], samples: list[Mapping[str, float]], fold_metrics: list[dict[str, float]]
) -> dict[str, Estimate]:
    spans = intervals(samples)
    return {name: _estimate(whole[name], spans[name], [m[name] for m in fold_metrics]) for name in whole}


def _estimate(value: float, span: tuple[float, float], by_fold: list[float]) -> Estimate:
    known = np.array([v for v in by_fold if np.isfinite(v)])
    mean = float(known.mean()) if len(known) else float("nan")
    sd = float(known.std(ddof=1)) if len(known) > 1 else float("nan")
    return Estimate(value, *span, mean, sd, len(known))


def _difference(
    primary: str,
    estimates: Mapping[str, Estimate],
    fold_metrics: list[dict[str, float]],
    primary_samples: Floats,
    reference: Evaluation | None,
) -> Estimate | None:
    """Primary metric less the reference's, paired: the same patients in every bootstrap sample and fold."""
    if reference is None:
        return None
    gaps: list[Mapping[str, float]] = [{primary: float(g)} for g in primary_samples - reference.primary_samples]
    by_fold = [own[primary] - other[primary] for own, other in zip(fold_metrics, reference.fold_metrics, strict=True)]
    value = estimates[primary].value - reference.estimates[primary].value
    return _estimate(value, intervals(gaps)[primary], by_fold)


def _n_samples(dataset: Dataset) -> int:
    return BOOTSTRAP_SAMPLES if len(dataset.labels) < MANY_ROWS else BOOTSTRAP_SAMPLES_MANY_ROWS
