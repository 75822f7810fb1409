"""The data files that a batch added to a table, found in its log without replaying it: at the cost of the batch."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pyarrow.fs as pa_fs
import pyarrow.parquet as pq

BATCH = "batch_id"
LOOK_BACK = 64
"""Commits before the given one that are looked at: an interrupted attempt may lie behind batches of other sources."""


def file_system(path: str) -> pa_fs.FileSystem:
    """The folder of a Delta table as a file system of its own, local or in an object store."""
    from deltalake.fs import DeltaStorageHandler

    if "://" not in path:
        return pa_fs.SubTreeFileSystem(path, pa_fs.LocalFileSystem())
    return pa_fs.PyFileSystem(DeltaStorageHandler(path))


def added_files(files: pa_fs.FileSystem, version: int, batch_id: str) -> list[str]:
    """Names of the data files with rows of a batch, of the commits up to `version`; those that are gone are left out.

    Only appends count: what compaction or an erasure writes again was added before. A file that holds rows of several
    batches is named as well; who reads it looks at the column.
    """
    found: list[str] = []
    for at in range(version, max(version - LOOK_BACK, 0), -1):
        entries = _commit(files, at)
        if entries is None:
            break
        if not _is_append(entries):
            continue
        names = [
            unquote(add["path"])
            for entry in entries
            if (add := entry.get("add")) and add.get("dataChange", True) and _may_hold(files, add, batch_id)
        ]
        if found and not names:
            break
        found += names
    return found


def _commit(files: pa_fs.FileSystem, version: int) -> list[dict[str, Any]] | None:
    try:
        with files.open_input_stream(f"_delta_log/{version:020}.json") as stream:
            return [json.loads(line) for line in stream.read().splitlines() if line.strip()]
    except FileNotFoundError:
        return None


def _is_append(entries: list[dict[str, Any]]) -> bool:
    information: dict[str, Any] = next((e["commitInfo"] for e in entries if "commitInfo" in e), {})
    mode = (information.get("operationParameters") or {}).get("mode", "")
    return information.get("operation") == "WRITE" and str(mode).lower() == "append"


def _may_hold(files: pa_fs.FileSystem, add: dict[str, Any], batch_id: str) -> bool:
    name = unquote(add["path"])
    if files.get_file_info(name).type == pa_fs.FileType.NotFound:
        return False
    stats = json.loads(add.get("stats") or "{}")
    low, high = (stats.get(end, {}).get(BATCH) for end in ("minValues", "maxValues"))
    if low is not None and high is not None:
        return bool(low <= batch_id <= high)
    # Delta keeps statistics of the first columns only; Parquet's footer has them of all.
    with files.open_input_file(name) as file:
        return any(low <= batch_id <= high for low, high in _footer_ranges(pq.ParquetFile(file).metadata))


def _footer_ranges(metadata: pq.FileMetaData) -> Iterator[tuple[str, str]]:
    for group in range(metadata.num_row_groups):
        columns = (metadata.row_group(group).column(i) for i in range(metadata.num_columns))
        column = next((c for c in columns if c.path_in_schema == BATCH), None)
        if column is not None and column.is_stats_set and column.statistics.has_min_max:
            yield column.statistics.min, column.statistics.max
        else:
            yield "", "\uffff"
