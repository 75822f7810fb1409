"""What the offline store hands back: a retrieval that runs when it is asked for, with its provenance."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import deltalake
import pandas as pd
import pyarrow as pa
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import RepoConfig
from feast.saved_dataset import SavedDatasetStorage

from features.offline.delta_source import DeltaStorage, lake_of
from features.view import LABEL_TIME
from infra.errors import UsageError
from infra.lake import Lake
from infra.locks import writing


@dataclass(frozen=True)
class Result:
    """table: rows in the order asked for. files: gives the source files of every feature row that was used, sorted."""

    table: pa.Table
    files: Callable[[], tuple[str, ...]]


class DeltaJob(RetrievalJob):  # type: ignore[misc]
    """What retrievals and pulls of both engines share: pinned versions, and a dataset saved as a Delta table."""

    def __init__(
        self,
        *,
        table_versions: dict[str, int],
        config: RepoConfig,
        full_feature_names: bool = False,
        on_demand_feature_views: Sequence[OnDemandFeatureView] = (),
        metadata: RetrievalMetadata | None = None,
    ) -> None:
        self.table_versions = table_versions
        self._config = config
        self._full_feature_names = full_feature_names
        self._on_demand_feature_views = list(on_demand_feature_views)
        self._metadata = metadata

    @property
    def full_feature_names(self) -> bool:
        return self._full_feature_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        return self._on_demand_feature_views

    @property
    def metadata(self) -> RetrievalMetadata | None:
        return self._metadata

    def to_arrow_batches(self) -> Iterator[pa.RecordBatch]:
        """The result in record batches."""
        yield from self.to_reader()

    def to_reader(self) -> pa.RecordBatchReader:
        """The result as a stream of record batches."""
        return self.to_arrow().to_reader()

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        frame: pd.DataFrame = self._to_arrow_internal(timeout).to_pandas()
        return frame

    def persist(self, storage: SavedDatasetStorage, allow_overwrite: bool = False, timeout: int | None = None) -> None:
        """Writes the result as a Delta table. Raises UsageError on any other storage."""
        if not isinstance(storage, DeltaStorage):
            raise UsageError(f"A dataset is saved to a DeltaStorage here; {type(storage).__name__} was given.")
        path = storage.to_data_source().location(self._config)
        if not allow_overwrite and deltalake.DeltaTable.is_deltatable(path):
            raise SavedDatasetLocationAlreadyExists(location=Path(path).name)
        self._write(lake_of(self._config, path), path)

    def _write(self, lake: Lake, path: str) -> None:
        with writing(lake, path):
            deltalake.write_deltalake(path, self.to_reader(), mode="overwrite", schema_mode="overwrite")


class DeltaRetrievalJob(DeltaJob):
    """A retrieval that runs once, when its result is first asked for; the table versions are pinned before.

    shared: what `DeltaJob` takes. label_time: the label rows' column of times. label_frame: the label rows as a pandas
    frame with the index 0, 1, ..., if they came as one: `to_df` hands its columns back as they were.
    """

    def __init__(
        self,
        *,
        run: Callable[[], Result],
        label_time: str,
        label_frame: pd.DataFrame | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self._run = run
        self._label_time = label_time
        self._label_frame = label_frame

    @cached_property
    def _result(self) -> Result:
        return self._run()

    @cached_property
    def file_ids(self) -> tuple[str, ...]:
        """The source files of every feature row that was used, sorted. Read when first asked for."""
        return self._result.files()

    def to_df(self, validation_reference: Any = None, timeout: int | None = None) -> pd.DataFrame:
        """The result as a pandas frame, on-demand features included. Arguments: as Feast's."""
        table = self.to_arrow(validation_reference=validation_reference, timeout=timeout)
        if self._label_frame is None:
            frame: pd.DataFrame = table.to_pandas()
            return frame
        features = table.select(table.column_names[self._label_frame.shape[1] :]).to_pandas()
        whole: pd.DataFrame = pd.concat([self._label_frame, features], axis="columns")
        return whole

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        return self._result.table

    def persist(self, storage: SavedDatasetStorage, allow_overwrite: bool = False, timeout: int | None = None) -> None:
        """Writes the result as a Delta table. Raises UsageError on any other storage, and on another time column than
        the one by which Feast reads a saved dataset.
        """
        if self._label_time != LABEL_TIME:
            raise UsageError(
                f"The label times are in column {self._label_time}; Feast reads a saved dataset by {LABEL_TIME}: "
                "rename the column of the label rows."
            )
        super().persist(storage, allow_overwrite, timeout)


class DeltaPullJob(DeltaJob):
    """Rows of one table, read anew each time they are asked for, so that a stream of them is never held whole."""

    def __init__(
        self, *, read: Callable[[], pa.RecordBatchReader], table_versions: dict[str, int], config: RepoConfig
    ) -> None:
        super().__init__(table_versions=table_versions, config=config)
        self._read = read

    @property
    def file_ids(self) -> tuple[str, ...]:
        """A pull keeps no account of files."""
        return ()

    def to_reader(self) -> pa.RecordBatchReader:
        return self._read()

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        return self._read().read_all()
