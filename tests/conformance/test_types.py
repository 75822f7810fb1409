"""Feast's cases of `test_universal_types.py`, with both engines: what goes in as a type comes out as it."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from feast import FeatureView, Field
from feast.types import Array, Bool, FeastType, Float32, Float64, Int32, Int64, String, UnixTimestamp

from tests.conformance.environment import DRIVER, Environment

pytestmark = pytest.mark.slow

NOW = pd.Timestamp("2026-03-01T12:00:00Z")
# The driver of row 2 is asked four hours ago and that of row 4 two hours ago.
EVENTS = [
    NOW - timedelta(hours=4),
    NOW,
    NOW - timedelta(hours=3),
    (NOW - timedelta(hours=4)).tz_convert("Europe/Berlin"),
    (NOW - timedelta(hours=1)).tz_convert("US/Pacific"),
]
VALUES: dict[str, tuple[FeastType, list[object]]] = {
    "int32": (Int32, [1, 2, 3, 4, 5]),
    "int64": (Int64, [1, 2, 3, 4, 5]),
    "float": (Float64, [1.0, None, 3.0, 4.0, 5.0]),
    "string": (String, ["1", None, "3", "4", "5"]),
    "bool": (Bool, [True, None, False, True, False]),
    "datetime": (UnixTimestamp, [datetime(1980, 1, 1), None, *(datetime(1981 + i, 1, 1) for i in range(3))]),
}
ARROW: dict[str, pa.DataType] = {
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float": pa.float64(),
    "string": pa.string(),
    "bool": pa.bool_(),
    "datetime": pa.timestamp("us", tz="UTC"),
}
IS_OF: dict[str, Callable[[pa.DataType], bool]] = {
    "int32": pa.types.is_int32,
    "int64": pa.types.is_int64,
    "float": pa.types.is_float64,
    "string": lambda t: pa.types.is_string(t) or pa.types.is_large_string(t),
    "bool": pa.types.is_boolean,
    "datetime": pa.types.is_timestamp,
}


def drivers(env: Environment, keys: Sequence[object], values: Sequence[object], kind: pa.DataType) -> pd.DataFrame:
    frame = pd.DataFrame({"driver_id": keys, "ts_1": pd.to_datetime(EVENTS, utc=True), "created_ts": [NOW] * 5})
    return frame.assign(value=pd.Series(values, dtype=object))


@pytest.mark.parametrize("has_empty_list", [False, True])
@pytest.mark.parametrize("is_list", [False, True])
def test_types_come_back_as_they_went_in(environment: Environment, is_list: bool, has_empty_list: bool) -> None:
    """All types in one repository and one retrieval: a view for each."""
    views, columns = [], {}
    for name, (feast_type, plain) in VALUES.items():
        values: list[object] = [None if v is None else [v, v] if is_list else v for v in plain]
        if is_list and has_empty_list:
            values = [[] for _ in plain[:-1]] + [plain[-1:]]
        kind = pa.list_(ARROW[name]) if is_list else ARROW[name]
        source = environment.source(
            drivers(environment, [1, 2, 1, 3, 3], values, kind), name, created="created_ts", timestamp_field="ts_1",
            types={"value": kind},
        )  # fmt: skip
        views.append(
            FeatureView(
                name=f"of_{name}",
                entities=[DRIVER],
                schema=[
                    Field(name="driver_id", dtype=Int64),
                    Field(name="value", dtype=Array(feast_type) if is_list else feast_type),
                ],
                ttl=timedelta(days=5),
                source=source,
            )
        )
        columns[name] = (values[0], values[3])
    environment.store.apply([DRIVER, *views])
    labels = pd.DataFrame({"driver_id": [1, 3], "ts": [NOW - timedelta(hours=4), NOW - timedelta(hours=2)]})
    job = environment.store.get_historical_features(labels, [f"{v.name}:value" for v in views], full_feature_names=True)
    table, frame = job.to_arrow(), job.to_df()
    for name, wanted in columns.items():
        column = table[f"of_{name}__value"]
        kind = column.type.value_type if is_list else column.type
        assert IS_OF[name](kind), (name, column.type)
        found = column.to_pylist()
        if name == "datetime":
            found = [_naive(v) for v in found]
        assert found == list(wanted), name
        if is_list:
            assert all(isinstance(v, np.ndarray | list) for v in frame[f"of_{name}__value"])


def _naive(value: object) -> object:
    if isinstance(value, list):
        return [_naive(v) for v in value]
    assert isinstance(value, datetime)
    return value.replace(tzinfo=None)


@pytest.mark.parametrize("entity_type", ["int32", "int64", "string"])
def test_types_of_entities_and_features_are_inferred(environment: Environment, entity_type: str) -> None:
    keys = ["1", "2", "1", "3", "3"] if entity_type == "string" else [1, 2, 1, 3, 3]
    source = environment.source(
        drivers(environment, keys, [1, 2, 3, 4, 5], pa.int32()), "inferred", created="created_ts",
        timestamp_field="ts_1", types={"value": pa.int32(), "driver_id": ARROW[entity_type]},
    )  # fmt: skip
    view = FeatureView(name="inferred", entities=[DRIVER], schema=[], ttl=timedelta(days=5), source=source)
    environment.store.apply([DRIVER, view])
    (key,) = environment.store.get_feature_view("inferred").entity_columns
    assert key.dtype in ({String} if entity_type == "string" else {Int32, Int64})
    (feature,) = environment.store.get_feature_view("inferred").features
    assert feature.dtype in {Int32, Int64}
    assert feature.dtype != Float32
    labels = pd.DataFrame({"driver_id": keys[:1], "event_timestamp": [NOW]})
    assert environment.store.get_historical_features(labels, ["inferred:value"]).to_df()["value"].tolist() == [3]
