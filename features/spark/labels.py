"""Label rows in Spark, whatever they came as, each with its number."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from features.asof.join import microseconds
from features.instants import from_microseconds, to_microseconds
from features.offline.labels import label_table, label_time
from features.offline.requests import Retrieval, ViewRequest
from features.spark.best import union
from features.spark.columns import micros, named
from features.view import LABEL_TIME
from infra import delta
from infra.errors import UsageError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

NUMBER = "__number"


@dataclass(frozen=True)
class Labels:
    """Label rows in Spark: every column that the result shows, and NUMBER, which orders them.

    first, last: bounds of the label times; None where no row has one. rows: how many. table: the rows as they
    were given, where they lie in this process.
    """

    frame: "DataFrame"
    time: str
    first: datetime | None
    last: datetime | None
    rows: int
    table: pa.Table | None = None

    @property
    def columns(self) -> list[str]:
        return [name for name in self.frame.columns if name != NUMBER]


def labels_of(spark: "SparkSession", asked: Retrieval) -> Labels:
    """The label rows of a retrieval. Raises UsageError on what cannot be used, keys and times included."""
    if asked.entity_df is None:
        return _instants(spark, asked)
    if isinstance(asked.entity_df, str):
        return _frame(_selected(spark, asked))
    if hasattr(asked.entity_df, "sparkSession"):
        return _frame(asked.entity_df)
    return _local(spark, asked)


def _local(spark: "SparkSession", asked: Retrieval) -> Labels:
    """Rows of this process. Their times become microseconds and their keys the features' types; `table` keeps both."""
    table = label_table(asked.entity_df)
    time = label_time(table.column_names, [f.name for f in table.schema if pa.types.is_timestamp(f.type)])
    instants = microseconds(table[time], time, round_up=False)
    wanted = _key_types(asked.views)
    columns = {name: _sparkable(table[name], wanted.get(name), name) for name in table.column_names}
    columns[time] = instants.cast(pa.timestamp("us", tz="UTC"))
    columns[NUMBER] = pa.array(range(table.num_rows), pa.int64())
    bounds = pc.min_max(instants).as_py()
    return Labels(
        frame=spark.createDataFrame(pa.table(columns)),
        time=time,
        first=_instant(bounds["min"]),
        last=_instant(bounds["max"]),
        rows=table.num_rows,
        table=table,
    )


def _frame(frame: "DataFrame") -> Labels:
    """Rows in Spark, in the order in which they lie there; one look at their times tells what to read."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import TimestampNTZType, TimestampType

    kinds = (TimestampType, TimestampNTZType)
    time = label_time(frame.columns, [f.name for f in frame.schema.fields if isinstance(f.dataType, kinds)])
    at = micros(frame, time)
    numbered = _numbered(frame)
    (row,) = numbered.agg(F.min(at), F.max(at), F.count("*")).collect()
    return Labels(frame=numbered, time=time, first=_instant(row[0]), last=_instant(row[1]), rows=row[2])


def _numbered(frame: "DataFrame") -> "DataFrame":
    """The rows with their numbers, computed now and kept where they are.

    A frame that is computed again may give its rows in another order, or other rows: a plan that looks at the labels
    twice would then mix up their answers.
    """
    from pyspark.sql import functions as F

    return frame.withColumn(NUMBER, F.monotonically_increasing_id()).localCheckpoint()


def _selected(spark: "SparkSession", asked: Retrieval) -> "DataFrame":
    """The rows of a SELECT in its order; tables are feature views by name, at their pinned or newest version."""
    from pyspark.errors import AnalysisException, ParseException

    for name, source in asked.sources.items():
        if name in asked.entity_df:
            table = source.open(asked.config, asked.config.offline_store.versions.get(source.name))
            rows = delta.read(spark, source.location(asked.config), table.version())
            rows.createOrReplaceTempView(f"`{name}`")
    try:
        # As a part of a query, so that a statement that changes something is none.
        return spark.sql(f"SELECT * FROM (\n{asked.entity_df}\n)")
    except (AnalysisException, ParseException) as error:
        raise UsageError(
            f"The SQL of the label rows cannot be run ({error.getCondition()}); expected one SELECT, over feature "
            f"views by name: {', '.join(sorted(asked.sources))}."
        ) from error


def _instants(spark: "SparkSession", asked: Retrieval) -> Labels:
    """Without label rows: each instant of the span at which what is known of a key changes, by key and time."""
    from pyspark.sql import functions as F

    start, end = asked.asked_span()
    keys = asked.label_keys
    changes = []
    for view in asked.views:
        frame = delta.read(spark, view.location, view.version)
        at = _usable(frame, view, asked)
        given = [named(key).alias(label_key) for key, label_key in zip(view.keys, view.label_keys, strict=True)]
        rows = frame.select(*given, F.timestamp_micros(at).alias(LABEL_TIME), at.alias("__at"))
        rows = rows.where(F.col("__at").between(to_microseconds(start), to_microseconds(end))).drop("__at")
        changes.append(rows.dropna(subset=list(view.label_keys)) if view.label_keys else rows)
    ordered = union(changes).select(*map(named, keys), LABEL_TIME).distinct()
    ordered = ordered.orderBy(*(named(key).asc_nulls_last() for key in keys), LABEL_TIME)
    numbered = _numbered(ordered)
    return Labels(
        frame=numbered,
        time=LABEL_TIME,
        first=start,
        last=end,
        rows=numbered.count(),
    )


def _usable(frame: "DataFrame", view: ViewRequest, asked: Retrieval) -> "Column":
    """The instant from which a row counts, in microseconds; null where it never does."""
    from pyspark.sql import functions as F

    event = micros(frame, view.event_time)
    if view.known_time is None:
        return event
    known = micros(frame, view.known_time)
    at = F.when(known.isNotNull() & event.isNotNull(), F.greatest(event, known)) if asked.known_only else event
    return at if asked.as_known_at is None else F.when(known <= to_microseconds(asked.as_known_at), at)


def rows_of(view: ViewRequest) -> int:
    """Rows of a view's table, by its log; 0 where the log does not say."""
    actions = pa.table(view.table.get_add_actions(flatten=True))
    return int(pc.sum(actions["num_records"]).as_py() or 0) if "num_records" in actions.column_names else 0


def _key_types(views: Sequence[ViewRequest]) -> dict[str, pa.DataType]:
    types: dict[str, pa.DataType] = {}
    for view in views:
        schema = pa.schema(view.table.schema().to_arrow())
        for key, label_key in zip(view.keys, view.label_keys, strict=True):
            types.setdefault(label_key, schema.field(key).type)
    return types


def _sparkable(column: pa.ChunkedArray, wanted: pa.DataType | None, name: str) -> pa.ChunkedArray:
    """A column in a type that Spark takes; a key in the features' type."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    elif pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", tz=kind.tz), safe=False)
    elif pa.types.is_string_view(kind) or pa.types.is_large_string(kind):
        column = column.cast(pa.string())
    elif pa.types.is_unsigned_integer(kind):
        column = column.cast(pa.int64())
    if wanted is None or column.type == wanted:
        return column
    try:
        return column.cast(pa.string() if pa.types.is_string_view(wanted) else wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UsageError(f"The keys in column {name} are {kind}; the features have {wanted}.") from error


def _instant(micros_since_1970: int | None) -> datetime | None:
    return None if micros_since_1970 is None else from_microseconds(micros_since_1970)
