"""Which entities new silver rows touch: what an incremental build has to compute again (docs/adr/0016).

A patient view is built from all facts of a patient, so that a patient is touched as a whole. Where a table's rows name
no patient, or a correction may move a row to another patient, everything that shares the row's *link* (the sample, the
series) is followed to every patient that any version of it names. A view of a case whose rows look back a limited time
(`GoldView.looks_back`) is touched by day: a value reaches the rows of that time after it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from features.view import EVENT_TIME, GoldView
from infra import changes
from infra.lake import Lake
from infra.tables import TABLES

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

LINKS = ("sample_id", "series_uid")
"""Columns by which tables of the lake name the same thing: a sample, a series."""
DAY = "day"
PATIENT = "patient_id"
_MOST_LITERALS = 1_000
"""Up to this many keys a filter names them, and files and row groups without them are not read."""

Versions = Mapping[str, int | None]
"""Version of each silver table; None: there is none."""


@dataclass(frozen=True)
class Touched:
    """What is to be built anew. keys: the view's join key, and for a view by day the `day` (date32); distinct rows."""

    keys: pa.Table

    @property
    def rows(self) -> int:
        return int(self.keys.num_rows)

    def entities(self, view: GoldView) -> pa.Array:
        """The distinct entities."""
        return pc.unique(self.keys[view.join_key])


def touched(lake: Lake, view: GoldView, since: Versions, until: Versions) -> Touched | None:
    """What the silver rows that came after versions `since`, up to `until`, touch in a view.

    Returns None where it cannot be told (see `infra.changes.added_files`). Reads key columns only, without a JVM.
    """
    added: dict[str, list[str]] = {}
    for name in view.inputs:
        files = changes.added_files(lake.silver(name), since[name], until[name])
        if files is None:
            return None
        if files:
            added[name] = files
    if view.looks_back is not None:
        return Touched(_touched_days(lake, view, added, view.looks_back))
    return Touched(pa.table({PATIENT: _touched_patients(lake, view, added, until)}))


def _touched_patients(lake: Lake, view: GoldView, added: Mapping[str, list[str]], until: Versions) -> pa.Array:
    patients: list[pa.Array] = []
    links: dict[str, list[pa.Array]] = {}
    for name, files in added.items():
        declared = {c.name for c in TABLES[name].all_columns}
        follow = [] if _is_patients_own(name) else [link for link in LINKS if link in declared]
        if PATIENT in declared:
            patients.append(distinct_values(lake.silver(name), files, PATIENT))
        for link in follow:
            links.setdefault(link, []).append(distinct_values(lake.silver(name), files, link))
    for link, values in links.items():
        patients += _rows_with(lake, view, until, link, PATIENT, union(values))
    return union(patients)


def linked(lake: Lake, view: GoldView, until: Versions, patients: pa.Array) -> dict[str, pa.Array]:
    """By link, the values of every row (of any version) that names one of these patients."""
    return {link: union(_rows_with(lake, view, until, PATIENT, link, patients)) for link in LINKS}


def _rows_with(
    lake: Lake, view: GoldView, until: Versions, column: str, wanted: str, values: pa.Array
) -> list[pa.Array]:
    """Distinct `wanted` of the rows whose `column` is one of `values`, in inputs whose rows link the two."""
    found = []
    for name in view.inputs:
        declared = {c.name for c in TABLES[name].all_columns}
        if {column, wanted} <= declared and not _is_patients_own(name) and until[name] is not None:
            files = [f.path for f in changes.named_files(lake.silver(name), until[name])]
            rows = changes.dataset(lake.silver(name), files)
            batches = rows.to_batches(columns=[wanted], filter=pc.field(column).isin(values))
            found.append(union(b.column(0) for b in batches))
    return found


def _is_patients_own(table: str) -> bool:
    """Whether all versions of a row name the same patient, because the key does."""
    return PATIENT in TABLES[table].key


def distinct_values(path: str, files: Sequence[str], column: str) -> pa.Array:
    """Distinct values of a column of text of some data files of a table, nulls left out."""
    return union(b.column(0) for b in changes.dataset(path, files).to_batches(columns=[column]))


def union(arrays: Iterable[pa.Array]) -> pa.Array:
    """Distinct values of some arrays of text, nulls left out."""
    chunks = [pc.unique(a).cast(pa.string()) for a in arrays]
    return pc.drop_null(pc.unique(pa.chunked_array(chunks, pa.string())))


def _touched_days(lake: Lake, view: GoldView, added: Mapping[str, list[str]], looks_back: timedelta) -> pa.Table:
    schema = pa.schema([(view.join_key, pa.string()), (DAY, pa.date32())])
    found = schema.empty_table()
    for name, files in added.items():
        for batch in changes.dataset(lake.silver(name), files).to_batches(columns=[view.join_key, EVENT_TIME]):
            times = batch.column(EVENT_TIME)
            # A row reaches from its own day into that of the last row that sees it: a day further at most.
            for at in (times, pc.add(times, pa.scalar(looks_back, pa.duration("us")))):
                part = pa.table([batch.column(view.join_key).cast(pa.string()), days(at)], schema=schema)
                found = pa.concat_tables([found, part.group_by(schema.names).aggregate([])])
        found = found.group_by(schema.names).aggregate([])
    return found.filter(pc.and_(found[view.join_key].is_valid(), found[DAY].is_valid()))


def days(times: Any) -> Any:
    """UTC days (date32) of an Arrow array of times."""
    return pc.cast(pc.floor_temporal(times, unit="day"), pa.date32())


def input_rows(
    name: str, frame: "DataFrame", view: GoldView, scope: Touched, links: Mapping[str, pa.Array]
) -> "DataFrame":
    """The rows of a silver table that could matter to what is touched: all of those, and few others."""
    if view.looks_back is not None:
        return _days_of(frame, view, scope, view.looks_back)
    if _is_patients_own(name):
        return _semi_join(frame, PATIENT, scope.entities(view))
    link = next(link for link in LINKS if link in frame.columns)
    return _semi_join(frame, link, links[link])


def output_rows(frame: "DataFrame", view: GoldView, scope: Touched) -> "DataFrame":
    """Of a view's rows those that are touched. Others were built from part of their facts only, and are wrong."""
    from pyspark.sql import functions as F

    keys = F.broadcast(_frame(frame, scope.keys))
    if view.looks_back is None:
        return frame.join(keys, view.join_key, "left_semi")
    rows = frame.withColumn(DAY, F.to_date(EVENT_TIME))
    return rows.join(keys, [view.join_key, DAY], "left_semi").drop(DAY)


def _days_of(frame: "DataFrame", view: GoldView, scope: Touched, looks_back: timedelta) -> "DataFrame":
    from pyspark.sql import functions as F

    keys = F.broadcast(_frame(frame, scope.keys).withColumnRenamed(view.join_key, "touched_key"))
    begin = F.col(DAY).cast("timestamp") - F.lit(looks_back)
    end = F.date_add(DAY, 1).cast("timestamp")
    time = F.col(EVENT_TIME)
    bounds = pc.min_max(scope.keys[DAY]).as_py()
    if bounds["min"] is not None:
        # For files and row groups, which the join cannot leave out.
        frame = frame.where(time >= F.lit(bounds["min"]).cast("timestamp") - F.lit(looks_back))
        frame = frame.where(time < F.date_add(F.lit(bounds["max"]), 1).cast("timestamp"))
    entities = scope.entities(view)
    if len(entities) <= _MOST_LITERALS:
        frame = frame.where(F.col(view.join_key).isin(entities.to_pylist()))
    within = (F.col(view.join_key) == F.col("touched_key")) & (time >= begin) & (time < end)
    return frame.join(keys, within, "left_semi")


def _semi_join(frame: "DataFrame", column: str, values: pa.Array) -> "DataFrame":
    from pyspark.sql import functions as F

    if len(values) <= _MOST_LITERALS:
        wanted: Column = F.col(column).isin(values.to_pylist()) if len(values) else F.lit(False)
        return frame.where(wanted)
    return frame.join(F.broadcast(_frame(frame, pa.table({column: values}))), column, "left_semi")


def _frame(like: "DataFrame", keys: pa.Table) -> "DataFrame":
    return like.sparkSession.createDataFrame(keys)
