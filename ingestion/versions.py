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
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    good = F.size(REASONS) == 0
    rows = judged.withColumn("_existing", F.lit(False)).withColumn("_good", good)
    if existing is not None:
        keys = rows.filter("_good").select(*table.key).distinct()
        same_key = [F.col(f"known.{k}").eqNullSafe(F.col(f"new.{k}")) for k in table.key]
        touched = existing.alias("known").join(keys.alias("new"), same_key, "left_semi")
        rows = rows.unionByName(
            touched.select(*table.key, "known_time", "row_hash", F.lit(True).alias("_existing"),
                           F.lit(True).alias("_good")),
            allowMissingColumns=True,
        )
    # Rows that are quarantined already take no part: each is alone in a group of its own.
    key = [F.col(k) for k in table.key] + [F.when(~F.col("_good"), F.struct("file_id", "file_row"))]
    same_time = Window.partitionBy(*key, "known_time")
    order = [F.col("file_id"), F.col("file_row")]
    same_content = Window.partitionBy(*key, "known_time", "row_hash").orderBy(~F.col("_existing"), *order)
    in_time = Window.partitionBy(*key).orderBy("known_time", ~F.col("_existing"), *order)
    rows = (
        rows.withColumn("_here", F.collect_set(F.when(F.col("_existing"), F.col("row_hash"))).over(same_time))
        .withColumn("_there", F.size(F.collect_set(F.when(~F.col("_existing"), F.col("row_hash"))).over(same_time)))
        .withColumn("_repeat", F.row_number().over(same_content) > 1)
        .withColumn("_before", F.lag("row_hash").over(in_time))
        .filter(~F.col("_existing"))
    )
    undated = (F.size("_here") > 0) & ~F.array_contains("_here", F.col("row_hash"))
    contradicts = F.col("_good") & ~F.col("_repeat") & (F.col("_there") > 1) & (F.size("_here") == 0)
    repeats = F.col("_repeat") | (~undated & F.coalesce(F.col("_before") == F.col("row_hash"), F.lit(False)))
    rows = rows.withColumn(
        REASONS, F.when(contradicts, F.array(F.lit(CONTRADICTION))).otherwise(F.col(REASONS))
    ).withColumn(
        STATUS,
        F.when(F.size(REASONS) > 0, QUARANTINED).when(repeats, DUPLICATE).otherwise(ACCEPTED),
    )
    known = F.when(undated & (F.col(STATUS) == ACCEPTED), F.lit(now)).otherwise(F.col("known_time"))
    return rows.withColumn("known_time", known).drop("_existing", "_good", "_here", "_there", "_repeat", "_before")
