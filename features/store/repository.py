"""Opens, fills and reads the Feast store of a lake. Feast is imported when it is first needed: that takes seconds."""

import io
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from features.online.backend import EMBEDDED, connect
from features.online.reading import NAMESPACE, OnlineReader, PackedRows, online_url
from features.store.services import SERVICES, join_key, served, views_of
from features.tables import VIEWS
from infra.errors import UsageError
from infra.lake import Lake

if TYPE_CHECKING:
    import pandas as pd
    from feast import FeatureStore

    from features.online.state import Materialised
    from features.store.lake_store import LakeStore

PROJECT = NAMESPACE


def open_store(
    lake: Lake,
    *,
    known_only: bool = True,
    versions: Mapping[str, int] | None = None,
    as_known_at: datetime | None = None,
    engine: Literal["local", "spark"] = "local",
    online: str = EMBEDDED,
) -> "LakeStore":
    """The lake's Feast store: registry under `feast/`, features from the gold tables, and the online store.

    known_only: False looks ahead, on purpose. versions: Delta version to read, by view (default: the newest).
    as_known_at: what was known then, whatever the label. engine: what joins (`features.offline.engines`).
    online: where the online rows lie; see `Settings.online_store`.
    """
    # Feast sends nothing home in this version; older and newer ones must not either.
    os.environ.setdefault("FEAST_USAGE", "False")
    # Said at each use of the days since a treatment, to people who cannot change it.
    warnings.filterwarnings("ignore", "On demand feature view is an experimental feature", RuntimeWarning)
    from feast import RepoConfig

    from features.store.lake_store import LakeStore

    folder = lake.folder("feast")
    return LakeStore(
        config=RepoConfig(
            project=PROJECT,
            provider="local",
            registry=str(folder / "registry.db"),
            online_store={"type": "features.online.store.OncolakeOnlineStore", "url": online_url(lake, online)},
            offline_store={
                "type": "features.offline.store.OncolakeOfflineStore",
                "root": lake.root,
                "known_only": known_only,
                "versions": dict(versions or {}),
                "as_known_at": as_known_at,
                "engine": engine,
            },
            # Without it a materialisation through Feast pulls every row ever written.
            materialization={"pull_latest_features": True, "online_write_batch_size": 10_000},
            # A label time without a zone is refused, not guessed to be UTC.
            coerce_tz_aware=False,
            entity_key_serialization_version=3,
        )
    )


def apply(lake: Lake, *, online: str = EMBEDDED) -> list[str]:
    """Registers every entity, feature view and service; returns the names of the services.

    Writes `feast/feature_store.yaml` too, so that Feast's own commands (`feast serve`, `feast ui`) work on the lake.
    """
    from features.store.definitions import objects
    from features.store.feast_folder import write_folder

    with redirect_stdout(io.StringIO()):
        open_store(lake, online=online).apply(objects())
    write_folder(lake, online)
    return list(SERVICES)


def materialize(
    lake: Lake,
    end: datetime | None = None,
    *,
    online: str = EMBEDDED,
    whole: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> "dict[str, Materialised]":
    """Brings the online store to what could be known of each entity at `end` (default: now): only what changed.

    Views whose table is not built are left out. whole: looks at every row, whatever was done before.
    progress: called with view, entities done and entities to do. Returns what is online of each view.
    Raises UsageError where `end` lies in the future, MachineError where the online store does not answer.
    """
    import deltalake

    from features.store.materialisation import materialise_view
    from infra import delta
    from infra.locks import writing

    end = end or datetime.now(UTC)
    done = {}
    # Two at once would each take out what the other puts.
    with writing(lake, "online store"):
        backend = connect(online_url(lake, online), NAMESPACE)
        try:
            rows = PackedRows(backend)
            for name, view in VIEWS.items():
                version = delta.version(lake.gold(name))
                if version is None:
                    continue
                content = delta.content_version(lake.gold(name), version)
                done[name] = materialise_view(
                    rows,
                    view,
                    deltalake.DeltaTable(lake.gold(name), version=version),
                    version if content is None else content,
                    end,
                    whole=whole,
                    reached=None if progress is None else _named(progress, name),
                )
        finally:
            backend.close()
    return done


def get_online(
    lake: Lake,
    service: str,
    entity_rows: Sequence[Mapping[str, str]],
    *,
    now: datetime | None = None,
    online: str = EMBEDDED,
) -> "pd.DataFrame":
    """Features of a service from the online store: one row for each of `entity_rows`, in their order.

    A value whose event is older than its view's time-to-live at `now` (default: the clock) is null, as it would be in
    training. Columns: the entity's key, then features named `<view>__<feature>`, numbers and flags as float64.
    Raises UsageError on an unknown service, on rows without the entity's key, and where nothing is materialised.
    Where features are asked for again and again, keep an `OnlineReader` open.
    """
    import pandas as pd

    from features.frames import plain_types

    key = join_key(service)
    if any(key not in row for row in entity_rows):
        raise UsageError(f"The entity rows have no column {key}; the service {service} is keyed by it.")
    entities = [row[key] for row in entity_rows]
    with OnlineReader.open(lake, online) as reader:
        columns = reader.get(service, entities, now=now)
    features = served(service)
    return plain_types(pd.DataFrame({key: entities} | {name: columns[name] for name in features}), features)


def registered(store: "FeatureStore", service: str) -> object:
    """The service as registered. Raises UsageError where it is unknown, or not applied yet."""
    from feast.errors import FeatureServiceNotFoundException

    views_of(service)
    try:
        return store.get_feature_service(service)
    except FeatureServiceNotFoundException as error:
        raise UsageError(
            f"The feature service {service} is not registered; run `oncolake features apply` first."
        ) from error


def _named(progress: Callable[[str, int, int], None], view: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(view, done, total)
