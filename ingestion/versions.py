"""What is new in a batch: duplicates, corrections and contradictions, against the batch itself and the table.

The rule, for the rows of one natural key:
- the same content as the version in force at its known time adds nothing: a duplicate;
- other content with a later known time is a new version, a correction;
- other content with the *same* known time as a version in the table is a correction that names no date: it could be
  known only when it was delivered, so its known time becomes the moment of ingestion;
- other content with the same known time in the same batch is a contradiction: nobody can say which is right, and
  all of them go to quarantine.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from infra.table import Table
from quality.gate import CONTRADICTION, REASONS

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import Column, DataFrame

ROW_HASH = "xxhash64x2/1"
"""Name of the definition of `row_hash`: hashes of two definitions cannot be compared."""
SECOND_SEED = "oncolake"
_HEX = np.frombuffer(b"".join(b"%02x" % i for i in range(256)), np.uint8).view(np.uint16)
STATUS = "status"
ACCEPTED, DUPLICATE, QUARANTINED = "accepted", "duplicate", "quarantined"


def row_hash(table: Table) -> "Column":
    """128 bits over the content columns and event_time, as 32 hexadecimal digits.

    Two runs of xxHash64 (https://xxhash.com), the second with a seed of its own. It is compared only with the hash of
    another row with the same natural key, so that chance is all that has to be kept out, and not malice; SHA-256 took
    a third of the time of a whole ingestion. Spark's xxHash64 passes over nulls: which columns are null is hashed too,
    and arrays are hashed as JSON, so that no two rows of different content look alike.
    """
    from pyspark.sql import functions as F

    return F.lower(F.concat(*(F.lpad(F.hex(half), 16, "0") for half in row_hash_halves(table))))


def row_hash_halves(table: Table) -> "tuple[Column, Column]":
    """`row_hash` as two bigints, for frames of millions of rows: `hex_digits` makes the text of them."""
    from functools import reduce

    from pyspark.sql import functions as F

    types = {c.name: c.type for c in table.all_columns}
    columns = [F.to_json(c) if types[c].startswith("array") else F.col(c) for c in table.content_columns]
    # Sums of powers of two, in as many numbers as it takes.
    nulls = [
        reduce(lambda a, b: a + b, (F.when(F.col(c).isNull(), 1 << i).otherwise(0) for i, c in enumerate(names)))
        for names in (table.content_columns[k : k + 30] for k in range(0, len(table.content_columns), 30))
    ]
    return F.xxhash64(*nulls, *columns), F.xxhash64(F.lit(SECOND_SEED), *nulls, *columns)


def hex_digits(first: "np.ndarray[Any, Any]", second: "np.ndarray[Any, Any]") -> pa.Array:
    """The texts of `row_hash` from its halves (int64)."""
    halves = np.stack([first, second], axis=1).astype(">i8")
    digits = _HEX[halves.view(np.uint8)].tobytes()
    offsets = np.arange(len(first) + 1, dtype=np.int32) * 32
    return pa.StringArray.from_buffers(len(first), pa.py_buffer(offsets), pa.py_buffer(digits))


def current(frame: "DataFrame", table: Table) -> "DataFrame":
    """The current view of a silver table: of each natural key, the version known last."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    newest = Window.partitionBy(*table.key).orderBy(
        F.col("known_time").desc_nulls_last(), F.col("ingested_at").desc(), F.col("file_id"), F.col("file_row")
    )
    return frame.withColumn("_rank", F.row_number().over(newest)).filter("_rank = 1").drop("_rank")


def classify(judged: "DataFrame", existing: "DataFrame | None", table: Table, now: "datetime") -> "DataFrame":
    """A judged frame that has `row_hash`, with STATUS and the known times of corrections; evaluated, cut off its plan.

    existing: the table's rows from other files (key columns, known_time, row_hash), or None for an empty table.

    Nearly every key occurs once, and only the others need to be put in order. They are found by a 64-bit hash of the
    key: eight bytes a row are grouped rather than the key itself. Keys that share a hash by chance are taken for
    candidates too, and `_compare`, which goes by the keys themselves, finds nothing to compare.
    """
    from pyspark.sql import functions as F

    hashed = F.xxhash64(*table.key)
    rows = judged.withColumn("_key", hashed)
    keys = rows.filter(F.size(REASONS) == 0).select("_key")
    by_gate = F.when(F.size(REASONS) > 0, QUARANTINED).otherwise(ACCEPTED)
    if existing is not None:
        touched = existing.select(*table.key, "known_time", "row_hash", hashed.alias("_key"))
        touched = touched.join(keys, "_key", "left_semi").withColumn("_existing", F.lit(True)).persist()
        keys = keys.unionByName(touched.select("_key"))
    shared = keys.groupBy("_key").count().filter("count > 1").select("_key").persist()
    alone = rows.join(shared, "_key", "left_anti").withColumn(STATUS, by_gate)
    several = rows.join(shared, "_key", "left_semi").withColumn("_existing", F.lit(False))
    if existing is not None:
        several = several.unionByName(touched, allowMissingColumns=True)
    compared = _compare(several.drop("_key"), table, now)
    # What follows is planned several times, and Spark compares each new plan with all that it keeps for the session.
    classified = alone.drop("_key").unionByName(compared).localCheckpoint()
    shared.unpersist()
    if existing is not None:
        touched.unpersist()
    return classified


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
    before = in_time.rowsBetween(Window.unboundedPreceding, -1)
    throughout = in_time.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    here = F.count_if("_existing").over(same_time)
    # By hash, so that a row of the delivery which the table has at this time speaks against nothing.
    is_new = ~F.col("_existing") & ~F.col("_repeat")
    new_contents = F.size(F.collect_set(F.when(is_new, F.col("row_hash"))).over(same_time))
    # Each verdict is a column of its own before the reasons change: the expressions of `good` read them.
    rows = (
        rows.withColumn("_repeat", good & (F.row_number().over(same_content) > 1))
        .withColumn("_contradicts", good & is_new & (new_contents > 1))
        .withColumn("_undated", is_new & ~F.col("_contradicts") & (here > 0))
    )
    counts = F.col("_existing") | ~(F.col("_repeat") | F.col("_contradicts") | F.col("_undated"))
    version, undated = (F.when(condition, F.col("row_hash")) for condition in (counts, F.col("_undated")))
    rows = (
        rows.withColumn("_in_force", F.last(version, ignorenulls=True).over(before))
        .withColumn("_newest", F.last(version, ignorenulls=True).over(throughout))
        .withColumn("_undated_before", F.last(undated, ignorenulls=True).over(before))
        .filter(~F.col("_existing"))
    )
    # An undated correction is known at ingestion: what it is compared with is what is in force then.
    in_force = F.when(F.col("_undated"), F.coalesce("_undated_before", "_newest")).otherwise(F.col("_in_force"))
    repeats = F.col("_repeat") | F.coalesce(in_force == F.col("row_hash"), F.lit(False))
    reasons = F.when(F.col("_contradicts"), F.array(F.lit(CONTRADICTION))).otherwise(F.col(REASONS))
    status = F.when(F.size(REASONS) > 0, QUARANTINED).when(repeats, DUPLICATE).otherwise(ACCEPTED)
    # The gate found nothing wrong with the contradictions, so nothing of their record was kept yet.
    content = F.to_json(F.struct(*table.content_columns))
    known = F.when(F.col("_undated") & (F.col(STATUS) == ACCEPTED), F.lit(now)).otherwise(F.col("known_time"))
    rows = rows.withColumn(REASONS, reasons).withColumn(STATUS, status).withColumn("known_time", known)
    rows = rows.withColumn("record", F.when(F.col("_contradicts"), content).otherwise(F.col("record")))
    return rows.drop(*(c for c in rows.columns if c.startswith("_")))
