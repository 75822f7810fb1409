"""The Spark engine: reads Delta by Spark at pinned versions and joins by `features.spark.join`, at any size.

Label rows may be a Spark frame, a SELECT over the gold tables, or what the local engine takes. With few labels all
feature views are joined in one pass, with many all that are keyed by the same label columns.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypedDict

from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL
from feast.infra.offline_stores.offline_store import RetrievalMetadata

from features.instants import to_microseconds
from features.offline.requests import Pull, Retrieval, ViewRequest, check_known_times, check_label_columns
from features.spark.candidates import as_of_join_few
from features.spark.columns import History, micros, named, rank
from features.spark.job import FILES, SparkRetrievalJob
from features.spark.join import as_of_join, heavy_keys
from features.spark.labels import NUMBER, Labels, labels_of, rows_of
from infra import delta
from infra.spark import running_session

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

FEW_LABELS = 500_000
"""Keys and times of so many labels are megabytes: they go to every task, and the history stays where it is."""
ROWS_A_TASK = 1_000_000
"""Rows that one task sorts; a key with more of them is divided among tasks."""


class Rule(TypedDict):
    """What both plans are told alike."""

    label_time: str
    number: str
    known_only: bool
    as_known_at: datetime | None


def historical(asked: Retrieval) -> SparkRetrievalJob:
    """Point-in-time features: one row for each label row, in label order. Raises UsageError on unusable label rows."""
    spark = asked.entity_df.sparkSession if hasattr(asked.entity_df, "sparkSession") else running_session()
    if isinstance(asked.entity_df, str):
        # A session of its own, for the names that the SELECT may use: two retrievals at once give them other tables.
        spark = spark.newSession()
    check_known_times(asked)
    labels = labels_of(spark, asked)
    check_label_columns(labels.columns, asked.views)

    def whole() -> "DataFrame":
        return _joined(spark, asked, labels, labels.columns)

    def narrow() -> "DataFrame":
        # Label rows that lie in this process need not travel to Spark and back: their keys and times do.
        needed = list(dict.fromkeys([*asked.label_keys, labels.time]))
        return _joined(spark, asked, labels, needed).drop(*needed)

    return SparkRetrievalJob(
        frame=whole,
        narrow=None if labels.table is None else narrow,
        labels=labels.table,
        table_versions=asked.table_versions,
        config=asked.config,
        full_feature_names=asked.full_feature_names,
        on_demand_feature_views=asked.on_demand,
        metadata=RetrievalMetadata(
            features=list(asked.feature_refs),
            keys=[name for name in labels.columns if name != labels.time],
            min_event_timestamp=labels.first,
            max_event_timestamp=labels.last,
        ),
    )


def latest(asked: Pull) -> SparkRetrievalJob:
    """The row of each key that may be used at the pull's end."""

    def frame() -> "DataFrame":
        from pyspark.sql import functions as F

        rows = _pulled(asked).dropna(subset=list(asked.keys)) if asked.keys else _pulled(asked)
        event = micros(rows, asked.event_time)
        known = event if asked.known_time is None else micros(rows, asked.known_time)
        order = rank(rows, event.alias("event"), known.alias("known"), asked.columns)
        best = F.max_by(F.struct(*map(named, rows.columns)), order).alias("best")
        return rows.groupBy(*map(named, asked.keys)).agg(best).where("best IS NOT NULL").select("best.*")

    return _pull_job(asked, frame)


def everything(asked: Pull) -> SparkRetrievalJob:
    """Every row of the pull."""
    return _pull_job(asked, lambda: _pulled(asked))


def _pull_job(asked: Pull, frame: Callable[[], "DataFrame"]) -> SparkRetrievalJob:
    def keyed() -> "DataFrame":
        """Rows of no entity have Feast's stand-in for a key beside them."""
        from pyspark.sql import functions as F

        return frame().withColumn(DUMMY_ENTITY_ID, F.lit(DUMMY_ENTITY_VAL)) if asked.without_keys else frame()

    return SparkRetrievalJob(frame=keyed, table_versions={asked.source.name: asked.version}, config=asked.config)


def _joined(spark: "SparkSession", asked: Retrieval, labels: Labels, shown: Sequence[str]) -> "DataFrame":
    """NUMBER, the label columns `shown`, the features of every view, and FILES where a view has lineage."""
    from pyspark.sql import functions as F

    frame = labels.frame.select(NUMBER, *map(named, shown))
    views = {f"__v{i}": view for i, view in enumerate(asked.views)}
    histories = {name: _history(spark, view, labels, asked) for name, view in views.items()}
    rule: Rule = {
        "label_time": labels.time,
        "number": NUMBER,
        "known_only": asked.known_only,
        "as_known_at": asked.as_known_at,
    }
    if labels.rows <= FEW_LABELS:
        frame = as_of_join_few(frame, histories, {name: view.label_keys for name, view in views.items()}, **rule)
    else:
        for label_keys in dict.fromkeys(view.label_keys for view in asked.views):
            mine = {name: histories[name] for name, view in views.items() if view.label_keys == label_keys}
            rows = max(labels.rows, sum(rows_of(views[name]) for name in mine))
            frame = as_of_join(
                frame,
                mine,
                label_keys=label_keys,
                heavy=_heavy(labels, mine, label_keys) if rows > 2 * ROWS_A_TASK else None,
                partitions=_partitions(spark, rows),
                **rule,
            )
    chosen = [
        F.col(f"__v{i}.f{j}").alias(name)
        for i, view in enumerate(asked.views)
        for j, name in enumerate(view.output_names)
    ]
    lineage = [F.col(f"__v{i}.f{len(v.columns)}") for i, v in enumerate(asked.views) if v.lineage]
    return frame.select(NUMBER, *map(named, shown), *chosen, *([_merged(lineage)] if lineage else []))


def _history(spark: "SparkSession", view: ViewRequest, labels: Labels, asked: Retrieval) -> History:
    """The rows of a view that a label could use: files that hold none of them are not read."""
    frame = delta.read(spark, view.location, view.version)
    if labels.last is not None:
        frame = frame.where(named(view.event_time) <= _at(labels.last))
        if asked.known_only and view.known_time:
            frame = frame.where(named(view.known_time) <= _at(labels.last))
    if labels.first is not None and view.ttl is not None:
        frame = frame.where(named(view.event_time) >= _at(labels.first - view.ttl))
    columns = [*view.columns, *([view.lineage] if view.lineage else [])]
    return History(frame, view.keys, view.event_time, view.known_time, columns, view.ttl)


def _heavy(labels: Labels, histories: dict[str, History], label_keys: Sequence[str]) -> "DataFrame | None":
    """The keys that one task should not hold: few, since each has a good part of all rows."""
    found = heavy_keys(labels.frame, list(histories.values()), label_keys=label_keys, rows_a_share=ROWS_A_TASK)
    table = found.toArrow()
    return labels.frame.sparkSession.createDataFrame(table) if table.num_rows else None


def _partitions(spark: "SparkSession", rows: int) -> int | None:
    needed = -(-rows // ROWS_A_TASK)
    return needed if needed > int(spark.conf.get("spark.sql.shuffle.partitions") or 0) else None


def _merged(lineage: "list[Column]") -> "Column":
    from pyspark.sql import functions as F

    none = F.array().cast("array<string>")
    return F.array_distinct(F.concat(*(F.coalesce(files, none) for files in lineage))).alias(FILES)


def _pulled(asked: Pull) -> "DataFrame":
    frame = delta.read(running_session(), asked.location, asked.version)
    event, known = named(asked.event_time), named(asked.known_time or asked.event_time)
    end = asked.end
    if asked.start is not None:
        frame = frame.where(event >= _at(asked.start))
    if end is not None:
        frame = frame.where(event <= _at(end))
    if asked.known_only:
        frame = frame.where(known <= _at(end or datetime.now(UTC)))
    if asked.as_known_at is not None:
        frame = frame.where(known <= _at(asked.as_known_at))
    times = [asked.event_time, *([asked.known_time] if asked.known_time else [])]
    return frame.select(*map(named, dict.fromkeys([*asked.keys, *asked.columns, *times])))


def _at(instant: datetime) -> "Column":
    """A constant that Spark pushes down to the files."""
    from pyspark.sql import functions as F

    return F.timestamp_micros(F.lit(to_microseconds(instant)))
