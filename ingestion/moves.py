"""Where rows came from that left quarantine, and what that makes of the counts of their files."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from infra import delta, scan
from infra.lake import Lake
from ingestion import ledger
from ingestion.fates import union
from ingestion.reading import FileKey
from ingestion.tally import FILE_KEY
from ingestion.versions import ACCEPTED, QUARANTINED, STATUS
from quality.quarantine import held_records

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

SCHEMA = pa.schema(
    [
        pa.field("table_name", pa.string()),
        pa.field("file_id", pa.string()),
        pa.field("site_id", pa.string()),
        pa.field("file_row", pa.int64()),
        pa.field("row_hash", pa.string()),
        pa.field("source", pa.string()),
        pa.field("format", pa.string()),
        pa.field("reasons", pa.list_(pa.string())),
        pa.field("from_batch_id", pa.string()),
        pa.field("quarantined_at", pa.timestamp("us", tz="UTC")),
        pa.field("outcome", pa.string()),
        pa.field("batch_id", pa.string()),
        pa.field("ingested_at", pa.timestamp("us", tz="UTC")),
    ]
)
COMMENTS = {
    "row_hash": "Of the row as it was held.",
    "reasons": "What it was held for.",
    "from_batch_id": "The batch that put it into quarantine.",
    "outcome": "Of its record: accepted, duplicate, or quarantined where another row of the record is held still.",
    "batch_id": "The replay, which is also the batch_id of the rows in their table.",
}
ROW = ["file_id", "site_id", "file_row", "row_hash"]


def path(lake: Lake) -> str:
    """The Delta table of moves."""
    return f"{lake.root}/bronze/quarantine_moves"


def outcomes(statuses: "Iterable[DataFrame]") -> "DataFrame":
    """Of each record sent: file_id, site_id, file_row, outcome (the worst of its rows)."""
    from pyspark.sql import functions as F

    rows = reduce(union, (s.select(*FILE_KEY, "file_row", STATUS) for s in statuses))
    worst = F.when(F.max(F.col(STATUS) == QUARANTINED), QUARANTINED).when(F.max(F.col(STATUS) == ACCEPTED), ACCEPTED)
    return rows.groupBy(*FILE_KEY, "file_row").agg(worst.otherwise("duplicate").alias("outcome"))


def record(spark: "SparkSession", lake: Lake, table: str, moved: "DataFrame", stamps: "dict[str, Column]") -> None:
    """Appends the rows of one quarantine that are leaving it. What an interrupted replay recorded is not doubled.

    moved: columns of the quarantine, and `outcome`.
    """
    from pyspark.sql import functions as F

    delta.create(lake, path(lake), SCHEMA, COMMENTS, "Rows that left quarantine, with what they were held for.")
    rows = moved.withColumnsRenamed({"batch_id": "from_batch_id", "ingested_at": "quarantined_at"}).withColumns(stamps)
    rows = rows.withColumn("table_name", F.lit(table))
    before = delta.version(path(lake)) or 0
    if before > 0:
        there = delta.read(spark, path(lake)).filter(F.col("table_name") == table).select(*ROW, "from_batch_id")
        rows = rows.join(there, [*ROW, "from_batch_id"], "left_anti")
    rows = rows.select(*SCHEMA.names).persist()
    if not rows.isEmpty():
        batch_id = rows.select("batch_id").first()
        delta.append(lake, rows, path(lake), f"{batch_id[0] if batch_id else ''}:moves:{table}:{before}")
    rows.unpersist()


def account(lake: Lake, source: str, keys: Sequence[FileKey], batch_id: str) -> None:
    """Writes the new counts of these files to the ledger: those at ingestion, less the records that moved since.

    Counted from what is on record, never added up, so that a repeated replay says the same. Raises AssertionError
    where a file's moves and what it held do not add up; nothing is written then.
    """
    if not delta.exists(path(lake)):
        return
    moved = scan.rows(path(lake))
    moved = moved.filter((pc.field("source") == source) & (pc.field("outcome") != QUARANTINED))
    of_file: dict[FileKey, dict[int, str]] = {}
    for row in moved.select([*FILE_KEY, "file_row", "outcome"]).to_pylist():
        of_file.setdefault((row["file_id"], row["site_id"]), {})[row["file_row"]] = row["outcome"]
    entries = []
    for key in keys:
        records = of_file.get(key, {})
        if not records:
            continue
        first = ledger.accounted(lake, source, key)
        accepted = sum(outcome == ACCEPTED for outcome in records.values())
        entry = replace(
            first,
            accepted=first.accepted + accepted,
            quarantined=first.quarantined - len(records),
            duplicates=first.duplicates + len(records) - accepted,
            status="replayed",
            batch_id=batch_id,
        )
        held = held_records(lake, source, key) - set(records)
        if entry.quarantined != len(held):
            raise AssertionError(
                f"a file of {source} has {len(held)} records in quarantine and {entry.quarantined} are accounted "
                "for; the ledger was not written"
            )
        entries.append(entry)
    if entries:
        ledger.record(lake, entries)
