"""From when the files behind a gold row had said anything of its entity: the check of gold against silver.

A gold row names the files of the facts that it rests on. It cannot have been known before each of these files had a
row of the same entity that could be known. That bound needs no recomputation: one scan of silver by file.
"""

import deltalake
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.known_then import Ints
from features.view import FILE_IDS, GoldView
from infra import delta
from infra.lake import Lake
from infra.tables import TABLES

SAMPLE = "sample_id"
SPECIMEN = "specimen"
DELAY = "reporting_delay_days"
NOTHING = -(2**62)
"""Where no file could be held against silver: known from ever, and yet a time that others can be taken from."""
_TIME = pa.timestamp("us", tz="UTC")


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
    first = _first_said(lake, view.join_key, tables, pc.unique(files))
    import duckdb

    with duckdb.connect() as db:
        db.register("pairs", pairs)
        db.register("first", first)
        judged = db.sql(
            "SELECT r, max(us) AS us, count(*) AS files FROM pairs JOIN first USING (entity, file_id) GROUP BY r"
        ).to_arrow_table()
    since[judged["r"].to_numpy()] = judged["us"].to_numpy()
    unknown = pairs.num_rows - (pc.sum(judged["files"]).as_py() or 0)
    if not unknown:
        return since, []
    return since, [
        f"{unknown:,} of {pairs.num_rows:,} files named by rows of {view.name} have no silver row of the same "
        f"{view.entity}: from when these were known was not checked."
    ]


def _first_said(lake: Lake, key: str, tables: list[str], files: pa.Array) -> pa.Table:
    """entity, file_id, us: when a file's first row of an entity could be known, over some silver tables."""
    import duckdb

    with duckdb.connect() as db:
        drawn = pa.table(
            {SAMPLE: pa.array([], pa.string()), "patient": pa.array([], pa.string()), "us": pa.array([], pa.int64())}
        )
        if SPECIMEN in tables:
            specimen = _rows(lake, SPECIMEN, [SAMPLE, "patient_id", "collected_time", "known_time"], None)
            db.register("specimen_rows", specimen)
            drawn = db.sql(
                f"SELECT {SAMPLE}, patient_id AS patient, min(collected_time) AS collected,"
                f" min(greatest(collected_time, known_time)) AS us FROM specimen_rows GROUP BY ALL"
            ).to_arrow_table()
        db.register("drawn", drawn)
        parts = []
        for number, name in enumerate(tables):
            columns = [c.name for c in TABLES[name].all_columns]
            if key in columns:
                db.register(f"t{number}", _rows(lake, name, [key, "file_id", "event_time", "known_time"], files))
                parts.append(f"SELECT {key} AS entity, file_id, greatest(event_time, known_time) AS us FROM t{number}")
            elif SAMPLE in columns and SPECIMEN in tables:
                db.register(f"t{number}", _rows(lake, name, [SAMPLE, "file_id", "known_time", DELAY], files))
                # A result is known when it was reported, else after its delay; never before its specimen was.
                reported = f"coalesce(known_time, collected + CAST({DELAY} * 86400e6 AS BIGINT))"
                parts.append(
                    f"SELECT patient AS entity, file_id, greatest(us, {reported}) AS us FROM t{number} "
                    f"JOIN drawn USING ({SAMPLE})"
                )
        if not parts:
            return pa.table(
                {
                    "entity": pa.array([], pa.string()),
                    "file_id": pa.array([], pa.string()),
                    "us": pa.array([], pa.int64()),
                }
            )
        return db.sql(
            f"SELECT entity, file_id, min(us) AS us FROM ({' UNION ALL '.join(parts)}) "
            "WHERE entity IS NOT NULL AND us IS NOT NULL GROUP BY ALL"
        ).to_arrow_table()


def _rows(lake: Lake, table: str, columns: list[str], files: pa.Array | None) -> pa.Table:
    """Columns of a silver table, of some files, times as whole microseconds: DuckDB's zones need an extension."""
    where = None if files is None else pc.field("file_id").isin(files)
    rows = deltalake.DeltaTable(lake.silver(table)).to_pyarrow_dataset().to_table(columns=columns, filter=where)
    for number, name in enumerate(columns):
        if pa.types.is_timestamp(rows.schema.field(name).type):
            rows = rows.set_column(number, name, rows[name].cast(_TIME).cast(pa.int64()))
    return rows
