"""What commits added to a table since a version, and files exchanged for others in one commit (docs/adr/0016)."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import deltalake
import pyarrow as pa
import pyarrow.dataset as ds
from deltalake.transaction import AddAction, CommitProperties, RemoveAction

from infra import delta
from infra.data_files import DataFile, located
from infra.lake import Lake
from infra.locks import writing


class MovedError(Exception):
    """Another writer changed a table between the reading of it and the commit that rests on what was read."""


@dataclass(frozen=True)
class NamedFile:
    """One data file of a version of a table. low, high: bounds by column, as far as the log has them."""

    path: str
    size_bytes: int
    rows: int
    low: dict[str, Any]
    high: dict[str, Any]


def added_files(path: str, since: int | None, until: int | None) -> list[str] | None:
    """The data files with the rows that commits after version `since` up to `until` added, as names below the table.

    since: None: from the beginning. until: None: the table does not exist, and nothing was added.

    Compaction adds no rows, and its files are not among them. Returns None where the log cannot tell: rows were
    removed or replaced, an entry of the log or a data file is gone, or the table is older than `since`.
    """
    if until is None:
        return [] if since is None else None
    first = 0 if since is None else since + 1
    if first > until + 1:
        return None
    filesystem, base = located(path)
    found: list[str] = []
    for number in range(first, until + 1):
        try:
            with filesystem.open_input_stream(f"{base}/_delta_log/{number:020d}.json") as entry:
                actions = [json.loads(line) for line in entry.read().splitlines() if line.strip()]
        except FileNotFoundError:
            return None
        for action in actions:
            if "remove" in action and action["remove"].get("dataChange", True):
                return None
            if "add" in action and action["add"].get("dataChange", True):
                found.append(unquote(action["add"]["path"]))
    # Compaction took them out of the table; a clean-up may have taken them off the disk since.
    if any(not info.is_file for info in filesystem.get_file_info([f"{base}/{name}" for name in found])):
        return None
    return found


def table_schema(path: str) -> pa.Schema:
    """The table's columns, in Arrow's plain types: delta-rs speaks of string views, which not every kernel takes."""
    schema = pa.schema(deltalake.DeltaTable(path).schema().to_arrow())
    return pa.schema([pa.field(f.name, _plain(f.type)) for f in schema])


def dataset(path: str, names: Sequence[str], schema: pa.Schema | None = None) -> ds.Dataset:
    """Some data files of a table as an Arrow dataset; columns that a file is too old to have are null."""
    filesystem, base = located(path)
    files = [f"{base}/{name}" for name in names]
    return ds.dataset(files, schema=schema or table_schema(path), filesystem=filesystem, format="parquet")


def named_files(path: str, version: int | None = None) -> list[NamedFile]:
    """The data files of a table's version (None: the newest), with the bounds of their columns, from the log alone."""
    rows = pa.table(deltalake.DeltaTable(path, version=version).get_add_actions()).to_pylist()
    return [
        NamedFile(
            unquote(r["path"]), r["size_bytes"] or 0, r["num_records"] or 0, r.get("min") or {}, r.get("max") or {}
        )
        for r in rows
    ]


def exchange_files(
    lake: Lake, path: str, at_version: int, removed: Sequence[str], added: Sequence[DataFile], metadata: str
) -> int:
    """Takes data files out of a table and names others, in one commit; returns the table's version afterwards.

    at_version: the version that `removed` and `added` rest on. Old versions stay readable. Raises MovedError where
    the table has another content by now, and MachineError where the disk is full or the lake read-only.
    """
    now = int(time.time() * 1000)
    actions: list[AddAction | RemoveAction] = [RemoveAction(name, True, now) for name in removed]
    actions += [AddAction(f.path, f.size_bytes, {}, now, True, f.stats) for f in added]
    with delta.explaining(path), writing(lake, path):
        table = deltalake.DeltaTable(path)
        if (delta.content_version(path) or 0) > at_version:
            raise MovedError(path)
        properties = CommitProperties(custom_metadata={"userMetadata": metadata})
        table.create_write_transaction(actions, "append", table.schema(), commit_properties=properties)
        return delta.version(path) or 0


def _plain(type_: pa.DataType) -> pa.DataType:
    if type_ in (pa.string_view(), pa.large_string()):
        return pa.string()
    if pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_list_view(type_):
        return pa.list_(_plain(type_.value_type))
    return type_
