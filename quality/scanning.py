"""Data files of Delta tables, read without Spark: those that a batch added, or all of them, a few columns at a time.

Texts are read as the codes that Parquet writes them in, which for a pseudonym repeated a million times is a tenth of
the time; and what a batch added is found in the table's log without replaying it, so at the cost of the batch.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote

import deltalake
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.fs as pa_fs
import pyarrow.parquet as pq

BATCH = "batch_id"
ROWS_AT_ONCE: Final = 1 << 18
LOOK_BACK = 64
"""Commits before the given one that are looked at: an interrupted attempt may lie behind batches of other sources."""


def file_system(path: str) -> pa_fs.FileSystem:
    """The folder of a Delta table as a file system of its own, local or in an object store."""
    from deltalake.fs import DeltaStorageHandler

    if "://" not in path:
        return pa_fs.SubTreeFileSystem(path, pa_fs.LocalFileSystem())
    return pa_fs.PyFileSystem(DeltaStorageHandler(path))


def all_files(path: str, after: datetime | None = None) -> list[str]:
    """Names of the data files of a table's newest version; after: of those that may hold a later event_time."""
    actions = pa.table(deltalake.DeltaTable(path).get_add_actions(flatten=True))
    names = [unquote(name) for name in actions["path"].to_pylist()]
    if after is None or "max.event_time" not in actions.schema.names:
        return names
    # The log keeps milliseconds of times.
    latest = actions["max.event_time"].cast(pa.timestamp("us", tz="UTC")).to_pylist()
    slack = timedelta(milliseconds=1)
    return [name for name, end in zip(names, latest, strict=True) if end is None or end + slack > after]


def coded_batches(files: pa_fs.FileSystem, name: str, wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """A data file in batches of those wanted columns that it has; texts as dictionary arrays, times in microseconds."""
    with files.open_input_file(name) as source:
        schema = pq.ParquetFile(source).schema_arrow
        columns = [c for c in wanted if c in schema.names]
        texts = [c for c in columns if pa.types.is_string(schema.field(c).type)]
        parquet = pq.ParquetFile(source, read_dictionary=texts, coerce_int96_timestamp_unit="us")
        yield from parquet.iter_batches(batch_size=ROWS_AT_ONCE, columns=columns, use_threads=False)


def codes(coded: pa.DictionaryArray) -> npt.NDArray[np.int64]:
    """By row the place of its text in the dictionary; one beyond the last for null."""
    return np.asarray(coded.indices.cast(pa.int64()).fill_null(len(coded.dictionary)).to_numpy(zero_copy_only=False))


def is_text(coded: pa.DictionaryArray, text: str) -> npt.NDArray[np.bool_]:
    """By row: is it this text."""
    texts = coded.dictionary.to_pylist()
    return np.asarray(codes(coded) == (texts.index(text) if text in texts else -1))


def micros(times: pa.Array) -> pa.Array:
    """Times as microseconds since 1970 (UTC)."""
    return times.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())


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
