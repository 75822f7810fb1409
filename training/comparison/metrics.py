"""What metrics are called, which way they are read, and how a value with its interval is written."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from training.task import Task
from training.tracking.names import ADDS, ALONE

NAN = float("nan")


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; NaN where nothing is known."""

    value: float
    low: float = NAN
    high: float = NAN

    @classmethod
    def of(cls, metrics: Mapping[str, float], name: str) -> "Interval":
        return cls(metrics.get(name, NAN), metrics.get(f"{name}_low", NAN), metrics.get(f"{name}_high", NAN))

    @property
    def is_known(self) -> bool:
        return not math.isnan(self.value)

    @property
    def has_limits(self) -> bool:
        return not (math.isnan(self.low) or math.isnan(self.high))

    def __neg__(self) -> "Interval":
        return Interval(-self.value, -self.high, -self.low)

    def text(self, *, signed: bool = False) -> str:
        """'0.712 (0.630 to 0.790)', '0.712', or '-'."""
        if not self.is_known:
            return "-"
        form = "+.3f" if signed else ".3f"
        span = f" ({self.low:{form}} to {self.high:{form}})" if self.has_limits else ""
        return f"{self.value:{form}}{span}"


@dataclass(frozen=True)
class Metric:
    """label: as people write it. chance: what a model without skill reaches; None where there is no such number."""

    label: str
    lower_is_better: bool = False
    chance: float | None = None


_METRICS = {
    "uno_c": Metric("Uno's C", chance=0.5),
    "harrell_c": Metric("Harrell's C", chance=0.5),
    "auc_12m": Metric("AUC at 12 months", chance=0.5),
    "ibs": Metric("integrated Brier score", lower_is_better=True),
    "auroc": Metric("AUROC", chance=0.5),
    "auprc": Metric("AUPRC"),
    "prevalence": Metric("prevalence"),
    "brier": Metric("Brier score", lower_is_better=True),
    "ece": Metric("calibration error (ECE)", lower_is_better=True),
    "auc_mean": Metric("AUC, mean over horizons", chance=0.5),
    "ici_12m": Metric("calibration error at 12 months (ICI)", lower_is_better=True),
    "oe_12m": Metric("observed over expected at 12 months"),
    "calibration_slope": Metric("calibration slope"),
    "auroc_gray_zone": Metric("AUROC, 65 to 75 mmHg", chance=0.5),
    "auroc_new_onset": Metric("AUROC, new onset", chance=0.5),
    "ppv_at_sens80": Metric("PPV at 80 % sensitivity"),
    "alarms_per_hour_at_sens80": Metric("alarms an hour at 80 % sensitivity", lower_is_better=True),
    "false_alarms_per_hour_at_sens80": Metric("false alarms an hour at 80 % sensitivity", lower_is_better=True),
    "lead_minutes_at_sens80": Metric("minutes ahead at 80 % sensitivity"),
    "stability_ari": Metric("stability (adjusted Rand index)", chance=0.0),
    "silhouette": Metric("silhouette"),
    "n_groups": Metric("groups"),
    "smallest_group_share": Metric("share in the smallest group"),
    "structure_p": Metric("p of one group", lower_is_better=True),
    "logrank_permutation_p": Metric("log-rank p, permuted", lower_is_better=True),
}
_SHOWN = {
    "survival": ("uno_c", "harrell_c", "auc_12m", "ibs", "ici_12m"),
    "classes": ("auroc", "auprc", "brier", "ece", "calibration_slope"),
    "profiles": (
        "stability_ari",
        "structure_p",
        "silhouette",
        "n_groups",
        "smallest_group_share",
        "logrank_permutation_p",
    ),
}
_ALARMS = (
    "auroc_gray_zone",
    "auroc_new_onset",
    "ppv_at_sens80",
    "alarms_per_hour_at_sens80",
    "lead_minutes_at_sens80",
)
_OF_SPREAD = ("_low", "_high", "_fold_mean", "_fold_sd", "_seed_mean", "_seed_sd")
_APART = ("versus_reference", "permutation_p")
_OF_MODALITIES = (ADDS, ALONE)
"""Shown in places of their own."""


def metric(name: str) -> Metric:
    """What is known of a metric; one that nobody described is read as it is named."""
    return _METRICS.get(name, Metric(name.replace("_", " ")))


def shown(task: Task, known: Iterable[str]) -> list[str]:
    """The metrics of a task that people compare first, the primary one before all; only those that are known."""
    names = (task.primary_metric, *_SHOWN[task.kind], *(_ALARMS if task.rows_per_hour is not None else ()))
    there = set(known)
    return [name for name in dict.fromkeys(names) if name in there]


def is_value(name: str) -> bool:
    """Whether a metric of a run is a value of the model and no limit, mean or SD of another, nor a comparison."""
    return name not in _APART and not name.startswith(_OF_MODALITIES) and not name.endswith(_OF_SPREAD)
