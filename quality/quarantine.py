"""Rejected rows, kept whole with their reasons, beside the table that they were meant for."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from infra import delta, scan
from infra.data_files import DataFile
from infra.lake import Lake
from infra.tables import TABLES
from quality.gate import CONTRADICTION, REASONS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SCHEMA = pa.schema(
    [
        pa.field("file_id", pa.string()),
        pa.field("file_row", pa.int64()),
        pa.field("site_id", pa.string()),
        pa.field("source", pa.string()),
        pa.field("format", pa.string()),
        pa.field("reasons", pa.list_(pa.string())),
        pa.field("record", pa.string()),
        pa.field("row_hash", pa.string()),
        pa.field("batch_id", pa.string()),
        pa.field("ingested_at", pa.timestamp("us", tz="UTC")),
    ]
)
COMMENTS = {
    "reasons": "The checks that the row breaks, in words, without its values.",
    "record": "The raw record as JSON, identifiers replaced by pseudonyms.",
}


def quarantine_rows(
    spark: "SparkSession", lake: Lake, bad: "DataFrame", table: str, source: str, batch_id: str
) -> None:
    """Appends rejected rows of one batch. Rows that an interrupted attempt already put there are not doubled.

    bad: file_id, file_row, site_id, format, reasons, record, row_hash, batch_id, ingested_at.
    """
    from pyspark.sql import functions as F

    path = lake.quarantine(table)
    delta.create(lake, path, SCHEMA, COMMENTS, f"Rejected rows of {table}.")
    rows = bad.withColumn("source", F.lit(source)).withColumnRenamed(REASONS, "reasons").select(*SCHEMA.names)
    before = delta.version(path) or 0
    if before > 0:
        record_key = ["file_id", "site_id", "file_row", "row_hash"]
        there = delta.read(spark, path).select(*record_key)
        rows = rows.join(there, record_key, "left_anti").select(*SCHEMA.names)
    delta.append(lake, rows, path, f"{batch_id}:quarantine:{table}:{before}")


def holds(lake: Lake, table: str, keys: Iterable[tuple[str, str]]) -> bool:
    """Whether the quarantine of a table has rows of any of these files (file_id, site_id)."""
    return delta.has_rows_with(lake.quarantine(table), "file_id", [file_id for file_id, _ in keys])


def commit_held(lake: Lake, table: str, files: Sequence[DataFile], batch_id: str) -> None:
    """Makes rejected rows visible that were written below the quarantine already, with the columns of SCHEMA."""
    path = lake.quarantine(table)
    delta.create(lake, path, SCHEMA, COMMENTS, f"Rejected rows of {table}.")
    delta.commit_files(lake, path, files, batch_id)


def quarantined(lake: Lake, table: str) -> pa.Table:
    """The quarantine of a table as Arrow; empty where nothing was rejected."""
    path = lake.quarantine(table)
    if not delta.exists(path):
        return SCHEMA.empty_table()
    return scan.rows(path, SCHEMA.names)


def counts(lake: Lake) -> dict[str, int]:
    """Rows in quarantine by table, for the tables that have any."""
    sizes = {name: quarantined(lake, name).num_rows for name in TABLES}
    return {name: n for name, n in sizes.items() if n}


@dataclass(frozen=True)
class Held:
    """Rows of one file in the quarantine of one table. is_contradiction: only the conformed row was kept of them."""

    table: str
    format: str
    file_id: str
    site_id: str
    is_contradiction: bool
    rows: int


def held_by_format(lake: Lake, source: str) -> list[Held]:
    """What a source has in quarantine; read without a JVM, in columns that hold nothing of a patient."""
    found: Counter[tuple[str, str, str, str, bool]] = Counter()
    columns = ["format", "file_id", "site_id", "reasons"]
    for table in TABLES:
        if not delta.exists(lake.quarantine(table)):
            continue
        dataset = scan.dataset(lake.quarantine(table))
        for batch in dataset.to_batches(columns=columns, filter=pc.field("source") == source):
            for row in batch.to_pylist():
                is_contradiction = CONTRADICTION in row["reasons"]
                found[table, row["format"], row["file_id"], row["site_id"], is_contradiction] += 1
    return [Held(*key, n) for key, n in found.items()]


def held_records(lake: Lake, source: str, key: tuple[str, str]) -> set[int]:
    """Numbers of the records of a file (file_id, site_id) of which any row is in quarantine."""
    records: set[int] = set()
    is_it = (pc.field("file_id") == key[0]) & (pc.field("site_id") == key[1]) & (pc.field("source") == source)
    for table in TABLES:
        if delta.exists(lake.quarantine(table)):
            where = is_it & (pc.field("format") != "derived")
            found = scan.rows(lake.quarantine(table), ["file_row"], where)
            records |= set(found["file_row"].to_pylist())
    return records


def held_rows(spark: "SparkSession", lake: Lake, table: str, source: str) -> "DataFrame":
    """The quarantine of a table as a Spark frame, rows of one source; empty where there is none."""
    from pyspark.sql import functions as F

    delta.create(lake, lake.quarantine(table), SCHEMA, COMMENTS, f"Rejected rows of {table}.")
    return delta.read(spark, lake.quarantine(table)).select(*SCHEMA.names).filter(F.col("source") == source)


def replace_rows(
    spark: "SparkSession", lake: Lake, table: str, sent: "DataFrame", refused: "DataFrame | None", source: str
) -> None:
    """Takes the records `sent` out of a quarantine and puts back those rows that are refused still, in one commit.

    sent: file_id, site_id, file_row. refused: as in `quarantine_rows`. A row that was held already keeps the batch and
    the time of when it was first refused; the version of the table before stays readable.
    """
    from pyspark.sql import functions as F

    record_key = ["file_id", "site_id", "file_row"]
    if refused is None and not delta.exists(lake.quarantine(table)):
        return
    everything = held_rows(spark, lake, table, source)
    is_sent = everything.filter(F.col("format") != "derived").join(sent, record_key, "left_semi").localCheckpoint()
    whole = delta.read(spark, lake.quarantine(table)).select(*SCHEMA.names)
    of_others = whole.filter((F.col("source") != source) | (F.col("format") == "derived"))
    unsent = everything.filter(F.col("format") != "derived").join(sent, record_key, "left_anti")
    after = of_others.unionByName(unsent)
    if refused is not None:
        first = is_sent.groupBy(*record_key, "row_hash").agg(
            F.min_by("batch_id", "ingested_at").alias("first_batch"), F.min("ingested_at").alias("first_at")
        )
        rows = refused.withColumn("source", F.lit(source)).withColumnRenamed(REASONS, "reasons").select(*SCHEMA.names)
        # A contradiction keeps its conformed row as the record: the one it was held with is not less.
        rows = rows.join(first, [*record_key, "row_hash"], "left").withColumns(
            {"batch_id": F.coalesce("first_batch", "batch_id"), "ingested_at": F.coalesce("first_at", "ingested_at")}
        )
        rows = rows.select(*SCHEMA.names).localCheckpoint()
        columns = [*record_key, "row_hash", "reasons"]
        is_same = (
            rows.select(*columns).exceptAll(is_sent.select(*columns)).isEmpty()
            and is_sent.select(*columns).exceptAll(rows.select(*columns)).isEmpty()
        )
        after = after.unionByName(rows)
    else:
        is_same = is_sent.isEmpty()
    if not is_same:
        delta.overwrite(lake, after, lake.quarantine(table))
