"""All metrics of one candidate's out-of-fold predictions, as one function of row weights."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.dataset import Dataset
from training.metrics import classes, survival
from training.task import PREDICTION_TIME

Floats = npt.NDArray[np.float64]
SENSITIVITY = 0.8
N_TIMES = 40
HIGHER_IS_BETTER = {"harrell_c", "uno_c", "auc_12m", "auroc", "auprc"}


@dataclass(frozen=True)
class Predictions:
    """Out-of-fold predictions, a row each.

    score: risk (survival: higher dies earlier) or probability of the positive class.
    survival: predicted survival at `times` (days), shape (rows, times); both empty for classes.
    """

    fold: npt.NDArray[np.intp]
    score: Floats
    survival: Floats = field(default_factory=lambda: np.empty((0, 0)))
    times: Floats = field(default_factory=lambda: np.empty(0))


class Scorer(Protocol):
    """Row weights -> metrics by name. Weights choose folds, subgroups and bootstrap samples alike."""

    def __call__(self, weights: Floats) -> dict[str, float]: ...


def scorer(dataset: Dataset, predictions: Predictions) -> Scorer:
    """The scorer of the task's kind."""
    kind = SurvivalScorer if dataset.task.kind == "survival" else ClassScorer
    return kind(dataset, predictions)


def survival_times(dataset: Dataset) -> Floats:
    """Days at which survival is predicted and scored: from the first events to where follow-up still carries."""
    time, event = dataset.time_days, dataset.is_positive
    tau = survival.last_supported_time(time, event)
    first = float(np.quantile(time[event], 0.05))
    return np.linspace(min(first, tau / 2), tau, N_TIMES)


@dataclass(frozen=True)
class SurvivalScorer:
    """harrell_c, uno_c, auc_12m (where follow-up reaches the horizon) and ibs (integrated Brier score)."""

    dataset: Dataset
    predictions: Predictions
    pairs: dict[str, survival.Pairs] = field(init=False)
    brier: Floats = field(init=False)

    def __post_init__(self) -> None:
        time, event = self.dataset.time_days, self.dataset.is_positive
        times, curves = self.predictions.times, self.predictions.survival
        censoring = survival.Censoring.of(time, event)
        score, fold = self.predictions.score, self.predictions.fold
        tau = float(times[-1])
        pairs = {
            "harrell_c": survival.concordance_pairs(time, event, score, fold),
            "uno_c": survival.concordance_pairs(time, event, score, fold, censoring=censoring, tau=tau),
        }
        horizon = self.dataset.task.horizon_days
        if horizon is not None and horizon < tau:
            pairs["auc_12m"] = survival.dynamic_auc_pairs(
                time, event, score, fold, censoring=censoring, horizon=horizon
            )
        object.__setattr__(self, "pairs", pairs)
        object.__setattr__(self, "brier", survival.brier_contributions(time, event, curves, times, censoring))

    def __call__(self, weights: Floats) -> dict[str, float]:
        shares = {name: pairs.share(weights) for name, pairs in self.pairs.items()}
        return shares | {"ibs": survival.integrated_brier(self.brier, self.predictions.times, weights)}


@dataclass(frozen=True)
class ClassScorer:
    """auroc, auprc, prevalence, brier, ece, calibration_slope; the first three also in each subgroup of the task.

    With `rows_per_hour` also what an alarm at 80 % sensitivity would mean: ppv_at_sens80 (of minutes in alarm),
    alarms_per_hour_at_sens80 (beginnings of alarms in an hour observed). The threshold is one for all folds.
    """

    dataset: Dataset
    predictions: Predictions
    ranked: list[classes.Ranking] = field(init=False)
    masks: dict[str, Floats] = field(init=False)
    alarm: npt.NDArray[np.bool_] = field(init=False)
    begins: npt.NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        task, labels = self.dataset.task, self.dataset.labels
        score, truth = self.predictions.score, self.dataset.is_positive
        alarm = score >= classes.threshold_at_sensitivity(score, truth, SENSITIVITY)
        object.__setattr__(self, "ranked", classes.rankings(score, self.predictions.fold))
        object.__setattr__(self, "masks", {s.name: s.rows(labels).to_numpy(float) for s in task.subgroups})
        object.__setattr__(self, "alarm", alarm)
        object.__setattr__(self, "begins", alarm & ~_alarmed_before(self.dataset, alarm))

    def __call__(self, weights: Floats) -> dict[str, float]:
        truth, score = self.dataset.is_positive, self.predictions.score
        metrics = self._ranking(weights)
        metrics |= {
            "brier": classes.brier(score, truth, weights),
            "ece": classes.ece(score, truth, weights),
            "calibration_slope": classes.calibration_slope(score, truth, weights),
        }
        if self.dataset.task.rows_per_hour is not None:
            hours = weights.sum() / self.dataset.task.rows_per_hour
            metrics |= {
                "ppv_at_sens80": classes.ppv(self.alarm, truth, weights),
                "alarms_per_hour_at_sens80": float(weights @ self.begins / hours) if hours else float("nan"),
            }
        for name, mask in self.masks.items():
            metrics |= {f"{metric}_{name}": value for metric, value in self._ranking(weights * mask).items()}
        return metrics

    def _ranking(self, weights: Floats) -> dict[str, float]:
        truth = self.dataset.is_positive
        total = weights.sum()
        return {
            "auroc": classes.auroc(self.ranked, truth, weights),
            "auprc": classes.auprc(self.ranked, truth, weights),
            "prevalence": float(weights @ truth / total) if total > 0 else float("nan"),
        }


def _alarmed_before(dataset: Dataset, alarm: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Whether the row of the same entity one step earlier was in alarm; a gap ends an alarm."""
    task, labels = dataset.task, dataset.labels
    if task.rows_per_hour is None:
        return np.zeros(len(alarm), bool)
    step = pd.Timedelta(hours=1 / task.rows_per_hour)
    rows = pd.DataFrame({"entity": labels[task.entity], "time": labels[PREDICTION_TIME], "alarm": alarm})
    rows = rows.sort_values(["entity", "time"])
    before = rows.groupby("entity")[["time", "alarm"]].shift()
    follows = (rows["time"] - before["time"] == step) & before["alarm"].eq(True)
    return follows.sort_index().to_numpy(bool)
