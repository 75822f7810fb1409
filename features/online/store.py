"""Feast's online store over our packed rows: what `feast serve`, pushes and `get_online_features` go through.

Where Feast's own stores differ, this one is right: a correction of the same event replaces what it corrects (Feast's
Redis store drops it), event times keep their microseconds, a row past its view's time-to-live or not known yet is not
found, and an older row never replaces a newer one.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from feast import Entity, FeatureView
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.online_store import OnlineStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import DoubleList, Int64List, StringList
from feast.protos.feast.types.Value_pb2 import Value as ValueProto
from feast.repo_config import FeastConfigBaseModel, RepoConfig
from feast.type_map import NULL_TIMESTAMP_INT_VALUE
from feast.value_type import ValueType
from pydantic import StrictStr

from features.instants import from_microseconds, to_microseconds
from features.online.backend import Backend, connect
from features.online.reading import PackedRows, may_be_used, state_note, ttl_microseconds
from features.online.rows import Packing, Value, stamped, times_of
from features.store.definitions import FEAST_TYPES
from infra.errors import UsageError
from infra.table import ColumnType

Rows = list[tuple[EntityKey, dict[str, ValueProto], datetime, datetime | None]]


class OncolakeOnlineStoreConfig(FeastConfigBaseModel):  # type: ignore[misc]
    """url: sqlite:<path> (from the folder of feature_store.yaml where it is relative), redis:// or postgresql://."""

    type: StrictStr = "features.online.store.OncolakeOnlineStore"
    url: StrictStr = "sqlite:online.db"


class OncolakeOnlineStore(OnlineStore):  # type: ignore[misc]
    """The store that Feast finds by its name (`online_store.type`); see the module's text for what it promises."""

    def __init__(self) -> None:
        self._open: PackedRows | None = None
        self._packings: dict[str, tuple[object, Packing]] = {}

    def online_write_batch(
        self, config: RepoConfig, table: FeatureView, data: Rows, progress: Callable[[int], Any] | None
    ) -> None:
        """Writes rows that may be used by now and are no older than what is there; of two for one entity, the later.

        Raises UsageError on features of a type that the store does not hold.
        """
        rows = self._rows(config)
        packing = self._packing(table)
        rows.declare(packing)
        now = to_microseconds(datetime.now(UTC))
        latest: dict[bytes, tuple[int, int, dict[str, ValueProto]]] = {}
        for entity, values, event_time, created in data:
            event = to_microseconds(_utc(event_time))
            known = event if created is None else to_microseconds(_utc(created))
            key = serialize_entity_key(entity, entity_key_serialization_version=3)
            if max(event, known) <= now and (key not in latest or (event, known) >= latest[key][:2]):
                latest[key] = (event, known, values)
        there = rows.backend.read(list(latest), [table.name]) if latest else {}
        written = []
        for key, (event, known, values) in latest.items():
            before = there.get((key, table.name))
            if before is None or times_of(before[0]) <= (event, known):
                body = packing.pack([_plain(values.get(name)) for name in packing.names])
                written.append((key, stamped(event, known, packing.fingerprint, body), body))
        rows.backend.write(table.name, written)
        if progress is not None:
            progress(len(data))

    def online_read(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[tuple[datetime | None, dict[str, ValueProto] | None]]:
        """(event time, features) of each entity; no features where nothing could be known now, or it is too old."""
        rows = self._rows(config)
        packing = self._packing(table)
        wanted = set(packing.names if requested_features is None else requested_features)
        keys = [serialize_entity_key(entity, entity_key_serialization_version=3) for entity in entity_keys]
        found = rows.backend.read(list(dict.fromkeys(keys)), [table.name])
        now, ttl = to_microseconds(datetime.now(UTC)), ttl_microseconds(table.ttl)
        answers: list[tuple[datetime | None, dict[str, ValueProto] | None]] = []
        for key in keys:
            packed = found.get((key, table.name))
            if packed is None or not may_be_used(packed[0], now, ttl):
                answers.append((None, None))
                continue
            values = rows.unpack(*packed, packing)
            features = {
                name: _proto(value, kind)
                for (name, kind), value in zip(packing.features, values, strict=True)
                if name in wanted
            }
            answers.append((from_microseconds(times_of(packed[0])[0]), features))
        return answers

    def update(
        self,
        config: RepoConfig,
        tables_to_delete: Sequence[FeatureView],
        tables_to_keep: Sequence[FeatureView],
        entities_to_delete: Sequence[Entity],
        entities_to_keep: Sequence[Entity],
        partial: bool,
    ) -> None:
        """Takes away the rows of views that are no longer registered. Raises UsageError on types it does not hold."""
        for view in tables_to_keep:
            self._packing(view)
        self._drop(self._rows(config).backend, tables_to_delete)

    def teardown(self, config: RepoConfig, tables: Sequence[FeatureView], entities: Sequence[Entity]) -> None:
        """Takes away the rows of these views."""
        self._drop(self._rows(config).backend, tables)

    @staticmethod
    def _drop(backend: Backend, views: Sequence[FeatureView]) -> None:
        for view in views:
            # The state first: rows that are half gone are not taken for materialised.
            backend.put_note(state_note(view.name), "")
            backend.drop(view.name)

    def _rows(self, config: RepoConfig) -> PackedRows:
        if self._open is None:
            url = config.online_store.url
            path = url.removeprefix("sqlite:")
            if path != url and config.repo_path is not None and not Path(path).is_absolute():
                url = f"sqlite:{Path(config.repo_path) / path}"
            self._open = PackedRows(connect(url, config.project))
        return self._open

    def _packing(self, view: FeatureView) -> Packing:
        kept = self._packings.get(view.name)
        if kept is None or kept[0] is not view.features:
            kept = (view.features, Packing([(f.name, _kind(f.name, f.dtype)) for f in view.features]))
            self._packings[view.name] = kept
        return kept[1]


_KINDS: dict[ValueType, ColumnType] = {feast_type.to_value_type(): kind for kind, feast_type in FEAST_TYPES.items()}
_FIELDS: dict[ColumnType, str] = {
    "double": "double_val", "int": "int32_val", "bigint": "int64_val", "boolean": "bool_val", "string": "string_val",
}  # fmt: skip


def _kind(name: str, feast_type: Any) -> ColumnType:
    kind = _KINDS.get(feast_type.to_value_type())
    if kind is None:
        raise UsageError(f"The feature {name} is of Feast's type {feast_type}, which the online store does not hold.")
    return kind


def _proto(value: Value, kind: ColumnType) -> ValueProto:
    if value is None:
        return ValueProto()
    if isinstance(value, datetime):
        return ValueProto(unix_timestamp_val=to_microseconds(value) // 1_000_000)
    if isinstance(value, list):
        # Feast's lists hold no null.
        if kind == "array<double>":
            numbers = [float("nan") if v is None else float(v) for v in cast(list[float | None], value)]
            return ValueProto(double_list_val=DoubleList(val=numbers))
        if kind == "array<timestamp>":
            times = cast(list[datetime | None], value)
            seconds = [NULL_TIMESTAMP_INT_VALUE if t is None else to_microseconds(t) // 1_000_000 for t in times]
            return ValueProto(unix_timestamp_list_val=Int64List(val=seconds))
        return ValueProto(string_list_val=StringList(val=["" if v is None else str(v) for v in value]))
    field: dict[str, Any] = {_FIELDS[kind]: value}
    return ValueProto(**field)


def _plain(value: ValueProto | None) -> Value:
    field = None if value is None else value.WhichOneof("val")
    if field is None or value is None:
        return None
    if field == "unix_timestamp_val":
        return from_microseconds(value.unix_timestamp_val * 1_000_000)
    if field == "unix_timestamp_list_val":
        times: list[datetime | None] = [
            None if seconds == NULL_TIMESTAMP_INT_VALUE else from_microseconds(seconds * 1_000_000)
            for seconds in value.unix_timestamp_list_val.val
        ]
        return times
    plain: Value = list(getattr(value, field).val) if field.endswith("_list_val") else getattr(value, field)
    return plain


def _utc(at: datetime) -> datetime:
    """Feast hands over times without a zone in places; it means UTC by them."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
