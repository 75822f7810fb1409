"""The current view of a silver table, read without a JVM: the latest known version of each natural key."""

from collections.abc import Iterable, Mapping

import pyarrow as pa

from infra.errors import MachineError, UsageError
from infra.lake import Lake
from infra.tables import TABLES

_ORDER = ("known_time", "ingested_at", "file_row")


def silver_versions(lake: Lake, table_names: Iterable[str]) -> dict[str, int]:
    """The Delta version at which each silver table stands now; pin these before reading more than one table.

    Raises UsageError on a name that no declaration has, MachineError where the lake has no such table yet.
    """
    return {name: int(_open(lake, name, None).version()) for name in table_names}


def current_arrow(
    lake: Lake, table_name: str, version: int | None = None, *, where: Mapping[str, str] | None = None
) -> pa.Table:
    """The latest known version of each natural key of a silver table, with every declared column.

    Of several versions of a key the one with the latest `known_time` counts; of equals the one ingested last, then
    the later record of its file. Null parts of a key are equal to each other.

    version: Delta version to read; None reads the newest.
    where: values that key columns must have. Only key columns can be asked for, because a condition on content
        would bring back the old version of a row whose correction no longer meets it.
    Raises UsageError on an unknown table, version or key column, MachineError where the lake has no such table.
    """
    import duckdb
    import pyarrow.dataset as ds

    table = TABLES[table_name] if table_name in TABLES else _unknown(table_name)
    outside = set(where or {}) - set(table.key)
    if outside:
        raise UsageError(f"{table_name} can be filtered by its key {', '.join(table.key)} only, not {sorted(outside)}.")
    condition = None
    for column, value in (where or {}).items():
        term = ds.field(column) == value
        condition = term if condition is None else condition & term
    delta = _open(lake, table_name, version)
    rows = delta.to_pyarrow_dataset().to_table(columns=[c.name for c in table.all_columns], filter=condition)

    # DuckDB ranks plain numbers only: its time-zone arithmetic needs an extension that a closed network cannot load.
    ranked = rows.select([*table.key])
    for name in _ORDER:
        ranked = ranked.append_column(f"_{name}", rows[name].cast(pa.int64()))
    for position, name in enumerate(table.key):
        if pa.types.is_timestamp(ranked.schema.field(name).type):
            ranked = ranked.set_column(position, name, ranked[name].cast(pa.int64()))
    ranked = ranked.append_column("_row", pa.array(range(rows.num_rows), pa.int64()))
    key = ", ".join(f'"{k}"' for k in table.key)
    latest = ", ".join(f"_{name} DESC NULLS LAST" for name in _ORDER)
    with duckdb.connect() as connection:
        connection.register("ranked", ranked)
        chosen = connection.execute(
            f"SELECT _row FROM ranked QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {latest}, _row) = 1"
            " ORDER BY _row"
        ).to_arrow_table()
    return rows.take(chosen["_row"].combine_chunks())


def _open(lake: Lake, table_name: str, version: int | None):  # type: ignore[no-untyped-def]
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    if table_name not in TABLES:
        _unknown(table_name)
    place = lake.silver(table_name)
    try:
        return DeltaTable(place, version=version)
    except TableNotFoundError as error:
        raise MachineError(
            f"The lake has no table {table_name} at {place} yet; expected files that feed it to have been ingested."
        ) from error
    except DeltaError as error:
        raise UsageError(f"Version {version} of table {table_name} at {place} cannot be read ({error}).") from error


def _unknown(table_name: str):  # type: ignore[no-untyped-def]
    raise UsageError(f"No table is named {table_name!r}; expected one of {', '.join(TABLES)}.")
