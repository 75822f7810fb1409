"""What the offline store hands back: a retrieval that runs when it is asked for, with its provenance."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import deltalake
import pandas as pd
import pyarrow as pa
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import RepoConfig
from feast.saved_dataset import SavedDatasetStorage

from features.delta_source import DeltaStorage
from infra.errors import UsageError


@dataclass(frozen=True)
class Result:
    """Rows in the order asked for, and the source files of every feature row that was used, sorted."""

    table: pa.Table
    file_ids: tuple[str, ...]


class DeltaRetrievalJob(RetrievalJob):  # type: ignore[misc]
    """A retrieval that runs once, when its result is first asked for; the table versions are pinned before."""

    def __init__(
        self,
        *,
        run: Callable[[], Result],
        table_versions: dict[str, int],
        config: RepoConfig,
        full_feature_names: bool = False,
        on_demand_feature_views: Sequence[OnDemandFeatureView] = (),
        metadata: RetrievalMetadata | None = None,
    ) -> None:
        self._run = run
        self.table_versions = table_versions
        self._config = config
        self._full_feature_names = full_feature_names
        self._on_demand_feature_views = list(on_demand_feature_views)
        self._metadata = metadata

    @cached_property
    def _result(self) -> Result:
        return self._run()

    @property
    def file_ids(self) -> tuple[str, ...]:
        """The source files of every feature row that was used, sorted."""
        return self._result.file_ids

    @property
    def full_feature_names(self) -> bool:
        return self._full_feature_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        return self._on_demand_feature_views

    @property
    def metadata(self) -> RetrievalMetadata | None:
        return self._metadata

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        frame: pd.DataFrame = self._to_arrow_internal(timeout).to_pandas()
        return frame

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        return self._result.table

    def persist(self, storage: SavedDatasetStorage, allow_overwrite: bool = False, timeout: int | None = None) -> None:
        """Writes the result as a Delta table. Raises UsageError on any other storage."""
        if not isinstance(storage, DeltaStorage):
            raise UsageError(f"A dataset is saved to a DeltaStorage here; {type(storage).__name__} was given.")
        path = storage.to_data_source().location(self._config)
        if not allow_overwrite and deltalake.DeltaTable.is_deltatable(path):
            raise SavedDatasetLocationAlreadyExists(location=Path(path).name)
        deltalake.write_deltalake(path, self.to_arrow(), mode="overwrite", schema_mode="overwrite")
