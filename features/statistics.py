"""Features in numbers: how they are distributed, and whether that has changed between training and now.

The statistics of change are those that batches are held to (`quality.statistics`): PSI over the deciles of the
training set, the distance of Kolmogorov and Smirnov, and PSI of the missing share, each against a limit that is both
larger than chance and large enough to matter. The unit is the entity, not the row.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality import statistics as st
from quality.sketch import Sketch, aligned, bucket_keys

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS = 16
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Distribution:
    """A feature's values. n: rows; entities: whom they are of; missing: share of rows, NaN of none.

    mean, sd, quantiles (of QUANTILES) and histogram (counts in BINS equal bins from the lowest to the highest quantile,
    what lies beyond in the outermost) are None where fewer than `quality.statistics.MIN_SUBJECTS` entities have a
    value: they would tell whose.
    """

    n: int
    entities: int
    missing: float
    mean: float | None
    sd: float | None
    quantiles: tuple[float, ...] | None
    histogram: tuple[int, ...] | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Drift:
    """A feature in training against now. verdict: 'steady', 'moved' (info), 'drifted' (warning) or 'too few'.

    psi, ks, missing_psi: None where there were too few values. why: what went over its limit. histograms: counts of
    both in the same BINS bins, None where either has too few entities.
    """

    feature: str
    training: Distribution
    now: Distribution
    psi: float | None
    ks: float | None
    missing_psi: float | None
    verdict: str
    why: str
    histograms: tuple[tuple[int, ...], tuple[int, ...]] | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def distribution(values: Floats, entities: npt.NDArray[np.intp]) -> Distribution:
    """The distribution of numbers (NaN: missing), a row each; entities: a code of whom each row is of."""
    given = values[~np.isnan(values)]
    of = len(np.unique(entities[~np.isnan(values)]))
    missing = 1 - len(given) / len(values) if len(values) else float("nan")
    if of < st.MIN_SUBJECTS:
        return Distribution(len(values), of, missing, None, None, None, None)
    cuts = np.quantile(given, QUANTILES)
    low, high = cuts[0], cuts[-1]
    if low == high:
        low, high = float(given.min()), float(given.max())
    counts = _histogram(given, low, high)
    sd = float(given.std(ddof=1)) if len(given) > 1 else 0.0
    return Distribution(len(values), of, missing, float(given.mean()), sd, tuple(map(float, cuts)), counts)


def drifts(
    training: pd.DataFrame, now: pd.DataFrame, features: Sequence[str], training_of: Any, now_of: Any
) -> list[Drift]:
    """Each feature that both frames have as numbers, in their order.

    training_of, now_of: codes of whom the rows are of. The chance of a false alarm is held for the whole table.
    """
    both = [f for f in features if f in training and f in now]
    alpha = st.FALSE_ALARMS / max(3 * len(both), 1)
    return [
        _drift(
            feature,
            training[feature].to_numpy(dtype=float, na_value=np.nan),
            now[feature].to_numpy(dtype=float, na_value=np.nan),
            np.asarray(training_of),
            np.asarray(now_of),
            alpha,
        )
        for feature in both
    ]


def _drift(feature: str, before: Floats, after: Floats, before_of: Any, after_of: Any, alpha: float) -> Drift:
    a, b = distribution(before, before_of), distribution(after, after_of)
    n, m = len(np.unique(before_of)), len(np.unique(after_of))
    over: list[tuple[str, str]] = []
    missing = None
    if min(n, m) >= st.MIN_SUBJECTS and min(len(before), len(after)) >= st.MIN_ROWS:
        counts = [np.array([np.isnan(v).sum(), (~np.isnan(v)).sum()]) for v in (before, after)]
        missing = st.psi(*counts)
        level, _ = st.severity(st.PSI_CODES, missing, st.psi_chance(2, n, m, alpha))
        over += [(level, "share of missing")] if level else []
    reference, batch = _sketch(before, a.entities), _sketch(after, b.entities)
    psi = ks = None
    if min(reference.n, batch.n) >= st.MIN_ROWS and min(a.entities, b.entities) >= st.MIN_SUBJECTS:
        keys, expected, actual = aligned(reference, batch)
        bins = st.decile_bins(keys, expected)
        size = int(bins.max()) + 1
        psi = st.psi(*(np.bincount(bins, weights=c, minlength=size) for c in (expected, actual)))
        ks = st.ks(expected, actual)
        chances = st.psi_chance(size, a.entities, b.entities, alpha), st.ks_chance(a.entities, b.entities, alpha)
        for name, definition, value, chance in (
            ("PSI", st.PSI_BINS, psi, chances[0]),
            ("KS distance", st.KS, ks, chances[1]),
        ):
            level, _ = st.severity(definition, value, chance)
            over += [(level, name)] if level else []
    both = None
    if a.quantiles is not None and b.quantiles is not None:
        low, high = min(a.quantiles[0], b.quantiles[0]), max(a.quantiles[-1], b.quantiles[-1])
        both = (_histogram(before[~np.isnan(before)], low, high), _histogram(after[~np.isnan(after)], low, high))
    verdict = "too few" if psi is None and missing is None else "steady"
    if over:
        verdict = "drifted" if any(level == "warning" for level, _ in over) else "moved"
    return Drift(feature, a, b, psi, ks, missing, verdict, ", ".join(name for _, name in over), both)


def _histogram(given: Floats, low: float, high: float) -> tuple[int, ...]:
    """Counts in BINS equal bins from low to high; what lies beyond is counted in the outermost."""
    limits = (low, high) if low < high else (low - 0.5, low + 0.5)
    return tuple(int(n) for n in np.histogram(np.clip(given, low, high), BINS, limits)[0])


def _sketch(values: Floats, subjects: int) -> Sketch:
    given = values[np.isfinite(values)]
    keys, counts = np.unique(bucket_keys(given), return_counts=True)
    return Sketch(keys, counts.astype(np.int64), subjects)
