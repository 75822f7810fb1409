"""A Feast repository over Delta tables, with either engine; and Feast's universal data set in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import deltalake
import pandas as pd
import pyarrow as pa
from feast import Entity, FeatureStore, FeatureView, Field
from feast.data_source import PushSource, RequestSource
from feast.driver_test_data import (
    create_customer_daily_profile_df,
    create_driver_hourly_stats_df,
    create_field_mapping_df,
    create_global_daily_stats_df,
    create_location_stats_df,
    create_orders_df,
)
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import RegistryConfig, RepoConfig
from feast.stream_feature_view import StreamFeatureView
from feast.transformation.pandas_transformation import PandasTransformation
from feast.types import FeastType, Float32, Float64, Int32, Int64, Json, Map, String, Struct

from features.offline.delta_source import DeltaSource, DeltaStorage
from features.offline.store import OncolakeOfflineStoreConfig

END = datetime(2026, 3, 4)
START = END - timedelta(days=3)


@dataclass
class Environment:
    """One repository. Feast looks ahead by default (`created` only breaks ties), so knowledge time is off here."""

    folder: Path
    engine: str
    store: FeatureStore

    @classmethod
    def make(cls, folder: Path, engine: str, **options: object) -> "Environment":
        config = RepoConfig(
            project="conformance",
            provider="local",
            registry=RegistryConfig(path=str(folder / "registry.db"), cache_ttl_seconds=1),
            online_store={"type": "sqlite", "path": str(folder / "online.db")},
            offline_store=OncolakeOfflineStoreConfig(
                **{"engine": engine, "root": str(folder), "known_only": False, **options}
            ),
            entity_key_serialization_version=3,
        )
        return cls(folder, engine, FeatureStore(config=config))

    def source(
        self,
        frame: pd.DataFrame,
        name: str,
        *,
        created: str | None = "created",
        timestamp_field: str = "event_timestamp",
        field_mapping: Mapping[str, str] | None = None,
        types: Mapping[str, pa.DataType] | None = None,
    ) -> DeltaSource:
        """Writes the frame as a Delta table; times without a zone are UTC, as everywhere in Feast."""
        table = pa.Table.from_pandas(_zoned(frame), preserve_index=False)
        for column, kind in (types or {}).items():
            values = [list(v.items()) if pa.types.is_map(kind) else v for v in frame[column]]
            table = table.set_column(table.column_names.index(column), column, pa.array(values, kind))
        deltalake.write_deltalake(self.folder / "gold" / name, table, mode="overwrite", schema_mode="overwrite")
        return DeltaSource(
            path=f"gold/{name}",
            name=name,
            timestamp_field=timestamp_field,
            created_timestamp_column=created or "",
            field_mapping=dict(field_mapping or {}),
        )

    def storage(self, name: str = "saved") -> DeltaStorage:
        return DeltaStorage(f"saved/{name}")

    def rows(self, name: str) -> int:
        return int(deltalake.DeltaTable(self.folder / "gold" / name).to_pyarrow_table().num_rows)


def _zoned(frame: pd.DataFrame) -> pd.DataFrame:
    times = [c for c in frame.columns if pd.api.types.is_datetime64_any_dtype(frame[c])]
    return frame.assign(**{c: pd.to_datetime(frame[c], utc=True) for c in times})


DRIVER = Entity(name="driver", join_keys=["driver_id"])
CUSTOMER = Entity(name="customer_id")
LOCATION = Entity(name="location_id")
PROFILE = {"name": String, "age": String}


def plus_100(frame: pd.DataFrame) -> pd.DataFrame:
    out = pd.DataFrame()
    out["conv_rate_plus_100"] = frame["conv_rate"] + 100
    out["conv_rate_plus_val_to_add"] = frame["conv_rate"] + frame["val_to_add"]
    out["conv_rate_plus_100_rounded"] = out["conv_rate_plus_100"].astype("float").round().astype(pd.Int32Dtype())
    return out


@dataclass(frozen=True)
class Universe:
    """Feast's universal data: the frames, and the views over them."""

    frames: Mapping[str, pd.DataFrame]
    views: Mapping[str, Any]

    @property
    def labels(self) -> pd.DataFrame:
        columns = ["customer_id", "driver_id", "order_id", "origin_id", "destination_id", "event_timestamp"]
        return self.frames["orders"][columns].reset_index(drop=True)

    def objects(self) -> list[Any]:
        return [DRIVER, CUSTOMER, LOCATION, *self.views.values()]


def universe(env: Environment, ttl: Callable[[timedelta], timedelta] = lambda ttl: ttl) -> Universe:
    """The data written, and views over it. ttl: changes the time-to-live of every view."""
    customers, drivers, locations = list(range(1001, 1020)), list(range(5001, 5020)), list(range(1, 50))
    frames = {
        "customers": create_customer_daily_profile_df(customers, START, END),
        "drivers": create_driver_hourly_stats_df(drivers, START, END),
        "locations": create_location_stats_df(locations, START, END),
        "orders": create_orders_df(customers, drivers, START, END, order_count=20, locations=locations),
        "rides": create_global_daily_stats_df(START, END),
        "mapped": create_field_mapping_df(START, END),
    }
    # The same row twice, to the last value, is no longer there: which one was chosen could not be told.
    orders = frames["orders"].assign(event_timestamp=pd.to_datetime(frames["orders"]["event_timestamp"], utc=True))
    sources = {
        name: env.source(frame, name, created="created" if "created" in frame else None,
                         field_mapping={"column_name": "feature_name"} if name == "mapped" else None,
                         types=DRIVER_TYPES if name == "drivers" else None)
        for name, frame in (frames | {"orders": orders}).items()
    }  # fmt: skip

    def view(name: str, entities: list[Entity], source: str, hours: int, **schema: FeastType) -> FeatureView:
        return FeatureView(
            name=name,
            entities=entities,
            schema=[Field(name=n, dtype=t) for n, t in schema.items()],
            source=sources[source],
            ttl=ttl(timedelta(hours=hours)),
        )

    driver = view("driver_stats", [DRIVER], "drivers", 2, conv_rate=Float32, acc_rate=Float32, avg_daily_trips=Int32,
                  driver_id=Int64, driver_metadata=Map, driver_config=Json, driver_profile=Struct(PROFILE))  # fmt: skip
    pushed = StreamFeatureView(
        name="pushable_location_stats",
        entities=[LOCATION],
        schema=[Field(name="temperature", dtype=Int32), Field(name="location_id", dtype=Int64)],
        ttl=timedelta(days=2),
        source=PushSource(name="location_stats_push_source", batch_source=sources["locations"]),
    )
    on_demand = OnDemandFeatureView(
        name="conv_rate_plus_100",
        sources=[
            driver[["conv_rate"]],
            RequestSource(name="conv_rate_input", schema=[Field(name="val_to_add", dtype=Int32)]),
        ],
        schema=[
            Field(name="conv_rate_plus_100", dtype=Float64),
            Field(name="conv_rate_plus_val_to_add", dtype=Float64),
            Field(name="conv_rate_plus_100_rounded", dtype=Int32),
        ],
        feature_transformation=PandasTransformation(udf=plus_100, udf_string="plus_100"),
        mode="pandas",
    )
    views = {
        "customer": view("customer_profile", [CUSTOMER], "customers", 48, current_balance=Float32,
                         avg_passenger_count=Float32, lifetime_trip_count=Int32),
        "global": view("global_stats", [], "rides", 48, num_rides=Int32, avg_ride_length=Float32),
        "driver": driver,
        "on_demand": on_demand,
        "order": view("order", [CUSTOMER, DRIVER], "orders", 48, order_is_success=Int32, driver_id=Int64),
        "location": view("location_stats", [LOCATION], "locations", 48, temperature=Int32, location_id=Int64),
        "mapped": view("field_mapping", [], "mapped", 48, feature_name=Int32),
        "pushed": pushed,
    }  # fmt: skip
    return Universe(frames, views)


DRIVER_TYPES = {
    "driver_metadata": pa.map_(pa.string(), pa.string()),
    "driver_profile": pa.struct([("name", pa.string()), ("age", pa.string())]),
}
