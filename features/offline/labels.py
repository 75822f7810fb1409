"""Label rows as Arrow, whatever they came as, and which of their columns says when each prediction is made."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from features.view import LABEL_TIME
from infra.errors import UsageError


def label_table(entity_df: Any) -> pa.Table:
    """Label rows from a pandas frame, an Arrow table, or anything that hands out Arrow data, such as a Polars frame.

    Raises UsageError on anything else, on a column that mixes types, and on two columns of one name.
    """
    if isinstance(entity_df, pd.DataFrame):
        _require_distinct([str(name) for name in entity_df.columns])
    table = _as_arrow(entity_df)
    _require_distinct(table.column_names)
    return table


def _require_distinct(names: Sequence[str]) -> None:
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise UsageError(f"The label rows have two columns {twice[0]}; rename one.")


def _as_arrow(entity_df: Any) -> pa.Table:
    if isinstance(entity_df, pa.Table):
        return entity_df
    if isinstance(entity_df, pd.DataFrame):
        try:
            return pa.Table.from_pandas(entity_df, preserve_index=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise UsageError("A column of the label rows mixes types; expected one type in each column.") from error
    if type(entity_df).__module__.startswith("pyspark."):
        raise UsageError(
            "The label rows are a Spark frame, which the local engine does not read; set `engine: spark` of the "
            "offline store, or pass `frame.toPandas()`."
        )
    if hasattr(entity_df, "collect") and type(entity_df).__module__.startswith("polars."):
        entity_df = entity_df.collect()
    if hasattr(entity_df, "__arrow_c_stream__"):
        return _plain_text(pa.table(entity_df))
    given = "SQL text" if isinstance(entity_df, str) else type(entity_df).__name__
    raise UsageError(
        f"The label rows are a {given}; expected a pandas or Polars frame, an Arrow table, or a SELECT as text."
    )


def label_time(columns: Sequence[str], timestamps: Sequence[str]) -> str:
    """The column of label times: event_timestamp, or the only one of timestamps.

    columns: all columns of the label rows. timestamps: those of them that hold timestamps.
    """
    if LABEL_TIME in columns:
        return LABEL_TIME
    if len(timestamps) != 1:
        raise UsageError(
            f"The label rows have no column {LABEL_TIME}, and {len(timestamps)} other columns of timestamps; name the "
            f"one that says when each prediction is made {LABEL_TIME}."
        )
    return timestamps[0]


def _plain_text(table: pa.Table) -> pa.Table:
    """Text views, which Polars hands out, as plain text: not every kernel of Arrow takes them."""
    views = [i for i, f in enumerate(table.schema) if pa.types.is_string_view(f.type)]
    for i in views:
        name = table.schema.names[i]
        table = table.set_column(i, name, table[name].cast(pa.large_string()))
    return table
