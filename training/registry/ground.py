"""Models on the same ground: the same patients, outcomes and folds, so that only the models differ.

Only out-of-fold predictions are compared, and patients are resampled in pairs: a patient who is hard to predict is hard
for both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from training.dataset import Dataset
from training.evaluate import n_bootstrap_samples
from training.lineage import Lineage
from training.metrics import classes
from training.metrics.bootstrap import intervals, patient_weights
from training.metrics.calibration import Calibration
from training.scoring import Floats, Predictions, follow_up, scorer, survival_times
from training.task import COMPETING, IS_EVENT, LABEL, PREDICTION_TIME, TIME_DAYS, Task
from training.tracking.names import AT_HORIZON

_TARGETS = (TIME_DAYS, IS_EVENT, COMPETING, LABEL)


@dataclass(frozen=True)
class Standing:
    """Out-of-fold predictions of one model, by pseudonym.

    rows: `training.flow.predictive.prediction_rows`: entity, time, group, targets, fold, score, and for survival the
    predicted share free of the event at the task's horizon. digest: of the training set.
    """

    model: str
    digest: str
    rows: pd.DataFrame


@dataclass(frozen=True)
class Difference:
    """own less other, with the 95 % interval over patients resampled in pairs; NaN where it is not defined."""

    own: float
    other: float
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.own - self.other


@dataclass(frozen=True)
class Compared:
    """A model against another one. primary: higher is better. calibration: error of the predicted probabilities, lower
    is better (integrated calibration index at the task's horizon, or expected calibration error); None where one of
    them predicts none.
    """

    other: str
    primary: Difference
    calibration: Difference | None


def not_the_same_ground(task: Task, own: Standing, other: Standing) -> str:
    """Why two models' predictions cannot be compared, a sentence; '' where they can be."""
    if own.digest != other.digest:
        return f"{own.model} and {other.model} were trained on different training sets of {task.name}."
    a, b = _sorted(task, own.rows), _sorted(task, other.rows)
    if len(a) != len(b) or not a[[task.entity, PREDICTION_TIME]].equals(b[[task.entity, PREDICTION_TIME]]):
        return f"{own.model} and {other.model} did not predict the same {len(a)} rows of {task.name}."
    moved = int((a["fold"].to_numpy() != b["fold"].to_numpy()).sum())
    if moved:
        return f"{moved} of {len(a)} rows of {task.name} are in another fold for {own.model} than for {other.model}."
    targets = [c for c in _TARGETS if c in a]
    if not a[targets].equals(b.reindex(columns=targets)):
        return f"{own.model} and {other.model} were held against different outcomes of {task.name}."
    return ""


def compared(task: Task, own: Standing, other: Standing, seed: int = 0) -> Compared:
    """The first model against the second. Raises ValueError where `not_the_same_ground` says why not."""
    if why := not_the_same_ground(task, own, other):
        raise ValueError(why)
    mine, theirs = _Scored(task, _sorted(task, own.rows)), _Scored(task, _sorted(task, other.rows))
    n = n_bootstrap_samples(mine.dataset)
    weights = [np.ones((1, len(own.rows))), *patient_weights(mine.dataset.groups, n, seed)]
    a, b = mine.over(weights), theirs.over(weights)
    calibration = _difference(a["calibration"], b["calibration"]) if "calibration" in a and "calibration" in b else None
    return Compared(other.model, _difference(a["primary"], b["primary"]), calibration)


class _Scored:
    """Predictions as the scorer of the task's training takes them."""

    def __init__(self, task: Task, rows: pd.DataFrame) -> None:
        # Subgroups and alarms need columns that predictions do not keep, and none of them is compared.
        self.task = replace(task, subgroups=(), rows_per_hour=None)
        self.rows = rows
        group = task.group if task.group in rows else task.entity
        nothing = Lineage(task.name, task.service, "", "", {}, {}, (), (), (), {})
        groups = pd.factorize(rows[group])[0].astype(np.intp)
        self.dataset = Dataset(self.task, rows, pd.DataFrame(index=rows.index), groups, (), nothing)

    @cached_property
    def predictions(self) -> Predictions:
        fold, score = self.rows["fold"].to_numpy(np.intp), self.rows["score"].to_numpy(float)
        if self.task.kind == "classes":
            return Predictions(fold, score)
        return Predictions(fold, score, np.empty((len(fold), 0)), survival_times(self.dataset))

    @cached_property
    def at_horizon(self) -> Calibration | None:
        if self.task.horizon_days is None or AT_HORIZON not in self.rows:
            return None
        incidence = 1 - self.rows[AT_HORIZON].to_numpy(float)
        return Calibration.of(follow_up(self.dataset), incidence, self.task.horizon_days)

    def over(self, weights: list[Floats]) -> Mapping[str, Floats]:
        score = scorer(self.dataset, self.predictions)
        found = {"primary": np.concatenate([np.atleast_1d(score.primary(w)) for w in weights])}
        if self.task.kind == "classes":
            truth, own = self.dataset.is_positive, self.predictions.score
            found["calibration"] = np.concatenate([np.atleast_1d(classes.ece(own, truth, w)) for w in weights])
        elif (calibration := self.at_horizon) is not None:
            found["calibration"] = np.concatenate([np.atleast_1d(calibration.index(w)) for w in weights])
        return found


def _difference(own: Floats, other: Floats) -> Difference:
    """From values over everyone, first, and over the bootstrap samples."""
    low, high = intervals({"": own[1:] - other[1:]})[""]
    return Difference(float(own[0]), float(other[0]), low, high)


def _sorted(task: Task, rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values([task.entity, PREDICTION_TIME], kind="stable").reset_index(drop=True)
