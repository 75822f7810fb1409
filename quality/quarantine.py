"""Rejected rows, kept whole with their reasons, beside the table that they were meant for."""

from typing import TYPE_CHECKING

import deltalake
import pyarrow as pa

from infra import delta
from infra.lake import Lake
from infra.tables import TABLES
from quality.gate import REASONS

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


def quarantined(lake: Lake, table: str) -> pa.Table:
    """The quarantine of a table as Arrow; empty where nothing was rejected."""
    path = lake.quarantine(table)
    if not delta.exists(path):
        return SCHEMA.empty_table()
    return deltalake.DeltaTable(path).to_pyarrow_table().select(SCHEMA.names)


def counts(lake: Lake) -> dict[str, int]:
    """Rows in quarantine by table, for the tables that have any."""
    sizes = {name: quarantined(lake, name).num_rows for name in TABLES}
    return {name: n for name, n in sizes.items() if n}
