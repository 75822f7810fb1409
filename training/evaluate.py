"""Evaluates a candidate honestly: nested cross-validation by patient, spread over folds, intervals over patients."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from training.dataset import Dataset
from training.metrics.bootstrap import intervals, patient_weights
from training.models.fitting import fit
from training.parallel import each
from training.scoring import Floats, Metrics, Predictions, Scorer, scorer, survival_times
from training.splits import Fold, check_folds, event_strata, fold_numbers, grouped_folds
from training.task import Candidate

BOOTSTRAP_SAMPLES = 500
BOOTSTRAP_SAMPLES_MANY_ROWS = 200
MANY_ROWS = 2_000
VERSUS_REFERENCE = "versus_reference"


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

    def __neg__(self) -> "Estimate":
        return Estimate(-self.value, -self.high, -self.low, -self.fold_mean, self.fold_sd, self.n_folds)


@dataclass(frozen=True)
class Evaluation:
    """What cross-validation says of one candidate.

    fold_names: of the folds in order, their numbers or the sites that were left out. models: the fitted model of each
    fold. chosen: the hyper-parameters of each.
    primary_samples: the primary metric in each bootstrap sample; the samples are the same for every candidate.
    versus_reference: primary metric less the reference's, resampled in pairs; None for the reference itself.
    """

    candidate: Candidate
    predictions: Predictions
    estimates: dict[str, Estimate]
    fold_names: tuple[str, ...]
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
    *,
    fold_names: Sequence[str] = (),
    n_samples: int | None = None,
    jobs: int = 1,
    tell: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Out-of-fold predictions of a candidate with every metric of the task.

    Everything that is learned (imputation, scaling, hyper-parameters) is learned from a fold's training rows.
    reference: an evaluation on the same folds and with the same seed, for the paired difference. fold_names: default
    their numbers. n_samples: bootstrap samples; 0 for no intervals; default 500, or 200 where rows are thousands.
    jobs: processes for the folds, used where that pays. tell: called with (folds done, in all).

    Raises UsageError on folds that share a patient.
    """
    fitted, predictions = out_of_fold(dataset, candidate, folds, seed, jobs=jobs, tell=tell)
    score = scorer(dataset, predictions)
    primary = dataset.task.primary_metric
    samples = _samples(dataset, score, n_bootstrap_samples(dataset) if n_samples is None else n_samples, seed)
    # The whole, then each fold on its own: all are weights.
    parts = score(np.vstack([np.ones(len(dataset.labels)), *(predictions.fold == k for k in range(len(folds)))]))
    fold_metrics = [{name: float(values[k + 1]) for name, values in parts.items()} for k in range(len(folds))]
    estimates = _estimates(parts, samples, fold_metrics)
    primary_samples = samples.get(primary, np.empty(0))
    return Evaluation(
        candidate=candidate,
        predictions=predictions,
        estimates=estimates,
        fold_names=tuple(fold_names) or tuple(str(k) for k in range(len(folds))),
        fold_metrics=fold_metrics,
        chosen=[chosen for _, chosen in fitted],
        models=[model for model, _ in fitted],
        primary_samples=primary_samples,
        versus_reference=_difference(primary, estimates, fold_metrics, primary_samples, reference),
    )


def out_of_fold(
    dataset: Dataset,
    candidate: Candidate,
    folds: Sequence[Fold],
    seed: int,
    *,
    jobs: int = 1,
    tell: Callable[[int, int], None] | None = None,
) -> tuple[list[tuple[Any, dict[str, object]]], Predictions]:
    """(model and chosen hyper-parameters of each fold, predictions of every row by the model that never saw it)."""
    check_folds(folds, dataset.groups)
    n = len(dataset.labels)
    times = survival_times(dataset) if dataset.task.kind == "survival" else np.empty(0)
    score, curves = np.empty(n), np.empty((n, len(times)))
    fitted = []
    work = [partial(_fit_and_predict, dataset, candidate, fold, seed, times) for fold in folds]
    for fold, (model, chosen, scores, survival) in zip(folds, each(work, jobs), strict=True):
        fitted.append((model, chosen))
        score[fold.test], curves[fold.test] = scores, survival
        if tell is not None:
            tell(len(fitted), len(folds))
    return fitted, Predictions(fold_numbers(folds, n), score, curves, times)


def fit_rows(
    dataset: Dataset, candidate: Candidate, rows: npt.NDArray[np.intp], seed: int
) -> tuple[Any, dict[str, object]]:
    """The candidate fitted on some rows, with the hyper-parameters chosen within them."""
    return fit(candidate, dataset.features.iloc[rows], dataset.target[rows], groups=dataset.groups[rows], seed=seed)


def _fit_and_predict(
    dataset: Dataset, candidate: Candidate, fold: Fold, seed: int, times: Floats
) -> tuple[Any, dict[str, object], Floats, Floats]:
    model, chosen = fit_rows(dataset, candidate, fold.train, seed)
    seen = dataset.features.iloc[fold.test][candidate.uses(list(dataset.features.columns))]
    if not len(times):
        return model, chosen, scored(model, seen), np.empty((len(seen), 0))
    from training.models.survival import survival_at

    return model, chosen, scored(model, seen), survival_at(model, seen, times)


def scored(model: Any, features: Any) -> Floats:
    """A fitted model's score of each row: probability of the positive class, or risk."""
    values = model.predict_proba(features)[:, 1] if hasattr(model, "predict_proba") else model.predict(features)
    return np.asarray(values, float)


def _samples(dataset: Dataset, score: Scorer, n_samples: int, seed: int) -> Metrics:
    """Every metric in every bootstrap sample; {} for no samples."""
    if not n_samples:
        return {}
    blocks = [score(weights) for weights in patient_weights(dataset.groups, n_samples, seed)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _estimates(whole: Metrics, samples: Metrics, fold_metrics: list[dict[str, float]]) -> dict[str, Estimate]:
    spans = intervals(samples)
    unknown = (float("nan"), float("nan"))
    return {
        name: _estimate(float(values[0]), spans.get(name, unknown), [m[name] for m in fold_metrics])
        for name, values in whole.items()
    }


def _estimate(value: float, span: tuple[float, float], by_fold: list[float]) -> Estimate:
    low, high = span
    mean, sd, n = mean_and_sd(by_fold)
    return Estimate(value, low, high, mean, sd, n)


def mean_and_sd(values: Sequence[float]) -> tuple[float, float, int]:
    """Mean, SD and number of the values that are defined; NaN where there are none, or too few for an SD."""
    known = np.array([v for v in values if np.isfinite(v)])
    mean = float(known.mean()) if len(known) else float("nan")
    sd = float(known.std(ddof=1)) if len(known) > 1 else float("nan")
    return mean, sd, len(known)


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
    by_fold = [own[primary] - other[primary] for own, other in zip(fold_metrics, reference.fold_metrics, strict=True)]
    value = estimates[primary].value - reference.estimates[primary].value
    paired = primary_samples - reference.primary_samples[: len(primary_samples)]
    return _estimate(value, intervals({primary: paired})[primary], by_fold)


def n_bootstrap_samples(dataset: Dataset) -> int:
    """How many samples intervals rest on: fewer where rows are thousands, and each sample costs more."""
    return BOOTSTRAP_SAMPLES if len(dataset.labels) < MANY_ROWS else BOOTSTRAP_SAMPLES_MANY_ROWS
