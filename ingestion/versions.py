"""What is new in a batch: duplicates, corrections and contradictions, against the batch itself and the table.

The rule, for the rows of one natural key:
- the same content as the version in force at its known time adds nothing: a duplicate;
- other content with a later known time is a new version, a correction;
- other content with the *same* known time as a version in the table is a correction that names no date: it could be
  known only when it was delivered, so its known time becomes the moment of ingestion;
- other content with the same known time in the same batch is a contradiction: nobody can say which is right, and
  all of them go to quarantine.
"""

from typing import TYPE_CHECKING

from infra.table import Table
from quality.gate import REASONS

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import Column, DataFrame

STATUS = "status"
ACCEPTED, DUPLICATE, QUARANTINED = "accepted", "duplicate", "quarantined"
CONTRADICTION = "another record of the delivery has the same key and known time but other content"


def row_hash(table: Table) -> "Column":
    """SHA-256 over the content columns and event_time, as JSON: nulls, types and order cannot be confused."""
    from pyspark.sql import functions as F

    content = F.struct(*(F.col(name) for name in table.content_columns))
    return F.sha2(F.to_json(content, {"ignoreNullFields": "false"}), 256)


def current(frame: "DataFrame", table: Table) -> "DataFrame":
    """The current view of a silver table: of each natural key, the version known last."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    newest = Window.partitionBy(*table.key).orderBy(
        F.col("known_time").desc_nulls_last(), F.col("ingested_at").desc(), F.col("file_id"), F.col("file_row")
    )
    return frame.withColumn("_rank", F.row_number().over(newest)).filter("_rank = 1").drop("_rank")


def classify(judged: "DataFrame", existing: "DataFrame | None", table: Table, now: "datetime") -> "DataFrame":
    """Adds STATUS to a judged frame that has `row_hash`; resolves known times of corrections.

    existing: the table's rows from other files (key columns, known_time, row_hash), or None for an empty table.
    """
    from pyspark.sql import functions as F

    good = judged.filter(F.size(REASONS) == 0)
    keys = good.select(*table.key)
    if existing is not None:
        touched = existing.join(keys.distinct(), _same_key(existing, keys, table), "left_semi")
        touched = touched.select(*table.key, "known_time", "row_hash", F.lit(True).alias("_existing")).persist()
        keys = keys.unionByName(touched.select(*table.key))
    # Nearly every key occurs once; only the others need to be put in order and compared.
    shared = keys.groupBy(*table.key).count().filter("count > 1").drop("count").persist()
    by_gate = F.when(F.size(REASONS) > 0, QUARANTINED).otherwise(ACCEPTED)
    if shared.isEmpty():
        shared.unpersist()
        return judged.withColumn(STATUS, by_gate)
    alone = judged.join(shared, _same_key(judged, shared, table), "left_anti").withColumn(STATUS, by_gate)
    several = judged.join(shared, _same_key(judged, shared, table), "left_semi").withColumn("_existing", F.lit(False))
    if existing is not None:
        several = several.unionByName(touched, allowMissingColumns=True)
    return alone.unionByName(_compare(several, table, now).persist())


def _same_key(left: "DataFrame", right: "DataFrame", table: Table) -> "list[Column]":
    return [left[k].eqNullSafe(right[k]) for k in table.key]


def _compare(rows: "DataFrame", table: Table, now: "datetime") -> "DataFrame":
    """STATUS of the rows of keys that occur more than once; rows with `_existing` are the table's, and are left out."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    good = F.coalesce(F.size(REASONS) == 0, F.lit(True))
    # Rows that are quarantined already take no part: each is alone in a group of its own.
    key = [F.col(k) for k in table.key] + [F.when(~good, F.struct("file_id", "file_row"))]
    order = [~F.col("_existing"), F.col("file_id"), F.col("file_row")]
    same_time = Window.partitionBy(*key, "known_time")
    same_content = Window.partitionBy(*key, "known_time", "row_hash").orderBy(*order)
    in_time = Window.partitionBy(*key).orderBy("known_time", *order)
    rows = (
        rows.withColumn("_before", F.lag("row_hash").over(in_time))
        .withColumn("_here", F.collect_set(F.when(F.col("_existing"), F.col("row_hash"))).over(same_time))
        .withColumn("_there", F.size(F.collect_set(F.when(~F.col("_existing"), F.col("row_hash"))).over(same_time)))
        .withColumn("_repeat", F.row_number().over(same_content) > 1)
        .filter(~F.col("_existing"))
    )
    undated = (F.size("_here") > 0) & ~F.array_contains("_here", F.col("row_hash"))
    contradicts = good & ~F.col("_repeat") & (F.col("_there") > 1) & (F.size("_here") == 0)
    repeats = F.col("_repeat") | (~undated & F.coalesce(F.col("_before") == F.col("row_hash"), F.lit(False)))
    rows = rows.withColumn(REASONS, F.when(contradicts, F.array(F.lit(CONTRADICTION))).otherwise(F.col(REASONS)))
    status = F.when(F.size(REASONS) > 0, QUARANTINED).when(repeats, DUPLICATE).otherwise(ACCEPTED)
    rows = rows.withColumn(STATUS, status)
    # The gate found nothing wrong with these, so nothing of the record was kept yet.
    content = F.to_json(F.struct(*table.content_columns))
    rows = rows.withColumn("record", F.when(contradicts, content).otherwise(F.col("record")))
    known = F.when(undated & (F.col(STATUS) == ACCEPTED), F.lit(now)).otherwise(F.col("known_time"))
    return rows.withColumn("known_time", known).drop("_existing", "_here", "_there", "_repeat", "_before")
