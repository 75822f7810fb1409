"""Builds the gold tables from silver: what new silver rows touch, or all of it, and leaves alone what would not change.

Which of the two a view gets, and why both come to the same rows, is told in docs/adr/0016.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import deltalake
import pyarrow.dataset as ds
from pyarrow import fs

from features.building import layout
from features.building.exchange import Exchange, exchange
from features.building.touched import Touched, Versions, input_rows, linked, output_rows, touched, union
from features.tables import VIEWS
from features.view import GoldView, definitions_hash
from infra import changes, delta
from infra.data_files import located
from infra.errors import MachineError, UsageError
from infra.lake import Lake
from infra.tables import TABLES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ENGINE = 1
"""Raised when the building code changes values without a change of a definition's name: forces a rebuild."""
MOST_TOUCHED = 0.5
"""Share of a view's entities beyond which it is built whole: taking the touched ones apart would cost more."""
ATTEMPTS = 3

How = Literal["unchanged", "incremental", "full"]


@dataclass(frozen=True)
class BuiltView:
    """One gold table after `build_gold`: its Delta version and rows, and what this call did.

    is_new: whether this call wrote a version. how: what it did for it. entities: entities built anew (all of them in
    a full build). rows_written: rows in the files that it wrote, of which those around the touched ones are as before.
    """

    version: int
    rows: int
    is_new: bool
    how: How = "unchanged"
    entities: int = 0
    rows_written: int = 0


def build_gold(
    session: "Callable[[], SparkSession]",
    lake: Lake,
    views: Iterable[str] | None = None,
    progress: Callable[[str], None] | None = None,
    *,
    most_touched: float = MOST_TOUCHED,
) -> dict[str, BuiltView]:
    """Brings gold tables up to date with silver, and returns each by name.

    Each commit records the silver versions that it read and the view's definition; a view whose record would be the
    same is skipped, so that a second call writes neither files nor versions. Where only silver moved on, the entities
    (of minute-by-minute views the days of entities) that its new rows touch are built anew, and their rows replaced in
    one commit. A silver table that does not exist counts as empty.

    session: gives the Spark session; called only where a view is to be built. views: names (default: all).
    progress: called with the name of each view when it is done. most_touched: share of the entities up to which they
    are built apart; 0: every build is whole. Raises UsageError on a name that is no view, and MachineError where
    other builds of the same view keep coming between.
    """

    def built(view: GoldView) -> BuiltView:
        done = _built(session, lake, view, most_touched)
        if progress is not None:
            progress(view.name)
        return done

    chosen = _chosen(views)
    # Two at once: planning a view keeps one core busy while the rows of another keep the other.
    with ThreadPoolExecutor(2) as pool:
        return dict(zip((view.name for view in chosen), pool.map(built, chosen), strict=True))


def gold_rows(view: GoldView, silver: "Mapping[str, DataFrame]") -> "DataFrame":
    """The view's rows in declared columns, types and comments."""
    from pyspark.sql import functions as F

    types = {view.join_key: "string", "event_time": "timestamp", "known_time": "timestamp", "file_ids": "array<string>"}
    comments = {f.name: f.description for f in view.features}
    types.update({f.name: f.type for f in view.features})
    rows = view.build(silver)
    columns = [
        F.col(name).cast(types[name]).alias(name, metadata={"comment": comments.get(name, "")}) for name in view.columns
    ]
    return rows.select(*columns)


def _built(session: "Callable[[], SparkSession]", lake: Lake, view: GoldView, most_touched: float) -> BuiltView:
    path = lake.gold(view.name)
    for _ in range(ATTEMPTS):
        # Versions are pinned before reading: what is recorded is what was read.
        versions = {name: delta.version(lake.silver(name)) for name in view.inputs}
        # Compacted silver has another version and the same rows: nothing to build anew.
        content = {name: delta.content_version(lake.silver(name), version) for name, version in versions.items()}
        record = {"silver": content, "definition": definitions_hash([view]), "engine": ENGINE}
        written = json.dumps(record, sort_keys=True)
        base, known = delta.version(path), delta.commit_metadata(path)
        if known == written:
            table = deltalake.DeltaTable(path)
            return BuiltView(table.version(), table.count(), is_new=False)
        scope = _scope(lake, view, _recorded(known), record, versions, most_touched)
        if scope is None or base is None:
            return _whole(session, lake, view, versions, written)
        try:
            return _part(session, lake, view, versions, scope, base, written)
        except changes.MovedError:
            # Another build came first; what is left to do now is less, or nothing.
            continue
    raise MachineError(f"Feature view {view.name} was written by other builds {ATTEMPTS} times over; try again later.")


def _recorded(metadata: str) -> dict[str, Any]:
    try:
        found = json.loads(metadata or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _scope(
    lake: Lake,
    view: GoldView,
    known: Mapping[str, Any],
    record: Mapping[str, Any],
    versions: Versions,
    most_touched: float,
) -> Touched | None:
    """What has to be built anew; None: the whole view."""
    same = all(known.get(name) == record[name] for name in ("definition", "engine"))
    if not same or set(known.get("silver", ())) != set(view.inputs):
        return None
    scope = touched(lake, view, known["silver"], versions)
    if scope is None:
        return None
    entities = scope.entities(view)
    there = layout.entities(lake.gold(view.name), view)
    everyone = len(union([entities, there]))
    return scope if len(entities) <= most_touched * everyone else None


def _whole(
    session: "Callable[[], SparkSession]", lake: Lake, view: GoldView, versions: Versions, record: str
) -> BuiltView:
    spark, path = session(), lake.gold(view.name)
    silver = {name: _silver(spark, lake, name, version) for name, version in versions.items()}
    rows = layout.laid_out(gold_rows(view, silver), view, layout.cuts(lake, view, versions))
    delta.overwrite(lake, rows, path, metadata=record)
    table = deltalake.DeltaTable(path)
    n = table.count()
    return BuiltView(table.version(), n, True, "full", len(layout.entities(path, view)), n)


def _part(
    session: "Callable[[], SparkSession]",
    lake: Lake,
    view: GoldView,
    versions: Versions,
    scope: Touched,
    base: int,
    record: str,
) -> BuiltView:
    path = lake.gold(view.name)
    files = changes.named_files(path, base)
    exchanged = Exchange((), (), 0, 0)
    if scope.rows:
        staged = f"{lake.staging}/gold-{view.name}-{uuid.uuid4().hex}"
        filesystem, folder = located(staged)
        try:
            _stage(session(), lake, view, versions, scope, staged)
            found = filesystem.get_file_info(fs.FileSelector(folder))
            parts = {f.path: f.size for f in found if f.path.endswith(".parquet")}
            new = ds.dataset(list(parts), schema=changes.table_schema(path), filesystem=filesystem)
            with delta.explaining(path):
                exchanged = exchange(path, view, files, scope, new, sum(parts.values()))
        finally:
            with suppress(FileNotFoundError):
                filesystem.delete_dir(folder)
    # Where nothing was touched (results that wait for their specimen), what was read is recorded all the same.
    version = changes.exchange_files(lake, path, base, exchanged.removed, exchanged.added, record)
    rows = sum(f.rows for f in files) - exchanged.rows_removed + exchanged.rows_written
    return BuiltView(version, rows, True, "incremental", len(scope.entities(view)), exchanged.rows_written)


def _stage(spark: "SparkSession", lake: Lake, view: GoldView, versions: Versions, scope: Touched, staged: str) -> None:
    """Writes the touched rows, built anew, as Parquet files that no table names."""
    links = {} if view.looks_back is not None else linked(lake, view, versions, scope.entities(view))
    silver = {
        name: input_rows(name, _silver(spark, lake, name, version), view, scope, links)
        for name, version in versions.items()
    }
    output_rows(gold_rows(view, silver), view, scope).write.parquet(staged)


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
