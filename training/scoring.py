"""All metrics of one candidate's out-of-fold predictions, as one function of row weights."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.dataset import Dataset
from training.metrics import classes, survival
from training.metrics.alarms import Alarms, Minutes
from training.metrics.calibration import Calibration
from training.task import PREDICTION_TIME

Floats = npt.NDArray[np.float64]
Metrics = dict[str, Floats]
SENSITIVITY = 0.8
N_TIMES = 40
DAYS_A_MONTH = 365.25 / 12
HORIZONS = (0.5, 1.0, 1.5)
"""Parts of the task's horizon at which survival is judged, where follow-up reaches so far."""


@dataclass(frozen=True)
class Predictions:
    """Out-of-fold predictions, a row each.

    score: risk (survival: higher has the event earlier) or probability of the positive class.
    survival: predicted survival (where events compete, 1 - cumulative incidence) at `times` (days), shape (rows,
    times); both empty for classes.
    """

    fold: npt.NDArray[np.intp]
    score: Floats
    survival: Floats = field(default_factory=lambda: np.empty((0, 0)))
    times: Floats = field(default_factory=lambda: np.empty(0))

    def survival_at(self, days: float) -> Floats:
        """Predicted survival at one time, between the predicted times by interpolation."""
        place = np.clip(np.searchsorted(self.times, days), 1, len(self.times) - 1)
        left, right = self.times[place - 1], self.times[place]
        share = np.clip((days - left) / (right - left), 0.0, 1.0)
        return np.asarray(self.survival[:, place - 1] * (1 - share) + self.survival[:, place] * share, float)


class Scorer(Protocol):
    """Row weights, (rows,) or (samples, rows) -> metrics by name, () or (samples,).

    Weights choose folds, subgroups and bootstrap samples alike.
    """

    def __call__(self, weights: Floats) -> Metrics: ...

    def primary(self, weights: Floats) -> Floats:
        """The task's primary metric alone: what permutations repeat."""
        ...


def scorer(dataset: Dataset, predictions: Predictions) -> Scorer:
    """The scorer of the task's kind."""
    kind = SurvivalScorer if dataset.task.kind == "survival" else ClassScorer
    return kind(dataset, predictions)


def follow_up(dataset: Dataset) -> survival.FollowUp:
    """What was seen of each patient of a survival task."""
    return survival.FollowUp(dataset.time_days, dataset.is_positive, dataset.is_competing)


def survival_times(dataset: Dataset) -> Floats:
    """Days at which survival is predicted and scored: from the first events to where follow-up still carries."""
    seen = follow_up(dataset)
    tau = survival.last_supported_time(seen)
    first = float(np.quantile(seen.time[seen.event], 0.05))
    return np.linspace(min(first, tau / 2), tau, N_TIMES)


def horizons(dataset: Dataset, times: Floats) -> dict[str, float]:
    """Fixed horizons in days by name ('12m'): the task's, half and one and a half of it, within the predicted times."""
    whole = dataset.task.horizon_days
    if whole is None:
        return {}
    inside = [whole * part for part in HORIZONS if times[0] <= whole * part < times[-1]]
    return {f"{round(days / DAYS_A_MONTH)}m": days for days in inside}


@dataclass(frozen=True)
class SurvivalScorer:
    """harrell_c, uno_c and ibs (integrated Brier score); and at each horizon that follow-up reaches, for example 12m:

    auc_12m, ici_12m (integrated calibration index), oe_12m (observed over expected incidence); auc_mean over horizons.
    Where events compete all of them speak of the incidence of the event (`training.metrics.survival`).
    """

    dataset: Dataset
    predictions: Predictions

    @cached_property
    def seen(self) -> survival.FollowUp:
        return follow_up(self.dataset)

    @cached_property
    def censoring(self) -> survival.Censoring:
        return self.seen.censoring

    @cached_property
    def horizons(self) -> dict[str, float]:
        return horizons(self.dataset, self.predictions.times)

    @cached_property
    def pairs(self) -> dict[str, survival.Pairs]:
        score, fold = self.predictions.score, self.predictions.fold
        tau = float(self.predictions.times[-1])
        aucs = {
            f"auc_{name}": survival.dynamic_auc_pairs(self.seen, score, fold, censoring=self.censoring, horizon=days)
            for name, days in self.horizons.items()
        }
        return {
            "harrell_c": survival.concordance_pairs(self.seen, score, fold),
            "uno_c": survival.concordance_pairs(self.seen, score, fold, censoring=self.censoring, tau=tau),
            **aucs,
        }

    @cached_property
    def brier(self) -> Floats:
        curves, times = self.predictions.survival, self.predictions.times
        return survival.brier_contributions(self.seen, curves, times, self.censoring)

    @cached_property
    def calibrations(self) -> dict[str, Calibration]:
        return {
            name: Calibration.of(self.seen, 1 - self.predictions.survival_at(days), days)
            for name, days in self.horizons.items()
        }

    def __call__(self, weights: Floats) -> Metrics:
        metrics = {name: pairs.share(weights) for name, pairs in self.pairs.items()}
        if self.horizons:
            aucs = [metrics[f"auc_{name}"] for name in self.horizons]
            metrics["auc_mean"] = survival.mean_dynamic_auc(self.seen, list(self.horizons.values()), aucs)
        metrics["ibs"] = survival.integrated_brier(self.brier, self.predictions.times, weights)
        for name, calibration in self.calibrations.items():
            metrics[f"ici_{name}"] = calibration.index(weights)
            metrics[f"oe_{name}"] = calibration.observed_to_expected(weights)
        return metrics

    def primary(self, weights: Floats) -> Floats:
        name = self.dataset.task.primary_metric
        return self.pairs[name].share(weights) if name in self.pairs else self(weights)[name]


@dataclass(frozen=True)
class ClassScorer:
    """auroc, auprc, prevalence, brier, ece, calibration_slope and calibration_intercept (in the large).

    The first three also in each subgroup of the task. With `rows_per_hour` also what an alarm at 80 % sensitivity
    would mean, in all and in each subgroup: ppv_at_sens80 (of minutes in alarm), alarms_per_hour_at_sens80 (raised, in
    an hour observed), false_alarms_per_hour_at_sens80, episodes, episodes_alarmed_at_sens80 (share alarmed beforehand)
    and lead_minutes_at_sens80 (their median; definitions in `training.metrics.alarms`). One threshold for all folds.
    """

    dataset: Dataset
    predictions: Predictions

    @cached_property
    def masks(self) -> dict[str, npt.NDArray[np.bool_]]:
        """Rows of everyone ('') and of each subgroup ('_<name>')."""
        labels = self.dataset.labels
        everyone = {"": np.ones(len(labels), bool)}
        return everyone | {f"_{s.name}": s.rows(labels).to_numpy(bool) for s in self.dataset.task.subgroups}

    @cached_property
    def ranked(self) -> dict[str, list[classes.Ranking]]:
        score, fold, truth = self.predictions.score, self.predictions.fold, self.dataset.is_positive
        return {name: classes.rankings(score, truth, fold, mask) for name, mask in self.masks.items()}

    @cached_property
    def alarm(self) -> npt.NDArray[np.bool_]:
        score = self.predictions.score
        return score >= classes.threshold_at_sensitivity(score, self.dataset.is_positive, SENSITIVITY)

    @cached_property
    def alarms(self) -> dict[str, Alarms]:
        minutes = minutes_of(self.dataset)
        return {name: Alarms.of(minutes, self.alarm, mask) for name, mask in self.masks.items()}

    def __call__(self, weights: Floats) -> Metrics:
        truth, score = self.dataset.is_positive, self.predictions.score
        metrics = {
            "brier": classes.brier(score, truth, weights),
            "ece": classes.ece(score, truth, weights),
            "calibration_slope": classes.calibration_slope(score, truth, weights),
            "calibration_intercept": classes.calibration_intercept(score, truth, weights),
        }
        for name, ranked in self.ranked.items():
            values = classes.ranking_metrics(ranked, weights)
            metrics |= {f"{m}{name}": v for m, v in zip(("auroc", "auprc", "prevalence"), values, strict=True)}
        if self.dataset.task.rows_per_hour is not None:
            for name, mask in self.masks.items():
                metrics |= {f"{m}{name}": v for m, v in self._alarm_metrics(name, mask, weights).items()}
        return metrics

    def primary(self, weights: Floats) -> Floats:
        name, everyone = self.dataset.task.primary_metric, self.ranked[""]
        return classes.auroc(everyone, weights) if name == "auroc" else self(weights)[name]

    def _alarm_metrics(self, name: str, mask: npt.NDArray[np.bool_], weights: Floats) -> Metrics:
        alarms = self.alarms[name]
        hours = weights @ mask.astype(float) / (self.dataset.task.rows_per_hour or 1.0)
        return {
            "ppv_at_sens80": classes.ppv(self.alarm & mask, self.dataset.is_positive, weights),
            "alarms_per_hour_at_sens80": classes.ratio(weights @ alarms.raised, hours),
            "false_alarms_per_hour_at_sens80": classes.ratio(weights @ alarms.false, hours),
            "episodes": alarms.episodes(weights),
            "episodes_alarmed_at_sens80": alarms.share_alarmed(weights),
            "lead_minutes_at_sens80": alarms.median_lead(weights),
        }


def minutes_of(dataset: Dataset) -> Minutes:
    """The rows of a task with `rows_per_hour` as minutes (its steps) of cases, and whether the pressure is low."""
    from features.tables.minute_bins import MAP_LIMIT_MMHG
    from training.tasks.hypotension_labels import MAP_NOW

    step = pd.Timedelta(hours=1 / (dataset.task.rows_per_hour or 1.0))
    labels = dataset.labels
    start = labels[PREDICTION_TIME].min()
    minute = ((labels[PREDICTION_TIME] - start) / step).round().to_numpy(np.int64)
    case = pd.factorize(labels[dataset.task.entity])[0].astype(np.intp)
    return Minutes(case, minute, (labels[MAP_NOW] < MAP_LIMIT_MMHG).to_numpy(bool))
