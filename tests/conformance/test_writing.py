"""Feast's cases of writing to the offline store, with both engines: what its own Spark target leaves out.

`test_offline_write.py`, `test_push_features_to_offline_store.py`, `test_persist.py`, `test_feature_logging.py`, and the
case of `test_non_entity_mode.py` that writes.
"""

import json
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import FeatureService
from feast.data_source import PushMode
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.feature_logging import (
    LOG_DATE_FIELD,
    LOG_TIMESTAMP_FIELD,
    REQUEST_ID_FIELD,
    FeatureServiceLoggingSource,
    LoggingConfig,
)
from feast.infra.offline_stores.offline_store import RetrievalJob

from features.offline.delta_source import DeltaLoggingDestination, DeltaStorage
from tests.conformance.environment import START, Environment, Universe, universe

pytestmark = pytest.mark.slow

RATES = ["driver_stats:conv_rate", "driver_stats:acc_rate", "driver_stats:avg_daily_trips"]
LATER = pd.Timestamp(START, tz="UTC") + timedelta(days=30)


@pytest.fixture
def data(environment: Environment) -> Universe:
    made = universe(environment)
    environment.store.apply(made.objects())
    return made


def driver_rows(*hours: int) -> pd.DataFrame:
    """New rows of driver 1001, in another order of columns than the table's."""
    n = len(hours)
    return pd.DataFrame(
        {
            "avg_daily_trips": [10 + h for h in hours],
            "created": [LATER] * n,
            "conv_rate": pd.Series([0.125 * h for h in hours], dtype="float32"),
            "event_timestamp": [LATER + timedelta(hours=h) for h in hours],
            "acc_rate": pd.Series([1 - 0.125 * h for h in hours], dtype="float32"),
            "driver_id": [1001] * n,
            "driver_metadata": [{"vehicle_type": "sedan", "rating": "4.5"}] * n,
            "driver_config": [json.dumps({"max_distance_km": 100})] * n,
            "driver_profile": [{"name": "driver_1001", "age": "30"}] * n,
        }
    )


def asked(env: Environment, *hours: int) -> RetrievalJob:
    labels = pd.DataFrame({"driver_id": [1001] * len(hours), "event_timestamp": [LATER + timedelta(hours=h)
                                                                                for h in hours]})  # fmt: skip
    return env.store.get_historical_features(labels, RATES)


def test_columns_in_another_order_are_written_where_they_belong(environment: Environment, data: Universe) -> None:
    before = environment.rows("drivers")
    environment.store.write_to_offline_store("driver_stats", driver_rows(1, 2), allow_registry_cache=False)
    assert environment.rows("drivers") == before + 2
    found = asked(environment, 2, 1).to_df()
    assert found["conv_rate"].tolist() == [0.25, 0.125]
    assert found["acc_rate"].tolist() == [0.75, 0.875]
    assert found["avg_daily_trips"].tolist() == [12, 11]


def test_writing_incorrect_schema_fails(environment: Environment, data: Universe) -> None:
    wrong = driver_rows(1, 2)[["event_timestamp", "driver_id", "conv_rate", "created"]].assign(incorrect_schema=1)
    with pytest.raises(ValueError, match="missing_expected_columns") as raised:
        environment.store.write_to_offline_store("driver_stats", wrong, allow_registry_cache=False)
    missing = ["acc_rate", "avg_daily_trips", "driver_config", "driver_metadata", "driver_profile"]
    assert f"missing_expected_columns: {missing}" in str(raised.value)
    assert "extra_unexpected_columns: ['incorrect_schema']" in str(raised.value)


def test_writing_consecutively_to_the_offline_store(environment: Environment, data: Universe) -> None:
    assert asked(environment, 3, 4).to_df()[["conv_rate", "acc_rate", "avg_daily_trips"]].isna().all(axis=None)
    environment.store.write_to_offline_store("driver_stats", driver_rows(3, 4), allow_registry_cache=False)
    assert asked(environment, 3, 4).to_df()["avg_daily_trips"].tolist() == [13, 14]
    environment.store.write_to_offline_store("driver_stats", driver_rows(5, 6), allow_registry_cache=False)
    found = asked(environment, 6, 3, 5, 4).to_df()
    assert found["avg_daily_trips"].tolist() == [16, 13, 15, 14]
    assert found["conv_rate"].tolist() == [0.75, 0.375, 0.625, 0.5]


def test_rows_written_are_found_without_label_rows(environment: Environment, data: Universe) -> None:
    environment.store.write_to_offline_store("driver_stats", driver_rows(1, 2, 3), allow_registry_cache=False)
    found = environment.store.get_historical_features(
        features=RATES[:2], start_date=LATER, end_date=LATER + timedelta(hours=4)
    ).to_df()
    assert found["driver_id"].tolist() == [1001] * 3
    assert found["event_timestamp"].tolist() == [LATER + timedelta(hours=h) for h in (1, 2, 3)]
    assert found["conv_rate"].tolist() == [0.125, 0.25, 0.375]


def test_push_features_and_read(environment: Environment, data: Universe) -> None:
    labels = pd.DataFrame({"location_id": [1, 2], "event_timestamp": [LATER, LATER]})
    refs = ["pushable_location_stats:temperature"]
    assert environment.store.get_historical_features(labels, refs).to_df()["temperature"].isna().all()
    pushed = pd.DataFrame({"event_timestamp": [LATER], "location_id": [1], "temperature": [4], "created": [LATER]})
    environment.store.push("location_stats_push_source", pushed, to=PushMode.OFFLINE)
    found = environment.store.get_historical_features(labels, refs).to_arrow()["temperature"].to_pylist()
    assert found == [4, None]


@pytest.mark.filterwarnings("ignore:Saving dataset is an experimental feature")
def test_persist_does_not_overwrite(environment: Environment, data: Universe) -> None:
    labels = data.labels[["customer_id", "driver_id", "event_timestamp"]]
    job = environment.store.get_historical_features(labels, ["customer_profile:current_balance"])
    taken = DeltaStorage.from_data_source(environment.store.get_feature_view("customer_profile").batch_source)
    before = environment.rows("customers")
    with pytest.raises(SavedDatasetLocationAlreadyExists):
        environment.store.create_saved_dataset(job, "taken", taken)
    assert environment.rows("customers") == before


@pytest.mark.parametrize("as_folder", [True, False])
def test_feature_service_logging(environment: Environment, data: Universe, tmp_path: Path, as_folder: bool) -> None:
    """Two batches of logs, as a table or a folder of Parquet, come back whole for the time that they are of."""
    service = FeatureService(
        name="logged",
        features=[data.views["driver"][["conv_rate", "avg_daily_trips"]], data.views["on_demand"]],
        logging_config=LoggingConfig(destination=DeltaLoggingDestination(path="logs/logged")),
    )
    environment.store.apply([service])
    schema = FeatureServiceLoggingSource(feature_service=service, project=environment.store.project).get_schema(
        environment.store.registry
    )
    batches = [logs(schema, first) for first in (0, 5)]
    for i, batch in enumerate(batches):
        given: pa.Table | Path = batch
        if as_folder:
            given = tmp_path / f"batch{i}"
            pq.write_to_dataset(batch, root_path=given)
        environment.store.write_logged_features(source=service, logs=given)
    job = environment.store._get_provider().retrieve_feature_service_logs(
        feature_service=service,
        start_date=START,
        end_date=START + timedelta(minutes=8),
        config=environment.store.config,
        registry=environment.store.registry,
    )
    found = job.to_arrow().sort_by(REQUEST_ID_FIELD)
    assert found[REQUEST_ID_FIELD].to_pylist() == [f"request-{i}" for i in range(9)]
    wanted = pa.concat_tables(batches).slice(0, 9)
    for name in set(schema.names) - {LOG_DATE_FIELD, LOG_TIMESTAMP_FIELD}:
        if not pa.types.is_timestamp(schema.field(name).type):
            assert found[name].to_pylist() == wanted[name].to_pylist(), name


def logs(schema: pa.Schema, first: int) -> pa.Table:
    """Five log rows, a minute apart, with a value of every column."""

    def value(field: pa.Field, i: int) -> object:
        if field.name == REQUEST_ID_FIELD:
            return f"request-{i}"
        if field.name == LOG_DATE_FIELD:
            return START.date()
        if pa.types.is_timestamp(field.type):
            return START + timedelta(minutes=i)
        return float(i) if pa.types.is_floating(field.type) else str(i) if pa.types.is_string(field.type) else i

    rows = range(first, first + 5)
    return pa.table({f.name: pa.array([value(f, i) for i in rows], f.type) for f in schema}, schema=schema)
