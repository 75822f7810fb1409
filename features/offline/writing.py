"""Rows into feature tables and served features into logs, by delta-rs: one commit each, under the lake's lock."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from feast.repo_config import RepoConfig

from features.offline.delta_source import DeltaLoggingDestination, DeltaSource, dataset, lake_of
from infra.delta import PROPERTIES, explaining
from infra.errors import UsageError
from infra.locks import writing

_TIME = pa.timestamp("us", tz="UTC")


def append_rows(
    config: RepoConfig,
    source: DeltaSource,
    rows: pa.Table,
    progress: Callable[[int], Any] | None = None,
    *,
    now: datetime | None = None,
) -> None:
    """Appends rows to the table of a feature view, in one commit.

    rows: the table's columns in any order, named as in the table or as Feast calls the features. The known time may be
        absent or null: such a row is known from `now` (default: the clock) on.
    Raises UsageError on columns that the table has not, or that are missing, on values of another type, and on rows
    without a key-time (event time).
    """
    table = source.open(config)
    schema = dataset(table, source.name).schema
    rows = _as_named(rows, source.field_mapping, schema.names)
    known = source.created_timestamp_column
    if known and known not in rows.column_names:
        rows = rows.append_column(known, pa.nulls(rows.num_rows, _TIME))
    extra = [name for name in rows.column_names if name not in schema.names]
    missing = [name for name in schema.names if name not in rows.column_names]
    if extra or missing:
        found = f"lack {missing[0]}" if missing else f"have a column {extra[0]}"
        raise UsageError(f"The rows for {source.name} {found}; expected the columns {', '.join(schema.names)}.")
    columns = [_typed(rows[f.name], f, source.name) for f in schema]
    written = pa.table(columns, schema=schema)
    if written[source.timestamp_field].null_count:
        raise UsageError(
            f"The rows for {source.name} have no {source.timestamp_field} in places; expected one in each."
        )
    if known:
        at = pa.scalar(now or datetime.now(UTC), _TIME).cast(schema.field(known).type)
        column = pc.fill_null(written[known], at)
        written = written.set_column(schema.get_field_index(known), schema.field(known), column)
    path = source.location(config)
    with writing(lake_of(config, path), path), explaining(path):
        deltalake.write_deltalake(path, written, mode="append")
    if progress is not None:
        progress(written.num_rows)


def append_logs(config: RepoConfig, logs: pa.Table | Path, destination: object) -> None:
    """Appends logs of served features, from an Arrow table or a folder of Parquet files, to their Delta table.

    The table is made by the first logs; a feature that is served later adds its columns. Raises UsageError on another
    kind of destination.
    """
    if not isinstance(destination, DeltaLoggingDestination):
        raise UsageError(
            f"Features are logged to a DeltaLoggingDestination here; {type(destination).__name__} was given."
        )
    rows = ds.dataset(logs, format="parquet").to_table() if isinstance(logs, Path) else logs
    path = destination.to_data_source().location(config)
    with writing(lake_of(config, path), path), explaining(path):
        deltalake.write_deltalake(
            path, _zoned(rows), mode="append", schema_mode="merge", configuration=dict(PROPERTIES)
        )


def _as_named(rows: pa.Table, field_mapping: Mapping[str, str], names: Sequence[str]) -> pa.Table:
    """Columns as the table calls them: Feast has renamed them to what it calls the features."""
    column_of = {feature: column for column, feature in field_mapping.items()}
    have = set(rows.column_names)
    return rows.rename_columns(
        [
            column_of[name] if name not in names and name in column_of and column_of[name] not in have else name
            for name in rows.column_names
        ]
    )


def _typed(column: pa.ChunkedArray, wanted: pa.Field, view: str) -> pa.ChunkedArray:
    if pa.types.is_timestamp(wanted.type) and wanted.type.tz and pa.types.is_timestamp(column.type):
        if column.type.tz is None:
            raise UsageError(f"The times in column {wanted.name} have no time zone; give them one, such as UTC.")
        # Nanoseconds from pandas are cut: Delta holds microseconds.
        return column.cast(wanted.type, safe=False)
    if pa.types.is_map(wanted.type) and pa.types.is_struct(column.type):
        # A dict of each row, which pandas has: Arrow takes its keys for fields that every row has.
        entries = [None if v is None else [(k, x) for k, x in v.items() if x is not None] for v in column.to_pylist()]
        return pa.chunked_array([pa.array(entries, wanted.type)])
    try:
        return column.cast(wanted.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise UsageError(
            f"Column {wanted.name} of the rows for {view} holds {column.type}; expected {wanted.type}."
        ) from error


def _zoned(rows: pa.Table) -> pa.Table:
    """Times without a zone as UTC, which Feast means by them."""
    for i, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            rows = rows.set_column(i, field.name, rows.column(i).cast(_TIME, safe=False))
    return rows
