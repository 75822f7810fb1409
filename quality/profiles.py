"""The profiles of batches in the lake: what a batch is compared with is read from here, never from the tables.

A Delta table for each silver table, `LAKE/quality/profiles/<table>`, so that what is compared lies together and a busy
table does not stand in the way of a quiet one. Counts, and of times the newest: no identifier, and no value that was
measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infra import delta, scan
from infra.lake import Lake
from infra.tables import TABLES
from quality.profiling import Profile
from quality.sketch import SKETCH, Sketch
from quality.statistics import RECENT_BATCHES

CODES: Final = "codes/1"
ROWS: Final = "rows/1"

SCHEMA: Final = pa.schema(
    [
        pa.field("batch_id", pa.string()),
        pa.field("source", pa.string()),
        pa.field("site_id", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("column", pa.string()),
        pa.field("what", pa.string()),
        pa.field("unit", pa.string()),
        pa.field("rows", pa.int64()),
        pa.field("subjects", pa.int64()),
        pa.field("files", pa.int64()),
        pa.field("newest_event_time", pa.timestamp("us", tz="UTC")),
        pa.field("newest_known_time", pa.timestamp("us", tz="UTC")),
        pa.field("buckets", pa.list_(pa.int32())),
        pa.field("codes", pa.list_(pa.string())),
        pa.field("counts", pa.list_(pa.int64())),
        pa.field("profiled_at", pa.timestamp("us", tz="UTC")),
    ]
)
COMMENTS: Final = {
    "kind": f"{ROWS}: how much a site delivered; {SKETCH}: distribution of a number; {CODES}: rows by declared code.",
    "what": "What was measured, in a table that holds several things in one column; empty in others.",
    "subjects": "Patients, cases or samples that the rows are of.",
    "buckets": "Buckets of the sketch that hold rows, ascending.",
    "counts": "Rows in each bucket, or of each code.",
}


@dataclass(frozen=True)
class Past:
    """A site's profile of one batch, as it was kept."""

    batch_id: str
    profiled_at: datetime
    profile: Profile


def profiles_path(lake: Lake, table: str) -> str:
    """The Delta table of a silver table's profiles."""
    return f"{lake.root}/quality/profiles/{table}"


def profile_tables(lake: Lake) -> list[str]:
    """The silver tables of which batches were profiled."""
    return [name for name in TABLES if delta.exists(profiles_path(lake, name))]


def keep(
    lake: Lake, table: str, source: str, batch_id: str, profiles: Sequence[Profile], profiled_at: datetime
) -> None:
    """Appends a batch's profiles. The caller holds the lock and knows that they are not there yet."""
    common = {"batch_id": batch_id, "source": source, "profiled_at": profiled_at}
    rows: list[dict[str, Any]] = []
    for p in profiles:
        of_site = common | {"site_id": p.site_id}
        rows.append(
            of_site
            | {"kind": ROWS, "rows": p.rows, "subjects": p.subjects, "files": p.files,
               "newest_event_time": p.newest_event, "newest_known_time": p.newest_known}
        )  # fmt: skip
        for (column, what, unit), sketch in p.numbers.items():
            rows.append(
                of_site
                | {"kind": SKETCH, "column": column, "what": what, "unit": unit, "rows": sketch.n,
                   "subjects": sketch.subjects, "buckets": sketch.keys.tolist(), "counts": sketch.counts.tolist()}
            )  # fmt: skip
        for column, codes in p.codes.items():
            rows.append(
                of_site
                | {"kind": CODES, "column": column, "what": "", "unit": "", "rows": sum(codes.values()),
                   "subjects": p.subjects, "codes": list(codes), "counts": list(codes.values())}
            )  # fmt: skip
    path = profiles_path(lake, table)
    delta.create(lake, path, SCHEMA, COMMENTS, f"Profiles of the batches of {table}: counts, no values.")
    delta.append_arrow(lake, pa.Table.from_pylist(rows, SCHEMA), path)


def history(lake: Lake, table: str) -> pa.Table:
    """How much each batch brought to a table, by source and site; the columns of SCHEMA, rows of kind ROWS only."""
    path = profiles_path(lake, table)
    if not delta.exists(path):
        return SCHEMA.empty_table()
    light = [n for n in SCHEMA.names if n not in ("buckets", "codes", "counts")]
    return scan.rows(path, light, pc.field("kind") == ROWS)


def recent(lake: Lake, table: str, source: str, before: datetime | None = None) -> dict[str, list[Past]]:
    """By site the last RECENT_BATCHES profiles of a table's batches from a source, the newest first.

    before: only those that were profiled earlier. Of the others no sketch is read.
    """
    known = history(lake, table)
    if not known.num_rows:
        return {}
    is_it = pc.field("source") == source
    if before is not None:
        is_it &= pc.field("profiled_at") < before
    chosen: dict[str, list[str]] = {}
    for row in known.filter(is_it).sort_by([("profiled_at", "descending")]).select(["site_id", "batch_id"]).to_pylist():
        batches = chosen.setdefault(row["site_id"], [])
        if row["batch_id"] not in batches and len(batches) < RECENT_BATCHES:
            batches.append(row["batch_id"])
    wanted = sorted({b for batches in chosen.values() for b in batches})
    if not wanted:
        return {}
    there = of_batches(lake, table, source, wanted)
    return {site: [p for b in batches if (p := there.get((site, b)))] for site, batches in chosen.items()}


def of_batches(lake: Lake, table: str, source: str, batch_ids: Sequence[str]) -> dict[tuple[str, str], Past]:
    """By site and batch the profiles of these batches that are kept."""
    path = profiles_path(lake, table)
    if not delta.exists(path):
        return {}
    is_it = (pc.field("source") == source) & pc.field("batch_id").isin(list(batch_ids))
    rows = scan.rows(path, where=is_it).to_pylist()
    by_batch: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        by_batch.setdefault((row["site_id"], row["batch_id"]), []).append(row)
    return {key: _past(own) for key, own in by_batch.items()}


def _past(rows: Sequence[Mapping[str, Any]]) -> Past:
    head = next(r for r in rows if r["kind"] == ROWS)
    numbers = {
        (r["column"], r["what"], r["unit"]): Sketch(
            np.asarray(r["buckets"], np.int32), np.asarray(r["counts"], np.int64), r["subjects"]
        )
        for r in rows
        if r["kind"] == SKETCH
    }
    codes = {r["column"]: dict(zip(r["codes"], r["counts"], strict=True)) for r in rows if r["kind"] == CODES}
    profile = Profile(
        head["site_id"], head["rows"], head["files"], head["subjects"], head["newest_event_time"],
        head["newest_known_time"], numbers, codes,
    )  # fmt: skip
    return Past(head["batch_id"], head["profiled_at"], profile)
