"""What is asked of the offline store, said once for both engines: which columns of which table version, at which keys.

Made from Feast's arguments before anything is read; the versions are pinned here. Columns are named as the Delta table
names them, outputs as the caller asked for them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import deltalake
from feast.data_source import DataSource
from feast.feature_view import DUMMY_ENTITY_ID, FeatureView
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import RepoConfig

from features.offline.delta_source import DeltaSource
from infra.errors import UsageError


@dataclass(frozen=True)
class ViewRequest:
    """What is asked of one feature view.

    view: its name, for messages. table: the Delta table, opened at `version`. keys: its key columns, and label_keys:
    the label column that each is compared with. columns: the feature columns, and output_names: what each is called in
    the result. ttl: how long after its event a row may be used; None: without end.
    """

    view: str
    source: DeltaSource
    location: str
    version: int
    keys: tuple[str, ...]
    label_keys: tuple[str, ...]
    columns: tuple[str, ...]
    output_names: tuple[str, ...]
    ttl: timedelta | None
    table: deltalake.DeltaTable = field(compare=False, repr=False)

    @property
    def event_time(self) -> str:
        return str(self.source.timestamp_field)

    @property
    def known_time(self) -> str | None:
        return self.source.created_timestamp_column or None

    @property
    def lineage(self) -> str | None:
        """Column (array<string>) with the source files of a row."""
        return self.source.lineage_column or None


@dataclass(frozen=True)
class Retrieval:
    """A point-in-time retrieval: one output row for each label row, in label order.

    entity_df: label rows as the caller gave them; None where `span` (first and last instant) is asked instead: then
        every instant of the span at which a key's known facts change is a label row (`features.offline.labels`).
    known_only: a row counts only from its known time on. as_known_at: and only if it was known by this instant,
        whatever the label; None: no such limit. With known_only off, it is the only limit on the known time.
    sources: the tables that a label SELECT may name, by feature view; empty where entity_df is no text.
    """

    config: RepoConfig
    views: tuple[ViewRequest, ...]
    entity_df: Any
    span: tuple[datetime, datetime] | None
    known_only: bool
    as_known_at: datetime | None
    feature_refs: tuple[str, ...]
    full_feature_names: bool
    on_demand: tuple[OnDemandFeatureView, ...]
    sources: Mapping[str, DeltaSource] = field(default_factory=dict)

    @property
    def table_versions(self) -> dict[str, int]:
        return {view.source.name: view.version for view in self.views}

    @property
    def label_keys(self) -> list[str]:
        """The key columns of label rows, each once, in the order in which the views ask for them."""
        return list(dict.fromkeys(key for view in self.views for key in view.label_keys))

    def asked_span(self) -> tuple[datetime, datetime]:
        """First and last instant, where there are no label rows. Raises UsageError where these are not asked for, or
        the first comes last.
        """
        if self.span is None:
            raise UsageError("There are no label rows; pass some, or start_date and end_date.")
        first, last = self.span
        if first > last:
            raise UsageError(f"The span begins {first:%Y-%m-%d} and ends {last:%Y-%m-%d}; expected start_date first.")
        return first, last


@dataclass(frozen=True)
class Pull:
    """Rows of one table with an event from `start` to `end` (None: no bound), known by `end` where known_only.

    without_keys: the table's rows are of no entity; Feast wants its stand-in for a key beside them.
    """

    config: RepoConfig
    source: DeltaSource
    location: str
    version: int
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    event_time: str
    known_time: str | None
    start: datetime | None
    end: datetime | None
    known_only: bool
    as_known_at: datetime | None
    table: deltalake.DeltaTable = field(compare=False, repr=False)

    @property
    def without_keys(self) -> bool:
        return not self.keys


def view_requests(
    config: RepoConfig, views: Sequence[FeatureView], feature_refs: Sequence[str], full_feature_names: bool
) -> tuple[ViewRequest, ...]:
    """One request for each view, its table pinned at a version.

    Raises UsageError on a table that is not built, a version that is gone, a feature that the view has not, a column
    that the table has not, and a source of another kind.
    """
    return tuple(_view_request(config, view, feature_refs, full_feature_names) for view in views)


def pull_request(
    config: RepoConfig,
    source: DataSource,
    keys: Sequence[str],
    columns: Sequence[str],
    times: tuple[str, str | None],
    span: tuple[datetime | None, datetime | None],
) -> Pull:
    """A pull of one table, pinned at a version. Raises UsageError as `view_requests` does.

    columns: none asks for all, which a view that is transformed needs. times: the columns of event and known time.
    span: from when to when events count.
    """
    table = _open(config, source)
    event_time, known_time = times[0], times[1] or None
    start, end = (None if at is None else utc(at) for at in span)
    keys = [key for key in keys if key != DUMMY_ENTITY_ID]
    apart = {*keys, event_time, known_time}
    columns = columns or [f.name for f in table.schema().fields if f.name not in apart]
    given = [*keys, *columns, event_time, *([known_time] if known_time else [])]
    _require_columns(table, given, source.name)
    return Pull(
        config=config,
        source=source,
        location=source.location(config),
        version=table.version(),
        keys=tuple(keys),
        columns=tuple(columns),
        event_time=event_time,
        known_time=known_time,
        start=start,
        end=end,
        known_only=bool(known_time) and config.offline_store.known_only,
        as_known_at=as_known_at(config),
        table=table,
    )


def delta_source(source: DataSource) -> DeltaSource:
    """The source, if it is one that this store reads. Raises UsageError on another kind."""
    if not isinstance(source, DeltaSource):
        raise UsageError(f"The source {source.name} is a {type(source).__name__}; this store reads a DeltaSource.")
    return source


def sources_of(views: Iterable[FeatureView]) -> dict[str, DeltaSource]:
    """The Delta sources of feature views, by view."""
    return {view.name: view.batch_source for view in views if isinstance(view.batch_source, DeltaSource)}


def as_known_at(config: RepoConfig) -> datetime | None:
    """The instant of `offline_store.as_known_at`, in UTC. Raises UsageError on one without a time zone."""
    at: datetime | None = config.offline_store.as_known_at
    if at is None:
        return None
    if at.tzinfo is None:
        raise UsageError("as_known_at has no time zone; give it one, such as UTC.")
    return at.astimezone(UTC)


def check_label_columns(columns: Iterable[str], views: Sequence[ViewRequest]) -> None:
    """Raises UsageError where label rows lack a key of a view, or have a column with the name of a feature."""
    have = set(columns)
    for view in views:
        missing = [key for key in view.label_keys if key not in have]
        if missing:
            raise UsageError(
                f"The label rows have no column {missing[0]}, which feature view {view.view} is keyed by; add it."
            )
    for view in views:
        for name in view.output_names:
            if name in have:
                raise UsageError(
                    f"The column {name} of the label rows has the name of a feature too; rename it, or ask for full "
                    "feature names."
                )
            have.add(name)


def check_known_times(asked: Retrieval) -> None:
    """Raises UsageError where known time counts and a view has none."""
    for view in asked.views:
        if view.known_time is None and (asked.known_only or asked.as_known_at is not None):
            raise UsageError(
                f"The feature view {view.view} has no column of known time; give its source a "
                "created_timestamp_column, or ask with known_only=False and without as_known_at."
            )


def utc(at: datetime) -> datetime:
    """Feast hands over times without a zone in places; it means UTC by them."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _view_request(
    config: RepoConfig, view: FeatureView, feature_refs: Sequence[str], full_feature_names: bool
) -> ViewRequest:
    source = view.batch_source
    table = _open(config, source)
    column_of = {feature: column for column, feature in source.field_mapping.items()}
    asked = view.projection.name_to_use()
    # A reference is view:feature or view@version:feature; a feature asked twice comes once.
    features = list(
        dict.fromkeys(ref.split(":", 1)[1] for ref in feature_refs if ref.split(":", 1)[0] in {asked, view.name})
    )
    unknown = sorted(set(features) - {f.name for f in view.features})
    if unknown:
        raise UsageError(f"The feature view {view.name} has no feature {unknown[0]}; `oncolake features list` has all.")
    mapping = view.projection.join_key_map
    # A view without an entity has a stand-in for one, which no table has: all its rows are of one key.
    keys = [column.name for column in view.entity_columns if column.name != DUMMY_ENTITY_ID]
    prefix = f"{view.projection.name_alias or view.name}__" if full_feature_names else ""
    request = ViewRequest(
        view=view.name,
        source=source,
        location=source.location(config),
        version=table.version(),
        keys=tuple(column_of.get(key, key) for key in keys),
        label_keys=tuple(mapping.get(key, key) for key in keys),
        columns=tuple(column_of.get(feature, feature) for feature in features),
        output_names=tuple(f"{prefix}{feature}" for feature in features),
        ttl=view.ttl or None,
        table=table,
    )
    optional = [name for name in (request.known_time, request.lineage) if name]
    _require_columns(table, [*request.keys, request.event_time, *optional, *request.columns], view.name)
    return request


def _open(config: RepoConfig, source: DataSource) -> deltalake.DeltaTable:
    return delta_source(source).open(config, config.offline_store.versions.get(source.name))


def _require_columns(table: deltalake.DeltaTable, names: Sequence[str], view: str) -> None:
    missing = sorted(set(names) - {f.name for f in table.schema().fields})
    if missing:
        raise UsageError(
            f"The table of feature view {view} has no column {missing[0]}; run `oncolake features build` to make it."
        )
