"""What the Spark engine hands back: a retrieval that stays in Spark, or is collected as Arrow, with its provenance."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from features.offline.retrieval_job import DeltaJob
from features.spark.labels import NUMBER
from infra import delta
from infra.errors import UsageError
from infra.lake import Lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

FILES = "__files"


@dataclass(frozen=True)
class _Collected:
    """Rows in the order asked for, and the source files of every feature row that was used, sorted."""

    table: pa.Table
    file_ids: tuple[str, ...]


class SparkRetrievalJob(DeltaJob):
    """A retrieval that Spark runs when its result is asked for; the table versions are pinned before.

    frame: the result, with a column NUMBER that has the order of the rows and FILES with the source files of each.
    shared: what `DeltaJob` takes. narrow: the same with NUMBER, the features and FILES alone, for label rows that lie
    in this process: `labels`.
    """

    def __init__(
        self,
        *,
        frame: Callable[[], "DataFrame"],
        labels: pa.Table | None = None,
        narrow: Callable[[], "DataFrame"] | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self._frame = frame
        self._labels = labels
        self._narrow = narrow or frame

    @cached_property
    def _result(self) -> _Collected:
        frame = self._narrow()
        if FILES not in frame.columns:
            return _Collected(self._in_order(frame.toArrow()), ())
        # Both questions are answered by one run of the join.
        frame = frame.persist()
        try:
            return _Collected(self._in_order(frame.drop(FILES).toArrow()), _files(frame))
        finally:
            frame.unpersist()

    def _in_order(self, collected: pa.Table) -> pa.Table:
        if NUMBER in collected.column_names:
            collected = collected.take(pc.sort_indices(collected[NUMBER])).drop_columns([NUMBER])
        if self._labels is None:
            return collected
        table = self._labels
        for name in collected.column_names:
            table = table.append_column(name, collected[name])
        return table

    @cached_property
    def file_ids(self) -> tuple[str, ...]:
        """The source files of every feature row that was used, sorted."""
        if "_result" in self.__dict__:
            return self._result.file_ids
        frame = self._narrow()
        return _files(frame) if FILES in frame.columns else ()

    def to_spark_df(self) -> "DataFrame":
        """The result as a Spark frame in label order; nothing of it passes through the driver.

        Raises UsageError where on-demand features are asked for: Feast computes those in Python on the driver.
        """
        if self._on_demand_feature_views:
            raise UsageError(
                f"The on-demand feature view {self._on_demand_feature_views[0].name} is computed by Feast outside "
                "Spark; use to_df or to_arrow, or leave its features out."
            )
        frame = self._frame()
        if NUMBER in frame.columns:
            frame = frame.orderBy(NUMBER)
        return frame.drop(NUMBER, FILES)

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        return self._result.table

    def _write(self, lake: Lake, path: str) -> None:
        """From Spark, so that a dataset never passes through the driver."""
        frame = self._frame()
        if self._on_demand_feature_views:
            frame = frame.sparkSession.createDataFrame(self.to_arrow())
        delta.overwrite(lake, frame.drop(NUMBER, FILES), path)


def _files(frame: "DataFrame") -> tuple[str, ...]:
    from pyspark.sql import functions as F

    rows = frame.select(F.explode(FILES).alias("file")).distinct().toArrow()
    return tuple(sorted(rows["file"].drop_null().to_pylist()))
