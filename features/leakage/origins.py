"""From when the files behind a gold row had said anything of its entity: the check of gold against silver.

A gold row names the files of the facts that it rests on. It cannot have been known before each of these files had a
row of the same entity that could be known. That bound needs no recomputation: one scan of silver by file.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.arrow_sql import query
from features.leakage.known_then import Ints
from features.view import FILE_IDS, GoldView
from infra import delta, scan
from infra.lake import Lake
from infra.tables import TABLES

SAMPLE = "sample_id"
SPECIMEN = "specimen"
DELAY = "reporting_delay_days"
NOTHING = -(2**62)
"""Where no file could be held against silver: known from ever, and yet a time that others can be taken from."""
_NONE = pa.table(
    {"entity": pa.array([], pa.string()), "file_id": pa.array([], pa.string()), "us": pa.array([], pa.int64())}
)


def rests_on(lake: Lake, view: GoldView, gold: pa.Table) -> tuple[Ints, list[str]]:
    """(for each gold row the microseconds UTC from which all of its files had said something of its entity, notes).

    gold: the view's join key and file_ids. Files that silver has no row of for the entity are not judged, and noted.
    """
    files = pc.list_flatten(gold[FILE_IDS])
    pairs = pa.table(
        {
            "r": pc.list_parent_indices(gold[FILE_IDS]),
            "entity": gold[view.join_key].take(pc.list_parent_indices(gold[FILE_IDS])),
            "file_id": files,
        }
    )
    since = np.full(gold.num_rows, NOTHING)
    if not pairs.num_rows:
        return since, []
    tables = [name for name in view.inputs if delta.exists(lake.silver(name))]
    first = _first_said(lake, view.join_key, tables, pc.unique(pairs["entity"]), pc.unique(files))
    judged = query(
        "SELECT r, max(us) AS us, count(*) AS files FROM pairs JOIN first USING (entity, file_id) GROUP BY r",
        pairs=pairs,
        first=first,
    )
    since[judged["r"].to_numpy()] = judged["us"].to_numpy()
    unknown = pairs.num_rows - (pc.sum(judged["files"]).as_py() or 0)
    if not unknown:
        return since, []
    return since, [
        f"{unknown:,} of {pairs.num_rows:,} files named by rows of {view.name} have no silver row of the same "
        f"{view.entity}: from when these were known was not checked."
    ]


def _first_said(lake: Lake, key: str, tables: list[str], entities: pa.Array, files: pa.Array) -> pa.Table:
    """entity, file_id, us: when a file's first row of an entity could be known, over some silver tables."""
    parts = [_NONE]
    drawn = _drawn(lake) if SPECIMEN in tables else None
    for name in tables:
        columns = [c.name for c in TABLES[name].all_columns]
        if key in columns:
            where = pc.field("file_id").isin(files) & pc.field(key).isin(entities)
            first = (
                f"SELECT {key} AS entity, file_id, min(greatest(event_time, known_time)) AS us FROM rows GROUP BY ALL"
            )
            parts.append(query(first, rows=_scan(lake, name, [key, "file_id", "event_time", "known_time"], where)))
        elif SAMPLE in columns and drawn is not None:
            results = _scan(lake, name, [SAMPLE, "file_id", "known_time", DELAY], pc.field("file_id").isin(files))
            # A result is known when it was reported, else after its delay; never before its specimen was.
            reported = f"coalesce(epoch_us(known_time), collected + CAST({DELAY} * 86400e6 AS BIGINT))"
            joined = (
                f"SELECT patient AS entity, file_id, min(greatest(us, {reported})) AS us FROM rows "
                f"JOIN drawn USING ({SAMPLE}) GROUP BY ALL"
            )
            parts.append(query(joined, rows=results, drawn=drawn))
    whole = pa.concat_tables([_whole(part) for part in parts])
    return query(
        "SELECT entity, file_id, min(us) AS us FROM whole WHERE entity IS NOT NULL AND us IS NOT NULL GROUP BY ALL",
        whole=whole,
    )


def _drawn(lake: Lake) -> pa.Table:
    """sample_id, patient, collected and us (when the first row of the specimen could be known), in microseconds."""
    rows = _scan(lake, SPECIMEN, [SAMPLE, "patient_id", "collected_time", "known_time"], None)
    return query(
        f"SELECT {SAMPLE}, patient_id AS patient, min(epoch_us(collected_time)) AS collected,"
        " min(epoch_us(greatest(collected_time, known_time))) AS us FROM rows GROUP BY ALL",
        rows=rows,
    )


def _scan(lake: Lake, table: str, columns: list[str], where: Any) -> pa.RecordBatchReader:
    """Rows of a silver table as a stream: minutes of monitors are many, and few of them are ever in memory."""
    return scan.dataset(lake.silver(table)).scanner(columns=columns, filter=where).to_reader()


def _whole(part: pa.Table) -> pa.Table:
    """Times as whole microseconds, and texts of one type, so that parts can be put together."""
    us = part["us"]
    us = us.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()) if pa.types.is_timestamp(us.type) else us
    return pa.table([part["entity"].cast(pa.string()), part["file_id"].cast(pa.string()), us], _NONE.schema)
