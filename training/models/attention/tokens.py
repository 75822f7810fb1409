"""From a row's history and single numbers to tokens: arrays padded to common shapes, so that nothing is compiled twice.

A token is one measurement: which measure of which modality, its standardised value, its standardised change since the
patient's earliest value of the same measure, and when. Change is what follow-up measurements say beyond the patient's
own level; with a hundred patients no network would find it by itself.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.columns import DAYS_BEFORE, HISTORY_COLUMNS, MEASURES, TOKEN_MODALITIES, VALUES
from training.modalities import MODALITIES, modality_of, single_numbers

Floats = npt.NDArray[np.float64]
MIN_PATIENTS = 8
"""A measure known for fewer training rows says nothing that would last."""
LIMIT_SD = 3.0
SKEWED = 1.0
ROUND_TO = 32
SLOW_DAYS, QUICK_DAYS = 28.0, 7.0


@dataclass(frozen=True)
class Scale:
    """How one measure is standardised. is_log2: values are positive and skewed, and counted in log2.

    change_mean, change_sd: of the last value less the first, over patients with several; sd 0 where there are too few.
    """

    modality: str
    is_log2: bool
    mean: float
    sd: float
    change_mean: float
    change_sd: float


@dataclass(frozen=True)
class Tokens:
    """A batch, padded. All but `time` have the shape (rows, tokens); padding has mask 0.

    measure: index into the measures of the Vocabulary. value, change: in SD; change 0 where there is none.
    time: (rows, tokens, 5): two decays of the days before the prediction, their logarithm, is it the first, the last.
    days: days before the prediction, NaN for single numbers. modality: index into MODALITIES.
    """

    measure: npt.NDArray[np.int32]
    modality: npt.NDArray[np.int32]
    value: npt.NDArray[np.float32]
    change: npt.NDArray[np.float32]
    time: npt.NDArray[np.float32]
    mask: npt.NDArray[np.float32]
    days: Floats


@dataclass(frozen=True)
class Vocabulary:
    """The measures known from training, in order, each with its Scale."""

    scales: dict[tuple[str, str], Scale]

    @property
    def names(self) -> list[tuple[str, str]]:
        """(modality, measure), by index."""
        return list(self.scales)


@dataclass(frozen=True)
class _Series:
    """One measure of one row: days before the prediction (descending; NaN for a single number) and values."""

    key: tuple[str, str]
    days: Floats
    values: Floats


def learn(frame: pd.DataFrame) -> Vocabulary:
    """The measures of the training rows with their scales. Constants and rarely known measures are left out."""
    series: dict[tuple[str, str], list[_Series]] = {}
    for row in _rows(frame):
        for one in row:
            series.setdefault(one.key, []).append(one)
    scales = {key: _scale(key, series[key]) for key in sorted(series) if len(series[key]) >= MIN_PATIENTS}
    return Vocabulary({key: scale for key, scale in scales.items() if scale is not None})


def encode(frame: pd.DataFrame, vocabulary: Vocabulary) -> Tokens:
    """The tokens of each row. Rows and tokens are rounded up to multiples of ROUND_TO."""
    index = {key: k for k, key in enumerate(vocabulary.scales)}
    place = {name: k for k, name in enumerate(MODALITIES)}
    series = [[s for s in row if s.key in index] for row in _rows(frame)]
    rows = [[_encoded(s, vocabulary.scales[s.key]) for s in row] for row in series]
    keys = [[s.key for s in row for _ in s.days] for row in series]
    n, width = rounded(len(rows)), rounded(max((len(k) for k in keys), default=0))
    shape = (n, width)
    tokens = Tokens(
        np.zeros(shape, np.int32),
        np.zeros(shape, np.int32),
        np.zeros(shape, np.float32),
        np.zeros(shape, np.float32),
        np.zeros((*shape, 5), np.float32),
        np.zeros(shape, np.float32),
        np.full(shape, np.nan),
    )
    for i, (row, names) in enumerate(zip(rows, keys, strict=True)):
        if not names:
            continue
        filled = np.concatenate(row)
        k = len(names)
        tokens.measure[i, :k] = [index[name] for name in names]
        tokens.modality[i, :k] = [place.get(modality, len(MODALITIES)) for modality, _ in names]
        tokens.days[i, :k], tokens.value[i, :k], tokens.change[i, :k] = filled[:, 0], filled[:, 1], filled[:, 2]
        tokens.time[i, :k], tokens.mask[i, :k] = filled[:, 3:], 1.0
    return tokens


def rounded(n: int) -> int:
    """n rounded up to a shape that is compiled once."""
    return max(ROUND_TO, -(-n // ROUND_TO) * ROUND_TO)


def _rows(frame: pd.DataFrame) -> list[list[_Series]]:
    """Each row's measures, finite values only."""
    numbers = single_numbers(list(frame.columns))
    keys = [(modality_of(c), c.partition("__")[2]) for c in numbers]
    matrix = frame[numbers].to_numpy(float)
    rows = [
        [_Series(k, np.array([np.nan]), np.array([v])) for k, v in zip(keys, r, strict=True) if np.isfinite(v)]
        for r in matrix
    ]
    if MEASURES in frame:
        arrays = zip(*(frame[c] for c in HISTORY_COLUMNS), strict=True)
        for row, history in zip(rows, arrays, strict=True):
            if history[0] is not None and not isinstance(history[0], float):
                row.extend(_series(dict(zip(HISTORY_COLUMNS, history, strict=True))))
    return rows


def _series(history: dict[str, npt.NDArray[np.generic]]) -> list[_Series]:
    values, days = np.asarray(history[VALUES], float), np.asarray(history[DAYS_BEFORE], float)
    groups: dict[tuple[str, str], list[int]] = {}
    for i in np.argsort(-days, kind="stable"):
        if np.isfinite(values[i]):
            groups.setdefault((str(history[TOKEN_MODALITIES][i]), str(history[MEASURES][i])), []).append(int(i))
    return [_Series(key, days[at], values[at]) for key, at in groups.items()]


def _scale(key: tuple[str, str], series: list[_Series]) -> Scale | None:
    values = np.concatenate([s.values for s in series])
    is_log2 = bool(values.min() > 0 and _skewness(values) > SKEWED and len(np.unique(values)) > 5)
    if is_log2:
        values = np.log2(values)
    sd = float(values.std())
    if sd <= 1e-9 * max(1.0, abs(float(values.mean()))):
        return None
    units = [np.log2(s.values) if is_log2 else s.values for s in series]
    changes = np.array([v[-1] - v[0] for v in units if len(v) > 1])
    known = len(changes) >= MIN_PATIENTS and changes.std() > 1e-9 * sd
    mean, spread = (float(changes.mean()), float(changes.std())) if known else (0.0, 0.0)
    return Scale(key[0], is_log2, float(values.mean()), sd, mean, spread)


def _skewness(values: Floats) -> float:
    sd = values.std()
    return float(((values - values.mean()) ** 3).mean() / sd**3) if sd > 0 else 0.0


def _encoded(series: _Series, scale: Scale) -> Floats:
    """(tokens of the measure, 8): days, value, change, then the five of `Tokens.time`."""
    values = series.values
    if scale.is_log2:
        values = np.log2(np.maximum(values, 2.0 ** (scale.mean - LIMIT_SD * scale.sd)))
    value = np.clip((values - scale.mean) / scale.sd, -LIMIT_SD, LIMIT_SD)
    change = np.zeros(len(values))
    if scale.change_sd > 0 and len(values) > 1:
        change = np.clip((values - values[0] - scale.change_mean) / scale.change_sd, -LIMIT_SD, LIMIT_SD)
        change[0] = 0.0
    days = series.days
    is_first, is_last = np.zeros(len(values)), np.zeros(len(values))
    is_first[0], is_last[-1] = 1.0, 1.0
    since = np.where(np.isnan(days), 0.0, np.maximum(days, 0.0))
    timed = np.where(np.isnan(days), 0.0, 1.0)
    time = [timed * np.exp(-since / QUICK_DAYS), timed * np.exp(-since / SLOW_DAYS), np.log1p(since) / 5.0]
    return np.stack([days, value, change, *time, is_first, is_last], axis=1)
