"""Parquet files that a Delta table takes as they are: written by any worker, and named by one commit afterwards.

Until `infra.delta.commit_files` names them no reader sees them, and a clean-up removes those that no commit names.
"""

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

ROW_GROUP_ROWS: Final = 262_144
ROW_GROUP_BYTES: Final = 64 << 20
FILE_ROWS: Final = 1_000_000
FILE_BYTES: Final = 512 << 20
_LONGEST_TEXT: Final = 64
"""Longer texts get no statistics: a prefix would have to be rounded up."""


@dataclass(frozen=True)
class DataFile:
    """One Parquet file. path: relative to its table. stats: per-file statistics of the Delta protocol, as JSON."""

    path: str
    size_bytes: int
    rows: int
    stats: str


class DataFileWriter:
    """Writes Arrow tables of one schema into files below a table, `folder`/<uuid>.parquet; rows keep their order.

    Texts may come dictionary-encoded, all tables alike: they are not looked up again, and are plain texts in the file.
    plain: columns whose values hardly repeat: a dictionary of them would be built and thrown away.
    """

    def __init__(self, root: str, folder: str, schema: pa.Schema, plain: Iterable[str] = ()) -> None:
        self._root, self._folder = root, folder
        # Parquet knows an array's values by the path to them.
        self._dictionary = [
            f"{f.name}.list.element" if pa.types.is_list(f.type) else f.name for f in schema if f.name not in set(plain)
        ]
        self._held: list[pa.Table] = []
        self._writer: pq.ParquetWriter | None = None
        self._name, self._rows, self._bytes = "", 0, 0
        self._metadata: list[pq.FileMetaData] = []
        self._done: list[DataFile] = []

    def write(self, table: pa.Table) -> None:
        """Adds rows; they reach the disk a row group at a time."""
        if table.num_rows:
            self._held.append(table)
        if sum(t.num_rows for t in self._held) >= ROW_GROUP_ROWS or sum(t.nbytes for t in self._held) > ROW_GROUP_BYTES:
            self._flush()

    def close(self) -> list[DataFile]:
        """Ends the last file and returns them all, those without rows left out."""
        self._flush()
        self._end()
        return self._done

    def _flush(self) -> None:
        if not self._held:
            return
        rows = pa.concat_tables(self._held).unify_dictionaries()
        self._held = []
        if self._writer is None:
            filesystem, base = located(self._root)
            filesystem.create_dir(f"{base}/{self._folder}", recursive=True)
            self._name = f"{self._folder}/{uuid.uuid4().hex}.parquet"
            self._metadata, self._rows, self._bytes = [], 0, 0
            self._writer = pq.ParquetWriter(
                f"{base}/{self._name}", rows.schema, filesystem=filesystem, compression="snappy",
                use_dictionary=self._dictionary, metadata_collector=self._metadata, store_schema=False,
            )  # fmt: skip
        self._writer.write_table(rows, row_group_size=ROW_GROUP_ROWS)
        self._rows += rows.num_rows
        self._bytes += rows.nbytes
        if self._rows >= FILE_ROWS or self._bytes >= FILE_BYTES:
            self._end()

    def _end(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self._writer = None
        filesystem, base = located(self._root)
        size = filesystem.get_file_info(f"{base}/{self._name}").size
        self._done.append(DataFile(self._name, size, self._rows, statistics(self._metadata[0])))


def located(root: str) -> tuple[fs.FileSystem, str]:
    """File system and path of a folder or URI."""
    return fs.FileSystem.from_uri(root) if "://" in root else (fs.LocalFileSystem(), root)


def statistics(metadata: pq.FileMetaData) -> str:
    """Per-file statistics as the Delta protocol has them ("Per-file Statistics"): rows, nulls, least and greatest.

    Times are rounded outwards to milliseconds, which the protocol asks for. Doubles have no bounds, since Parquet's
    leave NaN out and Spark holds it to be the greatest; nor have long texts.
    """
    low: dict[str, Any] = {}
    high: dict[str, Any] = {}
    nulls: dict[str, int] = {}
    unbounded: set[str] = set()
    for g in range(metadata.num_row_groups):
        group = metadata.row_group(g)
        for c in range(group.num_columns):
            column = group.column(c)
            name, found = column.path_in_schema, column.statistics
            if "." in name or found is None:
                continue
            nulls[name] = nulls.get(name, 0) + (found.null_count or 0)
            if not found.has_min_max:
                if (found.null_count or 0) < group.num_rows:
                    unbounded.add(name)
                continue
            low[name] = found.min if name not in low else min(low[name], found.min)
            high[name] = found.max if name not in high else max(high[name], found.max)
    bounded = [n for n in low if n not in unbounded and _has_bounds(low[n]) and _has_bounds(high[n])]
    return json.dumps(
        {
            "numRecords": metadata.num_rows,
            "minValues": {n: _bound(low[n]) for n in bounded},
            "maxValues": {n: _bound(high[n], up=True) for n in bounded},
            "nullCount": nulls,
        }
    )


def _has_bounds(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST_TEXT
    return isinstance(value, int | datetime) and not isinstance(value, bool)


def _bound(value: Any, *, up: bool = False) -> Any:
    if not isinstance(value, datetime):
        return value
    moment = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    rest = timedelta(microseconds=moment.microsecond % 1000)
    if rest:
        moment += timedelta(milliseconds=1) - rest if up else -rest
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
