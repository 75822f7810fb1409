"""From retrieved features to the columns that models see: numbers, arrays spread out by name, and histories."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.wide import wide
from training.modalities import HISTORY
from training.models.preparation import numeric
from training.task import SECONDS_A_DAY

SEPARATOR = "__"
SPREAD: dict[str, tuple[str, tuple[str, ...]]] = {
    "imaging_measures": ("measures", ("baseline", "last", "change")),
    "exosome_markers": ("markers", ("baseline", "last", "log2_change")),
}
"""View -> its array of names, and the arrays of values in the order of the names."""

MEASURES = f"{HISTORY}{SEPARATOR}measures"
TOKEN_MODALITIES = f"{HISTORY}{SEPARATOR}modalities"
VALUES = f"{HISTORY}{SEPARATOR}values"
OBSERVED_AT = f"{HISTORY}{SEPARATOR}observed_at"
DAYS_BEFORE = f"{HISTORY}{SEPARATOR}days_before"
"""Days from the measurement to the prediction, 0 or more: what OBSERVED_AT becomes."""
HISTORY_COLUMNS = (MEASURES, TOKEN_MODALITIES, VALUES, DAYS_BEFORE)


def model_columns(retrieved: pd.DataFrame, prediction_time: pd.Series) -> tuple[pd.DataFrame, list[str]]:
    """The columns for models, and the names of the features that no model sees (texts, arrays without a use).

    retrieved: feature columns `<view>__<feature>`, one row a prediction. prediction_time: UTC, the same rows.
    Numbers and booleans become float64. A value in an array of SPREAD becomes a column `<view>__<array>[<name>]`.
    The history's arrays stay, as objects of one array a row (None without history), its times as DAYS_BEFORE. Stateless
    in all values; which columns there are depends on the names that occur.
    """
    spread, used = _spread(retrieved)
    history = _history(retrieved, prediction_time)
    rest = retrieved.drop(columns=[*used, *(c for c in retrieved.columns if c.startswith(f"{HISTORY}{SEPARATOR}"))])
    numbers, left_out = numeric(rest)
    return pd.concat([numbers, *spread, history], axis=1), left_out


def _spread(retrieved: pd.DataFrame) -> tuple[list[pd.DataFrame], list[str]]:
    frames, used = [], []
    for view, (names, arrays) in SPREAD.items():
        named = f"{view}{SEPARATOR}{names}"
        if named not in retrieved:
            continue
        used.append(named)
        for array in arrays:
            column = f"{view}{SEPARATOR}{array}"
            if column in retrieved:
                used.append(column)
                matrix = wide(retrieved, named, column)
                renamed = [f"{column}[{name}]" for name in matrix.names]
                frames.append(pd.DataFrame(matrix.values, columns=renamed, index=retrieved.index))
    return frames, used


def _history(retrieved: pd.DataFrame, prediction_time: pd.Series) -> pd.DataFrame:
    if MEASURES not in retrieved:
        return pd.DataFrame(index=retrieved.index)
    before = [
        None if times is None or not len(times) else _days(at, times)
        for at, times in zip(prediction_time, (_array(v) for v in retrieved[OBSERVED_AT]), strict=True)
    ]
    columns: dict[str, list[object]] = {
        name: [_array(v) for v in retrieved[name]] for name in (MEASURES, TOKEN_MODALITIES, VALUES)
    }
    columns[DAYS_BEFORE] = list(before)
    frame = {name: pd.Series(values, index=retrieved.index, dtype=object) for name, values in columns.items()}
    for name in (MEASURES, TOKEN_MODALITIES, VALUES):
        frame[name] = frame[name].where(frame[DAYS_BEFORE].notna(), None)
    return pd.DataFrame(frame, index=retrieved.index)


def _array(value: object) -> npt.NDArray[np.generic] | None:
    return np.asarray(value) if isinstance(value, np.ndarray | list | tuple) else None


def _days(at: pd.Timestamp, times: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """Days from each time to `at`."""
    # Through a Timestamp each: arrays of times come as datetimes with a zone, or as datetime64 without.
    seconds = [(at - _utc(t)).total_seconds() for t in times]
    return np.array(seconds, float) / SECONDS_A_DAY


def _utc(time: object) -> pd.Timestamp:
    stamp = pd.Timestamp(time)  # type: ignore[arg-type]
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
