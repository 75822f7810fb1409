"""Builds the gold tables from silver, and leaves alone what would not change."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import deltalake

from features.tables import VIEWS
from features.view import GoldView, definitions_hash
from infra import delta
from infra.errors import UsageError
from infra.lake import Lake
from infra.tables import TABLES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ENGINE = 1
"""Raised when the building code changes values without a change of a definition's name: forces a rebuild."""


@dataclass(frozen=True)
class BuiltView:
    """One gold table after `build_gold`: its Delta version and rows, and whether this call wrote it."""

    version: int
    rows: int
    is_new: bool


def build_gold(
    session: "Callable[[], SparkSession]",
    lake: Lake,
    views: Iterable[str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, BuiltView]:
    """Brings gold tables up to date with silver, and returns each by name.

    Each commit records the silver versions that it read and the view's definition; a view whose record would be the
    same is skipped, so that a second call writes neither files nor versions. A silver table that does not exist
    counts as empty.

    session: gives the Spark session; called only where a view is to be built. views: names (default: all).
    progress: called with the name of each view when it is done. Raises UsageError on a name that is no view.
    """

    def built(view: GoldView) -> BuiltView:
        # Versions are pinned before reading: what is recorded is what was read.
        versions = {name: delta.version(lake.silver(name)) for name in view.inputs}
        # Compacted silver has another version and the same rows: nothing to build anew.
        content = {name: delta.content_version(lake.silver(name), version) for name, version in versions.items()}
        record = json.dumps(
            {"silver": content, "definition": definitions_hash([view]), "engine": ENGINE}, sort_keys=True
        )
        path = lake.gold(view.name)
        is_new = not delta.exists(path) or delta.commit_metadata(path) != record
        if is_new:
            spark = session()
            silver = {name: _silver(spark, lake, name, version) for name, version in versions.items()}
            delta.overwrite(lake, gold_rows(view, silver), path, metadata=record)
        table = deltalake.DeltaTable(path)
        if progress is not None:
            progress(view.name)
        return BuiltView(table.version(), table.count(), is_new)

    chosen = _chosen(views)
    # Two at once: planning a view keeps one core busy while the rows of another keep the other.
    with ThreadPoolExecutor(2) as pool:
        return dict(zip((view.name for view in chosen), pool.map(built, chosen), strict=True))


def gold_rows(view: GoldView, silver: "dict[str, DataFrame]") -> "DataFrame":
    """The view's rows in declared columns, types and comments, ordered so that an entity's rows lie together."""
    from pyspark.sql import functions as F

    types = {view.join_key: "string", "event_time": "timestamp", "known_time": "timestamp", "file_ids": "array<string>"}
    comments = {f.name: f.description for f in view.features}
    types.update({f.name: f.type for f in view.features})
    rows = view.build(silver)
    columns = [
        F.col(name).cast(types[name]).alias(name, metadata={"comment": comments.get(name, "")}) for name in view.columns
    ]
    return rows.select(*columns).sortWithinPartitions(view.join_key, "known_time")


def _chosen(names: Iterable[str] | None) -> list[GoldView]:
    names = list(VIEWS if names is None else names)
    unknown = sorted(set(names) - set(VIEWS))
    if unknown:
        raise UsageError(f"There is no feature view {unknown[0]}; the views are {', '.join(VIEWS)}.")
    return [VIEWS[name] for name in names]


def _silver(spark: "SparkSession", lake: Lake, name: str, version: int | None) -> "DataFrame":
    if version is None:
        return spark.createDataFrame([], TABLES[name].ddl())
    return delta.read(spark, lake.silver(name), version)
