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
SNAPSHOT = ("patient_id", "known_time", "event_time")
"""What identifies a snapshot of a patient; event_time follows from the other two."""

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
        F.col("site_id").alias("specimen_site"),
        "sample_id",
        "patient_id",
        F.col("collected_time").alias(FACT_TIME),
        F.col("known_time").alias("specimen_known"),
        F.col(SUPERSEDED_TIME).alias("specimen_superseded"),
        F.struct("file_id", "file_row", "ingested_at").alias("specimen_row"),
    )
    delay = F.make_dt_interval(secs=F.col("reporting_delay_days") * 86_400)
    reported = F.coalesce(F.col("known_time"), F.col(FACT_TIME) + delay)
    # Pseudonyms differ between sites; the site is asked for all the same, since the lake promises it.
    joined = results.where("sample_id IS NOT NULL").join(collected, "sample_id").where("site_id = specimen_site")
    timed = (
        joined.withColumn("reported", reported)
        .where("reported IS NOT NULL")
        .withColumn(USABLE_TIME, F.greatest(FACT_TIME, "reported", "specimen_known"))
    )
    facts = _superseded(timed, [*key, "specimen_row"], F.col("reported")).withColumn(
        SUPERSEDED_TIME, F.least(SUPERSEDED_TIME, "specimen_superseded")
    )
    return _held(facts).withColumn("file_ids", F.array(F.col("file_id"), F.col("specimen_row.file_id")))


def measurement_facts(measurements: DataFrame, series: DataFrame, key: Sequence[str]) -> DataFrame:
    """Measurements of scans as facts of the patient who was scanned.

    The event is the measurement's own, else that of its series; a measurement with neither waits. It is known when it
    was reported, or with its scan where it says nothing, and not before its series' own row was. Both have versions, as
    in `laboratory_facts`. Adds what `versions` adds; file_ids names the files of the measurement and of its series.
    """
    scanned = versions(series, ["series_uid"]).select(
        "site_id",
        "series_uid",
        F.col(FACT_TIME).alias("scanned"),
        F.col("known_time").alias("series_known"),
        F.col(SUPERSEDED_TIME).alias("series_superseded"),
        F.struct("file_id", "file_row", "ingested_at").alias("series_row"),
    )
    timed = (
        measurements.join(scanned, ["series_uid", "site_id"], "left")
        .withColumn(FACT_TIME, F.coalesce("event_time", "scanned"))
        .where(F.col(FACT_TIME).isNotNull())
        .withColumn("reported", F.coalesce("known_time", "series_known", FACT_TIME))
        .withColumn(USABLE_TIME, F.greatest(FACT_TIME, "reported", "series_known"))
    )
    facts = _superseded(timed, [*key, "series_row"], F.col("reported")).withColumn(
        SUPERSEDED_TIME, F.least(SUPERSEDED_TIME, "series_superseded")
    )
    return _held(facts).withColumn("file_ids", F.array_compact(F.array(F.col("file_id"), F.col("series_row.file_id"))))


def first_fraction(treatment: DataFrame) -> DataFrame:
    """When radiotherapy began, as facts: patient_id, first_fraction_time and what `versions` adds.

    One fact for each time that the answer changed: a forgotten first fraction may be reported late.
    """
    fractions = versions(treatment.where("kind = 'radiotherapy_fraction'"), treatment_table.key).select(
        "patient_id", "start_time", *FACT_COLUMNS
    )
    first = (
        snapshots(fractions, "patient_id")
        .groupBy("patient_id", "known_time")
        .agg(
            F.min("start_time").alias("first_fraction_time"),
            F.min_by("file_ids", "start_time").alias("file_ids"),
        )
    )
    by_time = Window.partitionBy("patient_id").orderBy("known_time")
    return (
        first.withColumn("before", F.lag("first_fraction_time").over(by_time))
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


def snapshots(facts: DataFrame, join_key: str) -> DataFrame:
    """The facts at each instant at which any fact of their entity changed: a row for each fact and instant.

    Adds known_time (the instant) and event_time (the latest event of a fact seen so far; it never falls, so that the
    as-of join, where the latest event wins, always takes the newest snapshot, even after a correction moved an event
    back). A fact that is superseded by then stays as a row whose columns are all null: where the last fact of an
    entity was taken back, the snapshot without facts must exist, or the one before it would go on to be served.

    Everything after this is grouped by the entity and the instant; the one shuffle here serves it all.
    """
    whole = Window.partitionBy(join_key)
    known = Window.partitionBy(join_key, "known_time")
    instants = F.array_union(F.collect_set(USABLE_TIME).over(whole), F.collect_set(SUPERSEDED_TIME).over(whole))
    seen = (
        facts.repartition(join_key)
        .withColumn("instants", instants)
        .withColumn("known_time", F.explode(F.filter("instants", lambda u: u >= F.col(USABLE_TIME))))
        .withColumn("event_time", F.max(FACT_TIME).over(known))
    )
    holds = F.col(SUPERSEDED_TIME).isNull() | (F.col("known_time") < F.col(SUPERSEDED_TIME))
    payload = [name for name in facts.columns if name not in (join_key, USABLE_TIME, SUPERSEDED_TIME)]
    return seen.select(
        join_key, "known_time", "event_time", *(F.when(holds, F.col(name)).alias(name) for name in payload)
    )


def distinct_files() -> Column:
    """Aggregate: the distinct file ids of a group's arrays, sorted; empty where there are none."""
    return F.array_sort(F.array_distinct(F.flatten(F.collect_set("file_ids")))).alias("file_ids")


def _superseded(timed: DataFrame, key: Sequence[str], known: Column) -> DataFrame:
    later = Window.partitionBy(*key).orderBy(known, *_VERSION_ORDER).rowsBetween(1, Window.unboundedFollowing)
    return timed.withColumn(SUPERSEDED_TIME, F.min(USABLE_TIME).over(later))


def _held(facts: DataFrame) -> DataFrame:
    """Facts that held at any instant; one replaced as soon as it became usable never did."""
    return facts.where(F.col(SUPERSEDED_TIME).isNull() | (F.col(USABLE_TIME) < F.col(SUPERSEDED_TIME)))
