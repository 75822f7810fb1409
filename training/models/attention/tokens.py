"""From a row's history and single numbers to tokens: arrays padded to common shapes, so that nothing is compiled twice.

A token is one measurement: which measure of which modality, its standardised value, its standardised change since the
patient's earliest value of the same measure, and when. Change is what follow-up measurements say beyond the patient's
own level; with a hundred patients no network would find it by itself.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.columns import DAYS_BEFORE, HISTORY_COLUMNS, MEASURES, TOKEN_MODALITIES, VALUES
from training.modalities import MODALITIES, modality_of, single_numbers

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
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
class _Measured:
    """All measurements of some rows, one after the other: row by row, in a row measure by measure, these in time.

    key: index into `keys`, (modality, measure). begins: where a measure of a row begins. days: before the prediction,
    NaN for a single number.
    """

    n_rows: int
    keys: list[tuple[str, str]]
    row: npt.NDArray[np.intp]
    key: npt.NDArray[np.intp]
    begins: npt.NDArray[np.bool_]
    days: Floats
    values: Floats


def learn(frame: pd.DataFrame) -> Vocabulary:
    """The measures of the training rows with their scales. Constants and rarely known measures are left out."""
    seen = _measured(frame)
    by_key = np.argsort(seen.key, kind="stable")
    parts = np.split(by_key, np.flatnonzero(np.diff(seen.key[by_key])) + 1) if len(by_key) else []
    found = {seen.keys[seen.key[at[0]]]: at for at in parts}
    scales = {}
    for key in sorted(found):
        values, begins = seen.values[found[key]], np.flatnonzero(seen.begins[found[key]])
        if len(begins) >= MIN_PATIENTS and (scale := _scale(key[0], values, begins)) is not None:
            scales[key] = scale
    return Vocabulary(scales)


def encode(frame: pd.DataFrame, vocabulary: Vocabulary) -> Tokens:
    """The tokens of each row. Rows and tokens are rounded up to multiples of ROUND_TO."""
    seen = _measured(frame)
    index = {key: k for k, key in enumerate(vocabulary.scales)}
    known = np.array([index.get(key, -1) for key in seen.keys], np.intp)[seen.key]
    kept = np.flatnonzero(known >= 0)
    row, measure = seen.row[kept], known[kept]
    counts = np.bincount(row, minlength=seen.n_rows)
    shape = (rounded(seen.n_rows), rounded(int(counts.max(initial=0))))
    at = row, np.arange(len(row)) - (np.cumsum(counts) - counts)[row]

    def placed(values: npt.ArrayLike, dtype: Any, empty: float = 0.0) -> npt.NDArray[Any]:
        filled = np.asarray(values)
        result = np.full((*shape, *filled.shape[1:]), empty, dtype)
        result[at] = filled
        return result

    place = {name: k for k, name in enumerate(MODALITIES)}
    of_measure = np.array([place.get(modality, len(MODALITIES)) for modality, _ in vocabulary.names], np.int32)
    days, begins = seen.days[kept], seen.begins[kept]
    value, change = _standardised(seen.values[kept], begins, measure, vocabulary)
    return Tokens(
        placed(measure, np.int32),
        placed(of_measure[measure], np.int32),
        placed(value, np.float32),
        placed(change, np.float32),
        placed(_timed(days, begins), np.float32),
        placed(np.ones(len(row)), np.float32),
        placed(days, float, np.nan),
    )


def rounded(n: int) -> int:
    """n rounded up to a shape that is compiled once."""
    return max(ROUND_TO, -(-n // ROUND_TO) * ROUND_TO)


def _measured(frame: pd.DataFrame) -> _Measured:
    """Finite values only; the single numbers of a row come before its history."""
    numbers = single_numbers(list(frame.columns))
    index: dict[tuple[str, str], int] = {}
    code = [index.setdefault((modality_of(c), c.partition("__")[2]), len(index)) for c in numbers]
    matrix = frame[numbers].to_numpy(float)
    row, column = np.nonzero(np.isfinite(matrix))
    single = row, np.array(code, np.intp)[column], np.full(len(row), np.nan), matrix[row, column]
    history = _history(frame, index) if MEASURES in frame else (row[:0], row[:0], np.empty(0), np.empty(0))
    # In a row a single number is a measure of its own; in the history, measures come in the order of their first
    # values, and each from its earliest value on.
    series = np.concatenate([np.arange(len(row)), len(row) + _appearance(history[0], history[1])])
    rows, keys, days, values = (np.concatenate(both) for both in zip(single, history, strict=True))
    order = np.lexsort((series, rows))
    begins = np.diff(series[order], prepend=-1) != 0
    return _Measured(len(frame), list(index), rows[order], keys[order], begins, days[order], values[order])


def _history(frame: pd.DataFrame, index: dict[tuple[str, str], int]) -> tuple[Rows, Rows, Floats, Floats]:
    """(row, key, days, values) of every finite value, row by row in time; keys not in the index are added to it."""
    present = np.flatnonzero([not (h is None or isinstance(h, float)) for h in frame[MEASURES]])
    arrays = {name: [np.asarray(h) for h in frame[name].iloc[present]] for name in HISTORY_COLUMNS}
    if not len(present):
        return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0), np.empty(0)
    whole = {name: np.concatenate(parts) for name, parts in arrays.items()}
    row = np.repeat(present, [len(part) for part in arrays[VALUES]])
    days, values = whole[DAYS_BEFORE].astype(float), whole[VALUES].astype(float)
    order = np.lexsort((-days, row))
    order = order[np.isfinite(values[order])]
    modality, modalities = pd.factorize(whole[TOKEN_MODALITIES].astype(object))
    measure, measures = pd.factorize(whole[MEASURES].astype(object))
    pairs, first = np.unique(modality * len(measures) + measure, return_inverse=True)
    keys = [(str(modalities[p // len(measures)]), str(measures[p % len(measures)])) for p in pairs]
    key = np.array([index.setdefault(k, len(index)) for k in keys], np.intp)[first]
    return row[order], key[order], days[order], values[order]


def _appearance(row: Rows, key: Rows) -> Rows:
    """Numbers the pairs of row and key in the order in which they come."""
    return pd.factorize(row * (int(key.max(initial=0)) + 1) + key)[0].astype(np.intp)


def _scale(modality: str, values: Floats, begins: Rows) -> Scale | None:
    """begins: where a patient's values begin, these in time."""
    is_log2 = bool(values.min() > 0 and _skewness(values) > SKEWED and len(np.unique(values)) > 5)
    if is_log2:
        values = np.log2(values)
    sd = float(values.std())
    if sd <= 1e-9 * max(1.0, abs(float(values.mean()))):
        return None
    ends = np.append(begins[1:], len(values)) - 1
    several = ends > begins
    changes = values[ends[several]] - values[begins[several]]
    known = len(changes) >= MIN_PATIENTS and changes.std() > 1e-9 * sd
    mean, spread = (float(changes.mean()), float(changes.std())) if known else (0.0, 0.0)
    return Scale(modality, is_log2, float(values.mean()), sd, mean, spread)


def _skewness(values: Floats) -> float:
    sd = values.std()
    return float(((values - values.mean()) ** 3).mean() / sd**3) if sd > 0 else 0.0


def _standardised(
    values: Floats, begins: npt.NDArray[np.bool_], measure: Rows, vocabulary: Vocabulary
) -> tuple[Floats, Floats]:
    """(value, change since the earliest value of the same measure) in SD."""
    if not len(values):
        return values, values
    scales = list(vocabulary.scales.values())

    def of(name: str) -> npt.NDArray[Any]:
        return np.array([getattr(scale, name) for scale in scales])[measure]

    is_log2, mean, sd = of("is_log2"), of("mean"), of("sd")
    lowest = np.array([2.0 ** (s.mean - LIMIT_SD * s.sd) if s.is_log2 else np.nan for s in scales])[measure]
    values = np.where(is_log2, np.log2(np.maximum(values, lowest), where=is_log2, out=values.copy()), values)
    value = np.clip((values - mean) / sd, -LIMIT_SD, LIMIT_SD)
    earliest = values[np.maximum.accumulate(np.where(begins, np.arange(len(values)), 0))]
    spread = of("change_sd")
    change = (values - earliest - of("change_mean")) / np.where(spread > 0, spread, 1.0)
    return value, np.where(begins | (spread <= 0), 0.0, np.clip(change, -LIMIT_SD, LIMIT_SD))


def _timed(days: Floats, begins: npt.NDArray[np.bool_]) -> Floats:
    """(tokens, 5): what `Tokens.time` holds; 0 for single numbers but for being first and last."""
    is_single = np.isnan(days)
    since = np.where(is_single, 0.0, np.maximum(days, 0.0))
    timed = np.where(is_single, 0.0, 1.0)
    is_last = np.append(begins[1:], True)[: len(days)]
    return np.stack(
        [
            timed * np.exp(-since / QUICK_DAYS),
            timed * np.exp(-since / SLOW_DAYS),
            np.log1p(since) / 5.0,
            begins,
            is_last,
        ],
        axis=1,
    ).astype(float)
