"""The local engine: delta-rs reads, `features.asof.join` joins, in this process. No JVM, no download."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from feast.infra.offline_stores.offline_store import RetrievalMetadata

from features.asof.join import as_of_rows, microseconds
from features.asof.pruning import could_matter, near_keys, of_pull
from features.offline.delta_source import read_columns, stream_columns
from features.offline.label_span import span_labels
from features.offline.label_sql import labels_of_query
from features.offline.labels import label_table, label_time
from features.offline.pulls import keyed, latest_of
from features.offline.requests import Pull, Retrieval, ViewRequest, check_known_times, check_label_columns
from features.offline.retrieval_job import DeltaPullJob, DeltaRetrievalJob, Result
from features.view import LABEL_TIME


def historical(asked: Retrieval) -> DeltaRetrievalJob:
    """Point-in-time features: one row for each label row, in label order.

    Raises UsageError at once on unusable label rows (no key or time column, times without a zone, SQL that is no
    SELECT) and where known time counts and a view has none.
    """
    check_known_times(asked)
    if asked.entity_df is None:
        return _of_span(asked)
    frame = asked.entity_df.reset_index(drop=True) if isinstance(asked.entity_df, pd.DataFrame) else None
    if isinstance(asked.entity_df, str):
        labels = labels_of_query(asked.entity_df, asked.config, asked.sources)
    else:
        labels = label_table(asked.entity_df if frame is None else frame)
    time = label_time(labels.column_names, [f.name for f in labels.schema if pa.types.is_timestamp(f.type)])
    check_label_columns(labels.column_names, asked.views)
    # Refuses what is no time, or has no zone, before anything is read.
    microseconds(labels[time].slice(0, 0), time, round_up=False)
    bounds = pc.min_max(labels[time]).as_py()
    keys = [name for name in labels.column_names if name != time]
    span = (bounds["min"], bounds["max"])
    return _job(asked, lambda: labels, time=time, keys=keys, bounds=span, frame=frame)


def latest(asked: Pull) -> DeltaPullJob:
    """The row of each key that may be used at the pull's end."""
    at = asked.end or datetime.now(UTC)
    return _pull(asked, lambda: latest_of(_stream(asked), asked, at))


def everything(asked: Pull) -> DeltaPullJob:
    """Every row of the pull."""
    return _pull(asked, lambda: _stream(asked))


def _pull(asked: Pull, read: Callable[[], pa.RecordBatchReader]) -> DeltaPullJob:
    return DeltaPullJob(
        read=(lambda: keyed(read())) if asked.without_keys else read,
        table_versions={asked.source.name: asked.version},
        config=asked.config,
    )


def _of_span(asked: Retrieval) -> DeltaRetrievalJob:
    keys = asked.label_keys
    check_label_columns([*keys, LABEL_TIME], asked.views)
    bounds = asked.span or (None, None)
    return _job(asked, partial(span_labels, asked), time=LABEL_TIME, keys=keys, bounds=bounds)


def _job(
    asked: Retrieval,
    labels: Callable[[], pa.Table],
    *,
    time: str,
    keys: list[str],
    bounds: tuple[datetime | None, datetime | None],
    frame: pd.DataFrame | None = None,
) -> DeltaRetrievalJob:
    def run() -> Result:
        table = labels()
        joined = [_join(view, table, time, asked) for view in asked.views]
        for part in joined:
            for name in part.features.column_names:
                table = table.append_column(name, part.features[name])
        return Result(table, partial(_files, joined))

    return DeltaRetrievalJob(
        run=run,
        table_versions=asked.table_versions,
        config=asked.config,
        label_time=time,
        label_frame=frame,
        full_feature_names=asked.full_feature_names,
        on_demand_feature_views=asked.on_demand,
        metadata=RetrievalMetadata(
            features=list(asked.feature_refs),
            keys=keys,
            min_event_timestamp=bounds[0],
            max_event_timestamp=bounds[1],
        ),
    )


@dataclass(frozen=True)
class _Joined:
    """Features in label order, and the rows of the history (as it was read through `where`) that they came from."""

    view: ViewRequest
    features: pa.Table
    rows: pa.Array
    where: Any


def _join(view: ViewRequest, labels: pa.Table, time: str, asked: Retrieval) -> _Joined:
    known = view.known_time
    where = could_matter(labels[time], view, known_only=asked.known_only, as_known_at=asked.as_known_at)
    near = near_keys(view, labels)
    if near is not None:
        where = near if where is None else where & near
    times = [view.event_time, *([known] if known else [])]
    # Arrow does not compare codes with the statistics of files.
    as_codes = view.keys if near is None else ()
    history = read_columns(view.table, [*view.keys, *times, *view.columns], where, as_codes=as_codes)
    # Lineage is wide, and most callers never ask for it: it is read for what was chosen, when it is asked for.
    lineage = [view.lineage] if view.lineage and view.lineage not in view.columns else []
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
        more_payload=partial(read_columns, view.table, lineage, where) if lineage else None,
    )
    # A feature may also be a key or a time: named twice, read once.
    features = pa.table([history[name].take(rows) for name in view.columns], names=list(view.output_names))
    return _Joined(view, features, rows, where)


def _files(joined: Iterable[_Joined]) -> tuple[str, ...]:
    """The source files of every feature row that was used, sorted."""
    files: set[str] = set()
    for part in joined:
        if part.view.lineage is None:
            continue
        used = np.unique(pc.drop_null(part.rows).to_numpy())
        begin = 0
        # The same filter of the same version gives the same rows in the same order.
        for batch in stream_columns(part.view.table, [part.view.lineage], part.where):
            first, last = np.searchsorted(used, [begin, begin + batch.num_rows])
            chosen = batch.column(0).take(pa.array(used[first:last] - begin))
            files.update(pc.unique(pc.list_flatten(chosen)).to_pylist())
            begin += batch.num_rows
    files.discard(None)
    return tuple(sorted(files))


def _stream(asked: Pull) -> pa.RecordBatchReader:
    times = [asked.event_time, asked.known_time] if asked.known_time else [asked.event_time]
    return stream_columns(asked.table, [*asked.keys, *asked.columns, *times], of_pull(asked))
