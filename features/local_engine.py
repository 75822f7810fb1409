"""The local engine: delta-rs reads, `features.asof` joins, in this process. No JVM, no download."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from feast.infra.offline_stores.offline_store import RetrievalMetadata

from features.asof import as_of_rows, latest_rows
from features.delta_source import read_columns
from features.labels import label_table, label_time
from features.requests import Pull, Retrieval, ViewRequest, check_label_columns
from features.retrieval_job import DeltaRetrievalJob, Result
from infra.errors import UsageError


def historical(asked: Retrieval) -> DeltaRetrievalJob:
    """Point-in-time features: one row for each label row, in label order. Raises UsageError on unusable label rows."""
    if asked.entity_df is None:
        raise UsageError("There are no label rows.")
    labels = label_table(asked.entity_df)
    time = label_time(labels.column_names, [f.name for f in labels.schema if pa.types.is_timestamp(f.type)])
    check_label_columns(labels.column_names, asked.views)

    def run() -> Result:
        table, files = labels, set[str]()
        for view in asked.views:
            features, used = _join(view, labels, time, asked)
            files.update(used.to_pylist())
            for name in features.column_names:
                table = table.append_column(name, features[name])
        return Result(table, tuple(sorted(files)))

    bounds = pc.min_max(labels[time]).as_py()
    return DeltaRetrievalJob(
        run=run,
        table_versions=asked.table_versions,
        config=asked.config,
        full_feature_names=asked.full_feature_names,
        on_demand_feature_views=asked.on_demand,
        metadata=RetrievalMetadata(
            features=list(asked.feature_refs),
            keys=[name for name in labels.column_names if name != time],
            min_event_timestamp=bounds["min"],
            max_event_timestamp=bounds["max"],
        ),
    )


def latest(asked: Pull) -> DeltaRetrievalJob:
    """The row of each key that may be used at the pull's end."""

    def choose(history: pa.Table) -> pa.Table:
        return latest_rows(
            history,
            keys=asked.keys,
            event_time=asked.event_time,
            known_time=asked.known_time,
            at=_instant(asked.end or datetime.now(UTC)),
            known_only=asked.known_only,
        )

    return _pull(asked, choose)


def everything(asked: Pull) -> DeltaRetrievalJob:
    """Every row of the pull."""
    return _pull(asked, lambda history: history)


def _join(view: ViewRequest, labels: pa.Table, time: str, asked: Retrieval) -> tuple[pa.Table, pa.Array]:
    """(features in label order, ids of the files used)."""
    known = view.known_time
    history = read_columns(
        view.table,
        [
            *view.keys,
            view.event_time,
            *([known] if known else []),
            *view.columns,
            *([view.lineage] if view.lineage else []),
        ],
        _could_matter(labels[time], view.event_time, known if asked.known_only else None, view.ttl),
    )
    rows = as_of_rows(
        labels,
        history,
        keys=view.keys,
        label_keys=view.label_keys,
        label_time=time,
        event_time=view.event_time,
        known_time=known,
        ttl=view.ttl,
        known_only=asked.known_only,
    )
    features = history.select(view.columns).take(rows).rename_columns(list(view.output_names))
    if view.lineage is None:
        return features, pa.array([], pa.string())
    used = history[view.lineage].take(pc.unique(pc.drop_null(rows))).combine_chunks()
    return features, pc.unique(pc.list_flatten(used))


def _pull(asked: Pull, choose: Callable[[pa.Table], pa.Table]) -> DeltaRetrievalJob:
    limits = []
    if asked.start is not None:
        limits.append(pc.field(asked.event_time) >= _instant(asked.start))
    if asked.end is not None:
        limits.append(pc.field(asked.event_time) <= _instant(asked.end))
        if asked.known_only:
            limits.append(pc.field(asked.known_time) <= _instant(asked.end))

    def run() -> Result:
        where = None
        for limit in limits:
            where = limit if where is None else where & limit
        times = [asked.event_time, asked.known_time] if asked.known_time else [asked.event_time]
        return Result(choose(read_columns(asked.table, [*asked.keys, *asked.columns, *times], where)), ())

    return DeltaRetrievalJob(run=run, table_versions={asked.source.name: asked.version}, config=asked.config)


def _could_matter(times: pa.ChunkedArray, event: str, known: str | None, ttl: timedelta | None) -> Any:
    """A filter that drops rows no label could use, so that their files and row groups are not even read."""
    bounds = pc.min_max(pc.cast(times, pa.timestamp("us", tz=times.type.tz), safe=False)) if _zoned(times) else None
    if bounds is None or not bounds["max"].is_valid:
        return None
    # Cutting nanoseconds off rounds towards 1970; a microsecond more on either side loses nothing.
    slack = timedelta(microseconds=1)
    last = _instant(bounds["max"].as_py().astimezone(UTC) + slack)
    where = pc.field(event) <= last
    if known is not None:
        where = where & (pc.field(known) <= last)
    if ttl is not None:
        where = where & (pc.field(event) >= _instant(bounds["min"].as_py().astimezone(UTC) - ttl - slack))
    return where


def _zoned(times: pa.ChunkedArray) -> bool:
    return pa.types.is_timestamp(times.type) and times.type.tz is not None


def _instant(at: datetime) -> pa.Scalar:
    return pa.scalar(at, pa.timestamp("us", tz="UTC"))
