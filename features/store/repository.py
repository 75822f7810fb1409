"""Opens, fills and reads the Feast store of a lake. Feast is imported when it is first needed: that takes seconds."""

import io
import os
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import pandas as pd

from features.frames import plain_types
from features.store.services import SERVICES, served
from features.tables import VIEWS
from infra.errors import UsageError
from infra.lake import Lake

if TYPE_CHECKING:
    from feast import FeatureStore

    from features.store.lake_store import LakeStore

PROJECT = "oncolake"
BEGINNING = datetime(1800, 1, 1, tzinfo=UTC)
"""Before any event, even where an archive has shifted its years."""


def open_store(
    lake: Lake,
    *,
    known_only: bool = True,
    versions: Mapping[str, int] | None = None,
    as_known_at: datetime | None = None,
    engine: Literal["local", "spark"] = "local",
) -> "LakeStore":
    """The lake's Feast store: registry and SQLite online store under `feast/`, features from the gold tables.

    known_only: False looks ahead, on purpose. versions: Delta version to read, by view (default: the newest).
    as_known_at: what was known then, whatever the label. engine: what joins (`features.engines`).
    """
    # Feast sends nothing home in this version; older and newer ones must not either.
    os.environ.setdefault("FEAST_USAGE", "False")
    from feast import RepoConfig

    from features.store.lake_store import LakeStore

    folder = lake.folder("feast")
    return LakeStore(
        config=RepoConfig(
            project=PROJECT,
            provider="local",
            registry=str(folder / "registry.db"),
            online_store={"type": "sqlite", "path": str(folder / "online.db")},
            offline_store={
                "type": "features.offline_store.OncolakeOfflineStore",
                "root": lake.root,
                "known_only": known_only,
                "versions": dict(versions or {}),
                "as_known_at": as_known_at,
                "engine": engine,
            },
            # Without it a materialisation pulls every row ever written.
            materialization={"pull_latest_features": True, "online_write_batch_size": 10_000},
            # A label time without a zone is refused, not guessed to be UTC.
            coerce_tz_aware=False,
            entity_key_serialization_version=3,
        )
    )


def apply(lake: Lake) -> list[str]:
    """Registers every entity, feature view and service; returns the names of the services."""
    from features.store.definitions import objects

    with redirect_stdout(io.StringIO()):
        open_store(lake).apply(objects())
    return list(SERVICES)


def materialize(lake: Lake, end: datetime | None = None) -> dict[str, int]:
    """Writes what could be known at `end` (default: now) of each entity to the online store.

    Views whose table is not built are left out. Returns the Delta version of each view that was materialised.
    """
    end = end or datetime.now(UTC)
    from infra import delta

    versions = {name: v for name in VIEWS if (v := delta.version(lake.gold(name))) is not None}
    if versions:
        store = open_store(lake, versions=versions)
        with redirect_stdout(io.StringIO()):
            store.materialize(start_date=BEGINNING, end_date=end, feature_views=list(versions))
    return versions


def get_online(
    lake: Lake, service: str, entity_rows: Sequence[Mapping[str, str]], *, now: datetime | None = None
) -> pd.DataFrame:
    """Features of a service from the online store: one row for each of `entity_rows`, in their order.

    A value whose event is older than its view's time-to-live at `now` (default: the clock) is null, as it would be in
    training. Columns: the entity's key, then features named `<view>__<feature>`, numbers and flags as float64.
    Raises UsageError on an unknown service.
    """
    store = open_store(lake)
    response = store.get_online_features(
        features=registered(store, service), entity_rows=[dict(row) for row in entity_rows], full_feature_names=True
    )
    frame = response.to_df(include_event_timestamps=True)
    at = (now or datetime.now(UTC)).timestamp()
    features = served(service)
    for name in features:
        ttl = VIEWS[name.split("__", 1)[0]].ttl
        if ttl is not None:
            fresh = frame[f"{name}__ts"] >= at - ttl.total_seconds()
            frame[name] = frame[name].where(fresh, None)
    keys = sorted({VIEWS[view].join_key for view in SERVICES[service]})
    return plain_types(frame[[*keys, *features]], features)


def registered(store: "FeatureStore", service: str) -> object:
    """The service as registered. Raises UsageError where it is unknown, or not applied yet."""
    from feast.errors import FeatureServiceNotFoundException

    if service not in SERVICES:
        raise UsageError(f"There is no feature service {service}; the services are {', '.join(SERVICES)}.")
    try:
        return store.get_feature_service(service)
    except FeatureServiceNotFoundException as error:
        raise UsageError(
            f"The feature service {service} is not registered; run `oncolake features apply` first."
        ) from error
