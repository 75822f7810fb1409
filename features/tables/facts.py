"""Facts with the span of time in which they held as known, and the snapshots that they make of a patient.

A fact is one version of one silver row. It is *usable* from max(event, known), and it is superseded when a version
of the same natural key that was known later becomes usable. The current view at an instant u is then the facts with
`usable_time <= u < superseded_time`: late reports and corrections come out exact, with no look at the future.
"""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from infra.tables.clinical import treatment as treatment_table

FACT_TIME = "fact_time"
USABLE_TIME = "usable_time"
SUPERSEDED_TIME = "superseded_time"
FACT_COLUMNS = (FACT_TIME, USABLE_TIME, SUPERSEDED_TIME, "file_ids")
_VERSION_ORDER = ("ingested_at", "file_id", "file_row")


def versions(rows: DataFrame, key: Sequence[str]) -> DataFrame:
    """Rows of a timed table as facts: adds fact_time, usable_time, superseded_time (null: still current), file_ids.

    key: the natural key. Of versions known at the same time, the one that the lake wrote last holds.
    """
    timed = rows.withColumn(FACT_TIME, F.col("event_time")).withColumn(
        USABLE_TIME, F.greatest("event_time", "known_time")
    )
    facts = _superseded(timed, key, F.col("known_time"))
    return _held(facts).withColumn("file_ids", F.array("file_id"))


def laboratory_facts(results: DataFrame, specimen: DataFrame, key: Sequence[str]) -> DataFrame:
    """Laboratory rows as facts of the patient whose sample they measured; results without a specimen are left out.

    The event is the collection; a result is known when it was reported (or after its declared delay), and not before
    the specimen's own row was. Both have versions: a fact holds while the result and the specimen it was joined to do.
    Adds patient_id and what `versions` adds; file_ids names the files of the result and of the specimen.
    """
    collected = versions(specimen, ["sample_id"]).select(
        "site_id",
        "sample_id",
        "patient_id",
        F.col("collected_time").alias(FACT_TIME),
        F.col("known_time").alias("specimen_known"),
        F.col(SUPERSEDED_TIME).alias("specimen_superseded"),
        F.struct("file_id", "file_row", "ingested_at").alias("specimen_row"),
    )
    delay = F.make_dt_interval(secs=F.col("reporting_delay_days") * 86_400)
    reported = F.coalesce(F.col("known_time"), F.col(FACT_TIME) + delay)
    joined = results.where("sample_id IS NOT NULL").join(collected, ["site_id", "sample_id"])
    timed = (
        joined.withColumn("reported", reported)
        .where("reported IS NOT NULL")
        .withColumn(USABLE_TIME, F.greatest(FACT_TIME, "reported", "specimen_known"))
    )
    facts = _superseded(timed, [*key, "specimen_row"], F.col("reported")).withColumn(
        SUPERSEDED_TIME, F.least(SUPERSEDED_TIME, "specimen_superseded")
    )
    return _held(facts).withColumn("file_ids", F.array(F.col("file_id"), F.col("specimen_row.file_id")))


def first_fraction(treatment: DataFrame) -> DataFrame:
    """When radiotherapy began, as facts: patient_id, first_fraction_time and what `versions` adds.

    One fact for each time that the answer changed: a forgotten first fraction may be reported late.
    """
    fractions = versions(
        treatment.where("kind = 'radiotherapy_fraction'"), treatment_table.key
    ).select("patient_id", "start_time", *FACT_COLUMNS)
    instants, current = snapshots(fractions, "patient_id")
    first = current.groupBy("patient_id", "known_time").agg(
        F.min("start_time").alias("first_fraction_time"), F.min_by("file_ids", "start_time").alias("file_ids")
    )
    by_time = Window.partitionBy("patient_id").orderBy("known_time")
    return (
        instants.join(first, ["patient_id", "known_time"], "left")
        .withColumn("before", F.lag("first_fraction_time").over(by_time))
        .where(~F.col("before").eqNullSafe(F.col("first_fraction_time")))
        .withColumn(SUPERSEDED_TIME, F.lead("known_time").over(by_time))
        .where("first_fraction_time IS NOT NULL")
        .select(
            "patient_id",
            "first_fraction_time",
            F.col("first_fraction_time").alias(FACT_TIME),
            F.col("known_time").alias(USABLE_TIME),
            SUPERSEDED_TIME,
            "file_ids",
        )
    )


def snapshots(facts: DataFrame, join_key: str) -> tuple[DataFrame, DataFrame]:
    """Each instant at which an entity's facts changed, and the facts that were current at it.

    Returns (instants, current). instants: join_key, known_time (the instant), event_time (the latest event of a fact
    seen so far; it never falls, so that the as-of join, where the latest event wins, always takes the newest
    snapshot, even after a correction moved an event back). current: the facts again, each with every known_time
    at which it held.
    """
    changes = (
        facts.select(join_key, F.col(USABLE_TIME).alias("known_time"), F.col(FACT_TIME).alias("event_time"))
        .unionByName(
            facts.where(f"{SUPERSEDED_TIME} IS NOT NULL").select(
                join_key, F.col(SUPERSEDED_TIME).alias("known_time"), F.lit(None).cast("timestamp").alias("event_time")
            )
        )
        .groupBy(join_key, "known_time")
        .agg(F.max("event_time").alias("event_time"))
    )
    so_far = Window.partitionBy(join_key).orderBy("known_time").rowsBetween(Window.unboundedPreceding, 0)
    instants = changes.withColumn("event_time", F.max("event_time").over(so_far))
    held = (F.col(USABLE_TIME) <= F.col("known_time")) & (
        F.col(SUPERSEDED_TIME).isNull() | (F.col("known_time") < F.col(SUPERSEDED_TIME))
    )
    fact_columns = facts.drop("known_time", "event_time")
    return instants, fact_columns.join(instants.drop("event_time"), join_key).where(held)


def distinct_files(file_ids: str = "file_ids") -> Column:
    """Aggregate: the distinct file ids of a group's arrays, sorted."""
    return F.array_sort(F.array_distinct(F.flatten(F.collect_set(file_ids)))).alias("file_ids")


def with_snapshots(instants: DataFrame, features: DataFrame, join_key: str) -> DataFrame:
    """The gold rows: every instant with its features. Where no fact was left at an instant, the features are null."""
    rows = instants.join(features, [join_key, "known_time"], "left")
    return rows.withColumn("file_ids", F.coalesce("file_ids", F.array().cast("array<string>")))


def _superseded(timed: DataFrame, key: Sequence[str], known: Column) -> DataFrame:
    later = (
        Window.partitionBy(*key).orderBy(known, *_VERSION_ORDER).rowsBetween(1, Window.unboundedFollowing)
    )
    return timed.withColumn(SUPERSEDED_TIME, F.min(USABLE_TIME).over(later))


def _held(facts: DataFrame) -> DataFrame:
    """Facts that held at any instant; one replaced as soon as it became usable never did."""
    return facts.where(F.col(SUPERSEDED_TIME).isNull() | (F.col(USABLE_TIME) < F.col(SUPERSEDED_TIME)))
