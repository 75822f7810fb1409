"""Feast's cases of `test_universal_historical_retrieval.py` and `test_non_entity_mode.py`, with both engines."""

from datetime import datetime, timedelta

import pandas as pd
import pytest
from feast import FeatureService, FeatureStore, FeatureView, Field
from feast.errors import FeatureNameCollisionError, RequestDataNotFoundInEntityDfException
from feast.types import Float32, Int32, Int64

from infra.errors import UsageError
from tests.conformance.environment import DRIVER, Environment, Universe, plus_100, universe

pytestmark = pytest.mark.slow

Shared = tuple[Environment, Universe]
PLAIN = [
    "customer_profile:current_balance",
    "customer_profile:avg_passenger_count",
    "customer_profile:lifetime_trip_count",
    "order:order_is_success",
    "global_stats:num_rides",
    "global_stats:avg_ride_length",
    "field_mapping:feature_name",
]
WITH_ON_DEMAND = [
    "driver_stats:conv_rate",
    "driver_stats:avg_daily_trips",
    *PLAIN,
    "conv_rate_plus_100:conv_rate_plus_100",
    "conv_rate_plus_100:conv_rate_plus_100_rounded",
    "conv_rate_plus_100:conv_rate_plus_val_to_add",
]
# view: the frame that it reads, its keys, and columns by feature where they are named otherwise.
READS = {
    "customer_profile": ("customers", ["customer_id"]),
    "driver_stats": ("drivers", ["driver_id"]),
    "order": ("orders", ["customer_id", "driver_id"]),
    "global_stats": ("rides", []),
    "field_mapping": ("mapped", []),
}
SHORT = timedelta(hours=2)
LONG = timedelta(days=2)


def expected(data: Universe, labels: pd.DataFrame, refs: list[str], full: bool, *, ttl: bool = True) -> pd.DataFrame:
    """The labels with each feature's value at the latest event up to the label's time, found by trying every row."""
    out = labels.copy()
    for ref in refs:
        view, feature = ref.split(":")
        frame_name, keys = READS[view]
        frame = data.frames[frame_name]
        events = pd.to_datetime(frame["event_timestamp"], utc=True)
        column = "column_name" if feature == "feature_name" else feature
        limit = SHORT if view == "driver_stats" else LONG
        values = []
        for _, label in labels.iterrows():
            at = pd.Timestamp(label["event_timestamp"]).tz_convert("UTC")
            possible = events <= at
            if ttl:
                possible &= events >= at - limit
            for key in keys:
                possible &= frame[key] == label[key]
            values.append(frame.loc[events[possible].idxmax(), column] if possible.any() else None)
        out[f"{view}__{feature}" if full else feature] = values
    return out


def agree(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """The same columns and rows in the same order; types may differ, as they do among Feast's stores."""
    assert sorted(found.columns) == sorted(wanted.columns)
    assert len(found) == len(wanted)
    for name in wanted.columns:
        ours, theirs = found[name], wanted[name]
        if name == "event_timestamp":
            ours, theirs = (pd.to_datetime(c, utc=True).astype("datetime64[us, UTC]") for c in (ours, theirs))
            assert ours.tolist() == theirs.tolist()
        else:
            assert ours.isna().tolist() == theirs.isna().tolist(), name
            assert ours.dropna().astype(float).tolist() == pytest.approx(theirs.dropna().astype(float).tolist()), name


@pytest.mark.parametrize("full", [True, False])
def test_historical_features_main(shared: Shared, full: bool) -> None:
    env, data = shared
    labels = data.labels.assign(val_to_add=range(20), driver_age=range(100, 120))
    job = env.store.get_historical_features(labels, WITH_ON_DEMAND, full_feature_names=full)
    wanted = expected(data, labels, WITH_ON_DEMAND[: 2 + len(PLAIN)], full)
    rate = "driver_stats__conv_rate" if full else "conv_rate"
    computed = plus_100(pd.DataFrame({"conv_rate": wanted[rate].astype(float), "val_to_add": labels["val_to_add"]}))
    for name in computed.columns:
        wanted[f"conv_rate_plus_100__{name}" if full else name] = computed[name]
    agree(job.to_df(), wanted)
    agree(job.to_arrow().to_pandas(), wanted)
    assert wanted[rate].notna().any()


def test_a_service_with_views_under_other_names_and_keys(shared: Shared) -> None:
    env, data = shared
    location = env.store.get_feature_view("location_stats")
    service = FeatureService(
        name="entity_mapping",
        features=[
            location.with_name("origin").with_join_key_map({"location_id": "origin_id"}),
            location.with_name("destination").with_join_key_map({"location_id": "destination_id"}),
        ],
    )
    env.store.apply([service])
    found = env.store.get_historical_features(data.labels, service, full_feature_names=True).to_df()
    wanted = data.labels.copy()
    places = data.frames["locations"]
    for name in ("origin", "destination"):
        values = []
        for _, label in wanted.iterrows():
            at = pd.Timestamp(label["event_timestamp"])
            mine = places[(places["location_id"] == label[f"{name}_id"]) & (places["event_timestamp"] <= at)]
            mine = mine[mine["event_timestamp"] >= at - LONG].sort_values("event_timestamp")
            values.append(mine["temperature"].iloc[-1] if len(mine) else None)
        wanted[f"{name}__temperature"] = values
    agree(found, wanted)
    with pytest.raises(FeatureNameCollisionError):
        env.store.get_historical_features(data.labels, service, full_feature_names=False)


def test_a_feature_of_another_view_of_the_same_source_is_refused(engine: str, shared: Shared) -> None:
    env, data = shared
    one = FeatureView(
        name="driver_stats_v1",
        entities=[DRIVER],
        schema=[Field(name="avg_daily_trips", dtype=Int32)],
        source=env.store.get_feature_view("driver_stats").batch_source,
    )
    two = FeatureView(
        name="driver_stats_v2",
        entities=[DRIVER],
        schema=[Field(name="avg_daily_trips", dtype=Int32), Field(name="conv_rate", dtype=Float32)],
        source=one.batch_source,
    )
    env.store.apply([one, two])
    with pytest.raises((KeyError, UsageError), match="conv_rate"):
        env.store.get_historical_features(data.labels, ["driver_stats_v1:conv_rate"]).to_df()


def test_historical_features_with_missing_request_data(shared: Shared) -> None:
    env, data = shared
    with pytest.raises(RequestDataNotFoundInEntityDfException):
        env.store.get_historical_features(data.labels, WITH_ON_DEMAND, full_feature_names=True)


@pytest.mark.parametrize("full", [True, False])
def test_historical_features_with_entities_from_query(shared: Shared, full: bool) -> None:
    env, data = shared
    query = (
        "SELECT customer_id, driver_id, event_timestamp FROM `order` WHERE order_is_success >= 0 "
        "ORDER BY event_timestamp DESC"
    )
    if env.engine == "local":
        query = query.replace("`", '"')
    job = env.store.get_historical_features(query, PLAIN, full_feature_names=full)
    labels = data.labels[["customer_id", "driver_id", "event_timestamp"]]
    times = pd.to_datetime(labels["event_timestamp"], utc=True)
    labels = labels.assign(event_timestamp=times).sort_values("event_timestamp", ascending=False)
    agree(job.to_df(), expected(data, labels.reset_index(drop=True), PLAIN, full))


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.filterwarnings("ignore:Saving dataset is an experimental feature")
@pytest.mark.filterwarnings("ignore:Retrieving datasets is an experimental feature")
def test_historical_features_persisting(shared: Shared, full: bool) -> None:
    env, data = shared
    labels = data.labels[["customer_id", "driver_id", "event_timestamp"]]
    job = env.store.get_historical_features(labels, PLAIN, full_feature_names=full)
    saved = env.store.create_saved_dataset(
        job, f"saved_{full}", env.storage(f"saved_{full}"), tags={"env": "test"}, allow_overwrite=True
    )
    order = ["event_timestamp", "driver_id", "customer_id"]
    back = saved.to_df().sort_values(order).reset_index(drop=True)
    agree(back, job.to_df().sort_values(order).reset_index(drop=True))
    times = pd.to_datetime(labels["event_timestamp"], utc=True)
    wanted = expected(data, labels.assign(event_timestamp=times), PLAIN, full)
    agree(back, wanted.sort_values(order).reset_index(drop=True))


def test_historical_features_with_no_ttl(environment: Environment) -> None:
    data = universe(environment, ttl=lambda ttl: timedelta(0))
    environment.store.apply(data.objects())
    labels = data.labels[["customer_id", "driver_id", "event_timestamp"]]
    found = environment.store.get_historical_features(labels, PLAIN).to_df()
    agree(found, expected(data, labels, PLAIN, False, ttl=False))


NOW = datetime(2026, 3, 1)
TOMORROW, DAY_AFTER = NOW + timedelta(days=1), NOW + timedelta(days=2)


def trips(env: Environment, *rows: tuple[int, int, datetime, datetime], key: str = "driver_id") -> FeatureStore:
    """A repository with one view of (driver, trips, event, created)."""
    frame = pd.DataFrame(rows, columns=[key, "avg_daily_trips", "event_timestamp", "created"])
    mapping = {} if key == "driver_id" else {key: "driver_id"}
    view = FeatureView(
        name="trips",
        entities=[DRIVER],
        schema=[Field(name="driver_id", dtype=Int64), Field(name="avg_daily_trips", dtype=Int32)],
        source=env.source(frame, "trips", field_mapping=mapping),
    )
    env.store.apply([DRIVER, view])
    return env.store


def ask(store: FeatureStore, at: datetime, **options: object) -> list[int]:
    labels = pd.DataFrame({"driver_id": [1002, 1001], "event_timestamp": [at, at]})
    values: list[int] = (
        store.get_historical_features(labels, ["trips:avg_daily_trips"], **options).to_df()["avg_daily_trips"].tolist()
    )
    return values


def test_historical_features_containing_backfills(environment: Environment) -> None:
    store = trips(
        environment,
        (1001, 10, NOW, NOW),
        (1001, 20, NOW, TOMORROW),
        (1002, 30, NOW, TOMORROW),
        (1002, 40, TOMORROW, NOW),
    )
    assert ask(store, DAY_AFTER) == [40, 20]


def test_historical_features_field_mapping(environment: Environment) -> None:
    store = trips(environment, (1001, 20, NOW, TOMORROW), (1002, 40, TOMORROW, NOW), key="id")
    assert ask(store, DAY_AFTER) == [40, 20]


def test_historical_features_filter_by_created_timestamp(environment: Environment) -> None:
    store = trips(
        environment,
        (1001, 10, NOW, NOW),
        (1002, 30, NOW, NOW),
        (1001, 20, NOW, DAY_AFTER),
        (1002, 40, NOW, DAY_AFTER),
    )
    assert ask(store, TOMORROW) == [40, 20]
    assert ask(store, TOMORROW, filter_by_created_timestamp=True) == [30, 10]


def test_historical_features_non_entity_retrieval(environment: Environment) -> None:
    rows = [(1001, 10 * (i + 1), NOW + timedelta(days=i), NOW + timedelta(days=i)) for i in range(3)]
    rows += [(1002, 100 * (i + 1), NOW + timedelta(days=i), NOW + timedelta(days=i)) for i in range(3)]
    store = trips(environment, *rows)
    found = store.get_historical_features(
        features=["trips:avg_daily_trips"],
        start_date=NOW + timedelta(hours=1),
        end_date=DAY_AFTER + timedelta(hours=1),
    ).to_df()
    assert found["driver_id"].tolist() == [1001, 1001, 1002, 1002]
    assert found["avg_daily_trips"].tolist() == [20, 30, 200, 300]
    assert found["event_timestamp"].tolist() == [pd.Timestamp(t, tz="UTC") for t in (TOMORROW, DAY_AFTER) * 2]


@pytest.mark.parametrize("full", [True, False])
def test_odfv_projection(shared: Shared, full: bool) -> None:
    env, data = shared
    labels = data.labels.assign(val_to_add=range(20))
    for features in (["conv_rate_plus_100"], ["conv_rate_plus_100", "conv_rate_plus_val_to_add"]):
        refs = [f"conv_rate_plus_100:{f}" for f in features]
        found = env.store.get_historical_features(labels, refs, full_feature_names=full).to_df()
        prefix = "conv_rate_plus_100__" if full else ""
        assert {c for c in found.columns if "plus" in c} == {f"{prefix}{f}" for f in features}
