"""The current view of a silver table, read without a JVM: the latest known version of each natural key."""

from collections.abc import Iterable, Mapping

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from infra import scan
from infra.errors import MissingTableError, UsageError
from infra.lake import Lake
from infra.table import Table
from infra.tables import TABLES


def silver_versions(lake: Lake, table_names: Iterable[str]) -> dict[str, int]:
    """The Delta version at which each silver table stands now; pin these before reading more than one table.

    Raises UsageError on a name that no declaration has, MissingTableError where the lake has no such table yet.
    """
    return {name: int(_open(lake, name, None).version()) for name in table_names}


def pinned_or_newest(lake: Lake, table_names: Iterable[str], pinned: Mapping[str, int] | None) -> dict[str, int]:
    """The version that `pinned` names for each table, else the one at which it stands now; raises as these do."""
    names = list(table_names)
    newest = silver_versions(lake, [name for name in names if name not in (pinned or {})])
    return {name: newest[name] if name in newest else (pinned or {})[name] for name in names}


def current_arrow(
    lake: Lake, table_name: str, version: int | None = None, *, where: Mapping[str, str] | None = None
) -> pa.Table:
    """The latest known version of each natural key of a silver table, with every declared column.

    Of several versions of a key the one with the latest `known_time` counts; of equals the one ingested last, then
    the first by file and record: the order of `ingestion.versions.current`. Null parts of a key equal each other.

    version: Delta version to read; None reads the newest.
    where: values that key columns must have. Only key columns can be asked for, because a condition on content
        would bring back the old version of a row whose correction no longer meets it.
    Raises UsageError on an unknown table, version or key column, MissingTableError where the lake has no such table.
    """
    import duckdb
    import numpy as np
    import pyarrow.dataset as ds

    table = _declared(table_name)
    outside = set(where or {}) - set(table.key)
    if outside:
        raise UsageError(f"{table_name} can be filtered by its key {', '.join(table.key)} only, not {sorted(outside)}.")
    condition = None
    for column, value in (where or {}).items():
        term = ds.field(column) == value
        condition = term if condition is None else condition & term
    delta = _open(lake, table_name, version)
    rows = scan.rows(delta, [c.name for c in table.all_columns], condition)

    # DuckDB ranks plain numbers only: its time-zone arithmetic needs an extension that a closed network cannot load.
    needed = dict.fromkeys((*table.key, "known_time", "ingested_at", "file_id", "file_row"))
    ranked = pa.table({name: _plain(rows[name]) for name in needed}).append_column(
        "_row", pa.array(np.arange(rows.num_rows))
    )
    key = ", ".join(f'"{k}"' for k in table.key)
    with duckdb.connect() as connection:
        connection.register("ranked", ranked)
        chosen = connection.sql(
            f"SELECT _row FROM ranked QUALIFY 1 = row_number() OVER (PARTITION BY {key} ORDER BY known_time DESC"
            " NULLS LAST, ingested_at DESC NULLS LAST, file_id, file_row, _row) ORDER BY _row"
        ).to_arrow_table()
    return rows.take(chosen["_row"].combine_chunks())


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column


def _open(lake: Lake, table_name: str, version: int | None) -> DeltaTable:
    _declared(table_name)
    place = lake.silver(table_name)
    try:
        return DeltaTable(place, version=version)
    except TableNotFoundError as error:
        raise MissingTableError(
            f"The lake has no table {table_name} at {place} yet; expected files that feed it to have been ingested."
        ) from error
    except DeltaError as error:
        raise UsageError(f"Version {version} of table {table_name} at {place} cannot be read ({error}).") from error


def _declared(table_name: str) -> Table:
    if table_name not in TABLES:
        raise UsageError(f"No table is named {table_name!r}; expected one of {', '.join(TABLES)}.")
    return TABLES[table_name]
