"""Label columns in disguise: features that tell the label better than any honest feature could.

A feature is named where it determines a label, or nearly does:

- against two classes, the area under the ROC curve (either direction) of its values, and of whether it is missing;
- against a time or a number, the rank correlation of Spearman (either direction); for a survival time also among the
  events alone, since a censored time is no outcome;
- against classes, that each of its few values goes with one class only.

Small samples separate by chance, so the lower 95 % limit decides and not the value: above NEARLY, or above PERFECT
where the separation is complete. For the area it is Newcombe's method 5 (Statistics in Medicine 25, 2006), which
stays honest near 1, with entities counted and not rows: a thousand minutes of one case are one case. For a rank
correlation it is Fisher's transform with the standard error of Fieller, Hartley and Pearson (Biometrika 44, 1957).
The hardest honest feature here, the pressure of now against hypotension in five minutes, has 0.93.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import atanh, sqrt, tanh
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.view import LABEL_TIME

NEARLY = 0.95
"""Lower limit above which a feature nearly determines a label."""
PERFECT = 0.85
"""Lower limit that is enough where the separation is complete: some 14 of each class."""
PERFECT_RANKS = 12
"""Rows that are enough where ranks agree without exception."""
FEW_VALUES = 10
MIN_OF_CLASS = 5
"""Entities of the smallest class, and of all, from which it says something that classes and values go together."""
MIN_UNITS = 30
MOST_ROWS = 5_000
"""Of more rows, so many at even distances are looked at: what determines a label does so in any of them."""
Z = 1.96

NAMED_TARGETS = ("label", "is_event", "time_days")
TIME_TARGET, EVENT_TARGET = "time_days", "is_event"
LABEL_KEYS = ("patient_id", "group_id", "case_id")
"""Whom rows are of, the patient before the case."""
_NO_TARGETS = {*LABEL_KEYS, "sample_id", "site_id", LABEL_TIME}

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Disguise:
    """A feature column that tells a label. value, low: the statistic and its lower 95 % limit; n: rows looked at."""

    column: str
    target: str
    what: str
    value: float
    low: float
    n: int

    @property
    def sentence(self) -> str:
        return f"{self.what} {self.value:.3f} (at least {self.low:.2f}) against {self.target}, {self.n:,} rows"


def target_columns(frame: pd.DataFrame, features: Sequence[str]) -> list[str]:
    """The label columns of a dataset: `label`, `is_event` and `time_days` where there are any.

    Else every further column that is no key, site, time or feature and holds numbers, flags or up to ten classes.
    """
    named = [name for name in NAMED_TARGETS if name in frame.columns]
    if named:
        return named
    others = [c for c in frame.columns if c not in _NO_TARGETS and c not in set(features)]
    return [c for c in others if _is_number(frame[c]) or 2 <= _classes(frame[c]) <= FEW_VALUES]


def disguises(
    frame: pd.DataFrame, features: Sequence[str], targets: Sequence[str], groups: "pd.Series[Any] | None" = None
) -> list[Disguise]:
    """The feature columns that tell a label column, each once with its strongest sign.

    groups: whom the rows are of; default: each row is of another.
    """
    step = -(-len(frame) // MOST_ROWS) or 1
    some = frame.iloc[::step]
    who = np.arange(len(some)) if groups is None else pd.factorize(groups.iloc[::step])[0]
    events = some[EVENT_TARGET].to_numpy(bool) if EVENT_TARGET in targets and TIME_TARGET in targets else None
    columns = [c for c in features if _is_number(some[c])]
    numbers = {c: some[c].to_numpy(dtype=float, na_value=np.nan) for c in columns}
    found: dict[str, Disguise] = {}
    for target in targets:
        label = _label(target, some[target], events if target == TIME_TARGET else None)
        for column, values in numbers.items():
            sign = _strongest(column, values, label, who)
            if sign is not None and (column not in found or sign.low > found[column].low):
                found[column] = sign
    return [found[c] for c in columns if c in found]


@dataclass(frozen=True)
class _Label:
    """A target: its classes as codes from 0 (-1: none) where they are few, its numbers where it has any.

    events: for a survival time, which rows are events.
    """

    name: str
    n_classes: int
    codes: npt.NDArray[np.intp] | None
    numbers: Floats | None
    events: Bools | None


def _label(name: str, column: "pd.Series[Any]", events: Bools | None) -> _Label:
    n = _classes(column)
    codes = pd.factorize(column, sort=True)[0] if n <= FEW_VALUES else None
    numbers = column.to_numpy(dtype=float, na_value=np.nan) if _is_number(column) else None
    return _Label(name, n, codes, numbers, events)


def _strongest(column: str, values: Floats, label: _Label, who: Any) -> Disguise | None:
    signs = []
    if label.n_classes == 2 and label.codes is not None:
        signs += _of_two(column, label.name, values, label.codes, who)
    elif label.numbers is not None:
        signs += _of_ranks(column, label.name, values, label.numbers, "rank correlation")
        if label.events is not None:
            values_of, numbers_of = values[label.events], label.numbers[label.events]
            signs += _of_ranks(column, label.name, values_of, numbers_of, "rank correlation among events")
    if not signs and label.codes is not None:
        signs += _of_classes(column, label.name, values, label.codes, who)
    return max(signs, key=lambda s: s.low, default=None)


def _of_two(column: str, target: str, values: Floats, codes: Any, who: Any) -> list[Disguise]:
    found = []
    gone = np.isnan(values)
    questions = [("AUROC", ~gone & (codes >= 0), values)]
    if gone.any() and not gone.all():
        questions.append(("AUROC of its being missing", codes >= 0, gone.astype(float)))
    for what, rows, x in questions:
        positive, of = codes[rows] == 1, who[rows]
        n, m = (int((np.bincount(of[side & (of >= 0)]) > 0).sum()) for side in (positive, ~positive))
        if n and m:
            area = auroc(x[rows], positive)
            area = max(area, 1 - area)
            low = auroc_low(area, n, m)
            if low > NEARLY or (area == 1 and low > PERFECT):
                found.append(Disguise(column, target, what, area, low, int(rows.sum())))
    return found


def _of_ranks(column: str, target: str, values: Floats, numbers: Floats, what: str) -> list[Disguise]:
    rows = ~np.isnan(values) & ~np.isnan(numbers)
    n = int(rows.sum())
    if n < PERFECT_RANKS:
        return []
    a, b = ranks(values[rows]), ranks(numbers[rows])
    if not a.std() or not b.std():
        return []
    rho = min(1.0, abs(float(np.corrcoef(a, b)[0, 1])))
    low = rank_correlation_low(rho, n)
    is_complete = rho > 1 - 1e-12
    return [Disguise(column, target, what, rho, low, n)] if low > NEARLY or is_complete else []


def _of_classes(column: str, target: str, values: Floats, codes: Any, who: Any) -> list[Disguise]:
    """Each value goes with one class: what no order shows, such as codes of categories."""
    rows = ~np.isnan(values) & (codes >= 0)
    numbers, labels, of = pd.factorize(values[rows])[0], codes[rows], who[rows]
    if not len(numbers) or numbers.max() + 1 > FEW_VALUES:
        return []
    if len(np.unique(numbers * (labels.max() + 1) + labels)) > numbers.max() + 1:
        return []
    units = [len(np.unique(of[labels == c])) for c in np.unique(labels)]
    n = len(np.unique(of))
    if len(units) < 2 or min(units) < MIN_OF_CLASS or n < MIN_UNITS:
        return []
    # No one goes against it: by the rule of three, at most so many would.
    return [Disguise(column, target, "share of rows that it determines", 1.0, 1 - 3 / n, len(numbers))]


def auroc(values: Floats, positive: Bools) -> float:
    """Chance that a positive row has the larger value, ties counting half."""
    n, m = int(positive.sum()), int((~positive).sum())
    return float((ranks(values)[positive].sum() - n * (n + 1) / 2) / (n * m))


def auroc_low(area: float, n: int, m: int) -> float:
    """Lower 95 % limit of an area of at least a half, of n and m independent units (Newcombe's method 5)."""
    mean = (n + m) / 2 - 1

    def reach(theta: float) -> float:
        spread = theta * (1 - theta) * (1 + mean * (1 - theta) / (2 - theta) + mean * theta / (1 + theta)) / (n * m)
        return area - theta - Z * sqrt(max(spread, 0.0))

    low, high = 0.0, area
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if reach(middle) > 0 else (low, middle)
    return low


def rank_correlation_low(rho: float, n: int) -> float:
    """Lower 95 % limit of a rank correlation of n rows; complete agreement counts as one row's share less than 1."""
    return tanh(atanh(min(rho, 1 - 1 / n)) - Z * sqrt(1.06 / (n - 3)))


def ranks(values: Floats) -> Floats:
    """Ranks from 1, equal values sharing their mean rank."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return ((last - counts + 1 + last) / 2)[where]


def _is_number(column: "pd.Series[Any]") -> bool:
    return pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)


def _classes(column: "pd.Series[Any]") -> int:
    try:
        return int(column.nunique())
    except TypeError:  # lists have no equals to count by
        return 0
