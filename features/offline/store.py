"""Feast's offline store over Delta. Two engines stand behind it (`features.offline.engines`) and keep the same
promises.

Where Feast's own stores differ, this one is right: one output row for each label row in the label order, whatever is
duplicated, null or too old; knowledge time on by default; keys compared as keys, not as joined text.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from feast.data_source import DataSource
from feast.feature_logging import LoggingConfig, LoggingSource
from feast.feature_view import FeatureView
from feast.infra.offline_stores.offline_store import OfflineStore, RetrievalJob
from feast.infra.registry.base_registry import BaseRegistry
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import FeastConfigBaseModel, RepoConfig
from feast.utils import compute_non_entity_date_range
from pydantic import StrictBool, StrictInt, StrictStr

from features.offline.engines import engine_for
from features.offline.requests import Retrieval, as_known_at, delta_source, pull_request, sources_of, view_requests
from features.offline.writing import append_logs, append_rows


class OncolakeOfflineStoreConfig(FeastConfigBaseModel):  # type: ignore[misc]
    """root: the lake, which relative paths of sources start from.

    engine: `local` reads and joins in this process without a JVM; `spark` returns Spark frames. known_only: whether a
    row counts only from its known time on. as_known_at: with a time, what was known then (a row known later does not
    count, whatever the label). versions: Delta version to read, by source name; a source that is not named is read at
    its newest version.
    """

    type: StrictStr = "features.offline.store.OncolakeOfflineStore"
    engine: Literal["local", "spark"] = "local"
    root: StrictStr | None = None
    known_only: StrictBool = True
    as_known_at: datetime | None = None
    versions: dict[StrictStr, StrictInt] = {}  # noqa: RUF012  (pydantic copies defaults)


class OncolakeOfflineStore(OfflineStore):  # type: ignore[misc]
    """The store that Feast finds by its name (`offline_store.type`); see the module's text for what it promises."""

    supports_filter_by_created_timestamp = True

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: Any,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        filter_by_created_timestamp: bool = False,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """Point-in-time features: one row for each row of `entity_df`, in its order.

        Without `entity_df`, every instant from `start_date` to `end_date` at which a key's known facts change is a
        label row; without `start_date`, the longest time-to-live (or 30 days) before `end_date`, as in Feast's stores.
        Knowledge time is on unless the configuration says `known_only: false`; `filter_by_created_timestamp` turns it
        on for one call. Raises UsageError on label rows without key or time column or with times that have no zone,
        and on a view whose table is not built.
        """
        sources = (
            sources_of(registry.list_feature_views(project, allow_cache=True)) if isinstance(entity_df, str) else {}
        )
        span = None if entity_df is not None else compute_non_entity_date_range(feature_views, start_date, end_date)
        return engine_for(config).historical(
            Retrieval(
                config=config,
                views=view_requests(config, feature_views, feature_refs, full_feature_names),
                entity_df=entity_df,
                span=span,
                known_only=config.offline_store.known_only or filter_by_created_timestamp,
                as_known_at=as_known_at(config),
                feature_refs=tuple(feature_refs),
                full_feature_names=full_feature_names,
                on_demand=tuple(OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)),
                sources=sources,
            )
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
    ) -> RetrievalJob:
        """The row of each key that may be used at `end_date`, of those with an event since `start_date`."""
        times = (timestamp_field, created_timestamp_column)
        asked = pull_request(config, data_source, join_key_columns, feature_name_columns, times, (start_date, end_date))
        return engine_for(config).latest(asked)

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
    ) -> RetrievalJob:
        """Every row with an event from `start_date` to `end_date` that was known by `end_date`."""
        times = (timestamp_field, created_timestamp_column)
        asked = pull_request(config, data_source, join_key_columns, feature_name_columns, times, (start_date, end_date))
        return engine_for(config).everything(asked)

    @staticmethod
    def offline_write_batch(
        config: RepoConfig, feature_view: FeatureView, table: pa.Table, progress: Callable[[int], Any] | None
    ) -> None:
        """Appends rows to a view's table: see `features.offline.writing.append_rows`."""
        append_rows(config, delta_source(feature_view.batch_source), table, progress)

    @staticmethod
    def write_logged_features(
        config: RepoConfig,
        data: pa.Table | Path,
        source: LoggingSource,
        logging_config: LoggingConfig,
        registry: BaseRegistry,
    ) -> None:
        """Appends logs of served features: see `features.offline.writing.append_logs`."""
        append_logs(config, data, logging_config.destination)
