"""Groups of patients by their out-of-fold prediction, and what happened to them: what a calibration plot shows.

Groups hold at least `FEWEST` patients each, so that no point of a plot is a patient.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from training.metrics.survival import FollowUp, observed_incidence
from training.task import COMPETING, IS_EVENT, LABEL, TIME_DAYS, Task
from training.tracking.names import AT_HORIZON

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
FEWEST = 10
MOST_GROUPS = 10
Z95 = 1.959964


@dataclass(frozen=True)
class Group:
    """predicted: mean predicted share with the event. observed: the share that had it, with its 95 % interval (NaN
    where rows are not patients, and would count too much). n: patients."""

    predicted: float
    observed: float
    low: float
    high: float
    n: int


def groups_of(task: Task, rows: "pd.DataFrame") -> tuple[Group, ...]:
    """Groups in the order of their prediction; () where the predictions say no probability or patients are too few.

    rows: a run's out-of-fold predictions, one row a label. Classes: share of positives. Survival: share with the event
    at the task's horizon by Kaplan-Meier, or by Aalen-Johansen where events compete.
    """
    is_survival = task.kind == "survival"
    column = AT_HORIZON if is_survival else "score"
    if column not in rows or (is_survival and task.horizon_days is None) or task.kind == "profiles":
        return ()
    known = rows[rows[column].notna()]
    predicted = known[column].to_numpy(float)
    if is_survival:
        predicted = 1 - predicted
    unit = known[task.group].to_numpy()
    found = []
    for position in _parts(predicted, unit):
        part = known.iloc[position]
        share, n_known = _survival_share(part, float(task.horizon_days or 0)) if is_survival else _class_share(part)
        n = len(set(unit[position]))
        low, high = wilson(share, n_known) if n == len(position) else (float("nan"), float("nan"))
        found.append(Group(float(predicted[position].mean()), share, low, high, n))
    return tuple(found)


def wilson(share: float, n: float) -> tuple[float, float]:
    """95 % interval of a share of `n` (Wilson 1927): honest at 0 and at 1, where there is no spread to go by."""
    if n <= 0:
        return float("nan"), float("nan")
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * float(np.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2)))
    return max(0.0, centre - half), min(1.0, centre + half)


def _parts(predicted: Floats, unit: npt.NDArray[Any]) -> list[npt.NDArray[np.intp]]:
    """Positions of the rows of each group; equal predictions stay together, small groups join the one before."""
    n_units = len(set(unit))
    if n_units < FEWEST:
        return []
    n_groups = min(MOST_GROUPS, max(1, n_units // 20)) if n_units >= 2 * FEWEST else 1
    order = np.argsort(predicted, kind="stable")
    cuts = {round(len(order) * k / n_groups) for k in range(1, n_groups)}
    # A cut within a run of equal predictions moves to its end.
    ends = np.append(np.flatnonzero(np.diff(predicted[order])) + 1, len(order))
    moved = sorted({int(ends[np.searchsorted(ends, cut)]) for cut in cuts} - {len(order)})
    parts: list[npt.NDArray[np.intp]] = []
    for part in np.split(order, moved):
        if parts and (len(set(unit[part])) < FEWEST or len(set(unit[parts[-1]])) < FEWEST):
            parts[-1] = np.concatenate([parts[-1], part])
        else:
            parts.append(part)
    return parts


def _class_share(part: "pd.DataFrame") -> tuple[float, float]:
    return float(part[LABEL].mean()), float(len(part))


def _survival_share(part: "pd.DataFrame", horizon: float) -> tuple[float, float]:
    """(share with the event by the horizon, patients whose state there is known: these the interval counts)."""
    is_competing = part[COMPETING].to_numpy(bool) if COMPETING in part else None
    seen = FollowUp.of(part[TIME_DAYS].to_numpy(float), part[IS_EVENT].to_numpy(bool), is_competing)
    known = (seen.time > horizon) | seen.event | seen.competing
    return observed_incidence(seen, horizon), float(known.sum())
