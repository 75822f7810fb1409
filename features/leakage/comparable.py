"""Columns of a dataset and of gold rows as numbers that can be compared, whatever they hold."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from features.leakage.known_then import microseconds
from features.view import GoldView

SEPARATOR = "__"
NUMBERS = ("double", "int", "bigint", "boolean")
TEXTS = ("string",)
ARRAYS = ("array<double>", "array<string>", "array<timestamp>")
TIME = "timestamp"

Floats = npt.NDArray[np.float64]
Pairs = dict[str, tuple[Floats, Floats]]


def comparable(
    view: GoldView, frame: pd.DataFrame, features: Sequence[str], history: pa.Table
) -> tuple[Pairs, list[str]]:
    """({feature: (a number for each row of the dataset, one for each gold row)}, features that cannot be compared).

    Numbers and flags are themselves; texts and whole arrays become codes, the same for the same content; missing is
    NaN. Left out is what the view does not declare or its table does not have, and arrays and times that a text file
    has made text of.
    """
    types = {f.name: f.type for f in view.features}
    pairs: Pairs = {}
    left_out = []
    for feature in features:
        column, type_ = frame[f"{view.name}{SEPARATOR}{feature}"], types.get(feature)
        if type_ in NUMBERS and feature in history.column_names:
            pairs[feature] = _numbers(column), history[feature].cast(pa.float64()).to_numpy()
        elif type_ in TEXTS + ARRAYS and feature in history.column_names and _is_whole(column, type_ in ARRAYS):
            pairs[feature] = _codes(column, history[feature].to_pandas())
        elif type_ == TIME and feature in history.column_names and _is_time(column):
            us = history[feature].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
            pairs[feature] = _times(column), us.cast(pa.float64()).to_numpy()
        else:
            left_out.append(feature)
    return pairs, left_out


def _numbers(column: "pd.Series[Any]") -> Floats:
    # A text where a number was declared becomes missing, and so differs from what was known.
    plain = column.astype(object) if column.dtype == bool else column
    return pd.to_numeric(plain, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def _is_time(column: "pd.Series[Any]") -> bool:
    return isinstance(column.dtype, pd.DatetimeTZDtype) or not column.notna().any()


def _times(column: "pd.Series[Any]") -> Floats:
    """Microseconds since 1970, whole and exact as floats until 2255."""
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        return np.full(len(column), np.nan)
    return np.where(column.isna(), np.nan, microseconds(column).astype(float))


def _is_whole(column: "pd.Series[Any]", is_array: bool) -> bool:
    return not is_array or not column.map(lambda value: isinstance(value, str)).any()


def _codes(column: "pd.Series[Any]", held: "pd.Series[Any]") -> tuple[Floats, Floats]:
    contents = [_content(value) for value in (*column, *held)]
    codes = pd.factorize(np.array(contents, dtype=object))[0].astype(float)
    codes[codes < 0] = np.nan
    return codes[: len(column)], codes[len(column) :]


def _content(value: Any) -> bytes | None:
    """What a text or an array holds, in few bytes; None for missing."""
    if isinstance(value, str):
        return hashlib.sha256(value.encode()).digest()
    if isinstance(value, np.ndarray | list | tuple):
        items = np.asarray(value)
        if items.dtype.kind == "M":
            # Times of an array are UTC and have lost their zone; their resolution is that of whoever wrote them.
            items = items.astype("datetime64[us]").astype(np.int64)
        if items.dtype.kind in "fiub":
            return hashlib.sha256((items.astype("<f8") + 0.0).tobytes()).digest()
        return hashlib.sha256(repr(items.tolist()).encode()).digest()
    return None
