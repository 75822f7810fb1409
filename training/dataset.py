"""A training set: labels and features side by side, checked before anything is fitted on it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from infra.errors import UsageError
from training.columns import SEPARATOR, model_columns
from training.definitions import view_hashes
from training.lineage import Lineage, Retrieval, require_pinned
from training.modalities import single_numbers
from training.task import COMPETING, IS_EVENT, LABEL, PREDICTION_TIME, TIME_DAYS, Labels, Task


@dataclass(frozen=True)
class Dataset:
    """Rows of a task, ready for models.

    labels: the label frame, one row a prediction. features: the columns of `training.columns.model_columns`, same
        index: floats, and the arrays of the history where the service has it.
    groups: code of the unit that never crosses a split. left_out: features that no model sees.
    """

    task: Task
    labels: pd.DataFrame
    features: pd.DataFrame
    groups: npt.NDArray[np.intp]
    left_out: tuple[str, ...]
    lineage: Lineage

    @property
    def is_positive(self) -> npt.NDArray[np.bool_]:
        """The event (survival) or the positive class, a row each; folds are stratified by it."""
        column = LABEL if self.task.kind == "classes" else IS_EVENT
        return self.labels[column].to_numpy(bool)

    @property
    def number_columns(self) -> list[str]:
        """The feature columns that hold one number a row."""
        return single_numbers(list(self.features.columns))

    @property
    def is_competing(self) -> npt.NDArray[np.bool_]:
        """Survival: who had something else that rules the event out, at `time_days`; nobody where no label says so."""
        if COMPETING not in self.labels:
            return np.zeros(len(self.labels), bool)
        return self.labels[COMPETING].to_numpy(bool)

    @property
    def time_days(self) -> npt.NDArray[np.float64]:
        return self.labels[TIME_DAYS].to_numpy(float)

    @property
    def target(self) -> npt.NDArray[Any]:
        """What estimators are fitted on: booleans, or the structured array of `training.models.survival.outcome`."""
        if self.task.kind == "classes":
            return self.is_positive
        from training.models.survival import outcome

        return outcome(self.time_days, self.is_positive, self.is_competing if COMPETING in self.labels else None)


def assemble(task: Task, labels: Labels, retrieved: Retrieval) -> Dataset:
    """Labels and the features retrieved for them as one Dataset.

    Raises UsageError where rows were lost or moved on the way, no feature varies, or the data cannot be pinned.
    """
    given, frame = labels.frame, retrieved.frame.reset_index(drop=True)
    if not len(given):
        raise UsageError(f"No row meets the cohort rule of {task.name}: {task.cohort}")
    same = len(frame) == len(given) and all(
        np.array_equal(frame[c].to_numpy(), given[c].to_numpy()) for c in (task.entity, PREDICTION_TIME)
    )
    if not same:
        raise UsageError(
            f"Retrieval for {task.service} returned {len(frame)} rows that are not the {len(given)} "
            "labels in their order; expected one row a label."
        )
    raw = frame[[c for c in frame.columns if c not in given.columns and SEPARATOR in c]]
    features, left_out = model_columns(raw, given[PREDICTION_TIME].reset_index(drop=True))
    numbers = features[single_numbers(list(features.columns))]
    if not (numbers.nunique(dropna=False) > 1).any():
        raise UsageError(
            f"None of the {numbers.shape[1]} features of {task.service} varies over the {len(given)} "
            f"rows of {task.name}; there is nothing to learn from."
        )
    lineage = Lineage(
        task=task.name,
        service=retrieved.service,
        definitions_hash=retrieved.definitions_hash,
        digest=retrieved.digest,
        table_versions=dict(retrieved.table_versions),
        label_versions=dict(labels.table_versions),
        file_ids=tuple(retrieved.file_ids),
        label_file_ids=labels.file_ids,
        features=tuple(features.columns),
        flow=dict(labels.flow),
        view_hashes=view_hashes(retrieved.table_versions),
    )
    require_pinned(lineage)
    groups = pd.factorize(given[task.group])[0].astype(np.intp)
    if (groups < 0).any():
        raise UsageError(f"{int((groups < 0).sum())} rows of {task.name} have no {task.group} to group by.")
    return Dataset(task, given.reset_index(drop=True), features, groups, tuple(left_out), lineage)
