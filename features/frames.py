"""Feature frames for people and models: plain column types, and the digest that proves a training set."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

Column: TypeAlias = "pd.Series[Any]"


def plain_types(frame: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """Feature columns in types that models take: numbers and flags as float64, NaN for missing; others as given."""
    plain = {name: _plain(frame[name]) for name in features}
    return frame.assign(**plain)


def _plain(column: Column) -> Column:
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column.astype("float64")
    given = column.dropna()
    if given.map(lambda v: isinstance(v, bool | int | float | np.number | np.bool_)).all():
        return column.map(lambda v: np.nan if v is None else float(v)).astype("float64")
    return column


def digest(frame: pd.DataFrame, table_versions: Mapping[str, int]) -> str:
    """SHA-256 of a training set: column names, their order, every value, and the table versions read.

    Values enter by what they are, not by how pandas holds them: numbers as 64-bit floats (all NaN alike), times as
    microseconds UTC, text and lists with their lengths; missing is a mark of its own. The index does not enter.
    """
    whole = hashlib.sha256(json.dumps(dict(sorted(table_versions.items()))).encode())
    whole.update(f"{len(frame)} rows".encode())
    for name in frame.columns:
        whole.update(json.dumps(str(name)).encode())
        whole.update(_bytes_of(frame[name]))
    return whole.hexdigest()


def _bytes_of(column: Column) -> bytes:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        times = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[us]")
        return b"time" + times.astype("<i8").tobytes()
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        numbers = column.to_numpy(dtype="<f8", na_value=np.nan)
        # One NaN for all, and no negative zero: equal values have equal bytes.
        return b"number" + (np.where(np.isnan(numbers), np.nan, numbers) + 0.0).astype("<f8").tobytes()
    return b"other" + json.dumps([_json_of(v) for v in column]).encode()


def _json_of(value: object) -> object:
    if isinstance(value, np.datetime64):
        # Whatever the resolution: arrays of times come in that of whoever made them.
        return None if np.isnat(value) else str(value.astype("datetime64[us]"))
    if isinstance(value, np.ndarray | list | tuple):
        return [_json_of(v) for v in value]
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, np.generic):
        return _json_of(value.item())
    return value if isinstance(value, str | int | float | bool) else str(value)
