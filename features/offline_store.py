"""Feast's offline store over Delta, local engine: delta-rs reads, `features.asof` joins. No JVM, no download.

Where Feast's own stores differ, this one is right: one output row for each label row in the label order, whatever is
duplicated, null or too old; knowledge time on by default; keys compared as keys, not as joined text.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import deltalake
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from feast.data_source import DataSource
from feast.feature_view import FeatureView
from feast.infra.offline_stores.offline_store import OfflineStore, RetrievalMetadata
from feast.infra.registry.base_registry import BaseRegistry
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import FeastConfigBaseModel, RepoConfig
from pydantic import StrictBool, StrictInt, StrictStr

from features.asof import as_of_rows, latest_rows
from features.delta_source import DeltaSource, read_columns
from features.retrieval_job import DeltaRetrievalJob, Result
from infra.errors import UsageError

LABEL_TIME = "event_timestamp"


class OncolakeOfflineStoreConfig(FeastConfigBaseModel):  # type: ignore[misc]
    """root: the lake, which relative paths of sources start from.

    known_only: whether a row counts only from its known time on. versions: Delta version to read, by source name;
    a source that is not named is read at its newest version.
    """

    type: StrictStr = "features.offline_store.OncolakeOfflineStore"
    root: StrictStr | None = None
    known_only: StrictBool = True
    versions: dict[StrictStr, StrictInt] = {}  # noqa: RUF012  (pydantic copies defaults)


@dataclass(frozen=True)
class _Request:
    """What is asked of one feature view: columns as the Delta table names them."""

    source: DeltaSource
    table: deltalake.DeltaTable
    keys: list[str]
    label_keys: list[str]
    columns: list[str]
    output_names: list[str]
    ttl: timedelta | None

    def join(self, labels: pa.Table, label_time: str, known_only: bool) -> tuple[pa.Table, pa.Array]:
        """(features in label order, ids of the files used)."""
        event, known = self.source.timestamp_field, self.source.created_timestamp_column or None
        lineage = [self.source.lineage_column] if self.source.lineage_column else []
        history = read_columns(
            self.table,
            [*self.keys, event, *([known] if known else []), *self.columns, *lineage],
            _could_matter(labels[label_time], event, known if known_only else None, self.ttl),
        )
        rows = as_of_rows(
            labels,
            history,
            keys=self.keys,
            label_keys=self.label_keys,
            label_time=label_time,
            event_time=event,
            known_time=known,
            ttl=self.ttl,
            known_only=known_only,
        )
        features = history.select(self.columns).take(rows).rename_columns(self.output_names)
        if not lineage:
            return features, pa.array([], pa.string())
        used = history[lineage[0]].take(pc.unique(pc.drop_null(rows))).combine_chunks()
        return features, pc.unique(pc.list_flatten(used))


class OncolakeOfflineStore(OfflineStore):  # type: ignore[misc]
    """The store that Feast finds by its name (`offline_store.type`); see the module's text for what it promises."""

    supports_filter_by_created_timestamp = True

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | pa.Table | str | None,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        filter_by_created_timestamp: bool = False,
        **options: Any,
    ) -> DeltaRetrievalJob:
        """Point-in-time features: one row for each row of `entity_df`, in its order.

        Knowledge time is on unless the configuration says `known_only: false`; `filter_by_created_timestamp` turns it
        on for one call. Raises UsageError on a label frame that is SQL text, has no key or time column, or whose
        times have no zone; and on a view whose table is not built.
        """
        labels = _label_table(entity_df)
        label_time = _label_time(labels)
        known_only = config.offline_store.known_only or filter_by_created_timestamp
        requests = [_request(config, view, feature_refs, labels, full_feature_names) for view in feature_views]

        def run() -> Result:
            table, files = labels, set[str]()
            for request in requests:
                features, used = request.join(labels, label_time, known_only)
                files.update(used.to_pylist())
                for name in features.column_names:
                    if name in table.column_names:
                        raise UsageError(f"The label rows have a column {name}, which is the name of a feature too.")
                    table = table.append_column(name, features[name])
            return Result(table, tuple(sorted(files)))

        bounds = pc.min_max(labels[label_time]).as_py()
        return DeltaRetrievalJob(
            run=run,
            table_versions={r.source.name: r.table.version() for r in requests},
            config=config,
            full_feature_names=full_feature_names,
            on_demand_feature_views=OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry),
            metadata=RetrievalMetadata(
                features=feature_refs,
                keys=[name for name in labels.column_names if name != label_time],
                min_event_timestamp=bounds["min"],
                max_event_timestamp=bounds["max"],
            ),
        )

    @staticmethod
    def pull_latest_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> DeltaRetrievalJob:
        """The row of each key that may be used at `end_date`, of those with an event since `start_date`."""
        known = created_timestamp_column or None
        known_only = bool(known) and config.offline_store.known_only

        def latest(history: pa.Table) -> pa.Table:
            return latest_rows(
                history,
                keys=join_key_columns,
                event_time=timestamp_field,
                known_time=known,
                at=pa.scalar(_utc(end_date), pa.timestamp("us", tz="UTC")),
                known_only=known_only,
            )

        return _pull(
            config,
            data_source,
            columns=[*join_key_columns, *feature_name_columns],
            event=timestamp_field,
            known=known,
            start=start_date,
            end=end_date,
            choose=latest,
        )

    @staticmethod
    def pull_all_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> DeltaRetrievalJob:
        """Every row with an event from `start_date` to `end_date` that was known by `end_date`."""
        return _pull(
            config,
            data_source,
            columns=[*join_key_columns, *feature_name_columns],
            event=timestamp_field,
            known=created_timestamp_column or None,
            start=start_date,
            end=end_date,
            choose=lambda history: history,
        )


def _pull(
    config: RepoConfig,
    source: DataSource,
    *,
    columns: list[str],
    event: str,
    known: str | None,
    start: datetime | None,
    end: datetime | None,
    choose: Callable[[pa.Table], pa.Table],
) -> DeltaRetrievalJob:
    table = _open(config, source)
    limits = []
    if start is not None:
        limits.append(pc.field(event) >= _instant(_utc(start)))
    if end is not None:
        limits.append(pc.field(event) <= _instant(_utc(end)))
        if known and config.offline_store.known_only:
            limits.append(pc.field(known) <= _instant(_utc(end)))

    def run() -> Result:
        where = None
        for limit in limits:
            where = limit if where is None else where & limit
        times = [event, known] if known else [event]
        return Result(choose(read_columns(table, [*columns, *times], where)), ())

    return DeltaRetrievalJob(run=run, table_versions={source.name: table.version()}, config=config)


def _request(
    config: RepoConfig, view: FeatureView, feature_refs: list[str], labels: pa.Table, full_feature_names: bool
) -> _Request:
    source = view.batch_source
    table = _open(config, source)
    column_of = {feature: column for column, feature in source.field_mapping.items()}
    asked = view.projection.name_to_use()
    features = [ref.split(":", 1)[1] for ref in feature_refs if ref.split(":", 1)[0] == asked]
    mapping = view.projection.join_key_map
    keys = [column.name for column in view.entity_columns]
    label_keys = [mapping.get(key, key) for key in keys]
    missing = [key for key in label_keys if key not in labels.column_names]
    if missing:
        raise UsageError(f"The label rows have no column {missing[0]}, which feature view {view.name} is keyed by.")
    prefix = f"{view.projection.name_alias or view.name}__" if full_feature_names else ""
    return _Request(
        source=source,
        table=table,
        keys=[column_of.get(key, key) for key in keys],
        label_keys=label_keys,
        columns=[column_of.get(feature, feature) for feature in features],
        output_names=[f"{prefix}{feature}" for feature in features],
        ttl=view.ttl or None,
    )


def _open(config: RepoConfig, source: DataSource) -> deltalake.DeltaTable:
    if not isinstance(source, DeltaSource):
        raise UsageError(f"The source {source.name} is a {type(source).__name__}; this store reads a DeltaSource.")
    return source.open(config, config.offline_store.versions.get(source.name))


def _label_table(entity_df: pd.DataFrame | pa.Table | str | None) -> pa.Table:
    if isinstance(entity_df, pa.Table):
        return entity_df
    if isinstance(entity_df, pd.DataFrame):
        try:
            return pa.Table.from_pandas(entity_df, preserve_index=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise UsageError("A column of the label rows mixes types; expected one type in each column.") from error
    given = "SQL text" if isinstance(entity_df, str) else "nothing" if entity_df is None else type(entity_df).__name__
    raise UsageError(f"The label rows are {given}; this store takes them as a pandas frame or an Arrow table.")


def _label_time(labels: pa.Table) -> str:
    """The column of label times: event_timestamp, or the only column of timestamps."""
    if LABEL_TIME in labels.column_names:
        return LABEL_TIME
    times: list[str] = [f.name for f in labels.schema if pa.types.is_timestamp(f.type)]
    if len(times) != 1:
        raise UsageError(f"The label rows have no column {LABEL_TIME}, and {len(times)} other columns of timestamps.")
    return times[0]


def _could_matter(times: pa.ChunkedArray, event: str, known: str | None, ttl: timedelta | None) -> Any:
    """A filter that drops rows no label could use, so that their files and row groups are not even read."""
    bounds = pc.min_max(pc.cast(times, pa.timestamp("us", tz=times.type.tz), safe=False)) if _zoned(times) else None
    if bounds is None or not bounds["max"].is_valid:
        return None
    # Cutting nanoseconds off rounds towards 1970; a microsecond more on either side loses nothing.
    slack = timedelta(microseconds=1)
    latest = _instant(bounds["max"].as_py().astimezone(UTC) + slack)
    where = pc.field(event) <= latest
    if known is not None:
        where = where & (pc.field(known) <= latest)
    if ttl is not None:
        where = where & (pc.field(event) >= _instant(bounds["min"].as_py().astimezone(UTC) - ttl - slack))
    return where


def _zoned(times: pa.ChunkedArray) -> bool:
    return pa.types.is_timestamp(times.type) and times.type.tz is not None


def _instant(at: datetime) -> pa.Scalar:
    return pa.scalar(at, pa.timestamp("us", tz="UTC"))


def _utc(at: datetime) -> datetime:
    """Feast hands over times without a zone in places; it means UTC by them."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
