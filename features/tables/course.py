"""A quantity over a patient's samples, set against the start of radiotherapy: baseline, last value and change."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.tables.facts import FACT_COLUMNS, FACT_TIME, first_fraction, snapshots

SECONDS_A_DAY = 86_400.0


def snapshots_since_treatment(facts: DataFrame, treatment: DataFrame) -> DataFrame:
    """Snapshots of a patient's facts, each row with the first fraction as known at that instant.

    The first fraction is a fact itself, with a row of its own whose other columns are null (so that its file is
    named, and a change of it makes a snapshot).
    """
    begun = first_fraction(treatment).select("patient_id", "first_fraction_time", *FACT_COLUMNS)
    rows = snapshots(facts.unionByName(begun, allowMissingColumns=True), "patient_id")
    snapshot = Window.partitionBy("patient_id", "known_time")
    is_begin = F.col("first_fraction_time").isNotNull()
    return rows.withColumn("is_begin", is_begin).withColumn(
        "first_fraction_time", F.max("first_fraction_time").over(snapshot)
    )


def with_baseline(samples: DataFrame, group: list[str]) -> DataFrame:
    """Adds to each sample the time of its group's baseline sample and of its last one (rows with a fact_time).

    baseline: the last sample not after the first fraction, as known at that instant; while no fraction is known,
    every sample is before treatment. Null where all samples came later.
    """
    whole = Window.partitionBy(*group)
    before = F.col("first_fraction_time").isNull() | (F.col(FACT_TIME) <= F.col("first_fraction_time"))
    return samples.withColumn("baseline_time", F.max(F.when(before, F.col(FACT_TIME))).over(whole)).withColumn(
        "last_time", F.max(FACT_TIME).over(whole)
    )


def at_baseline(value: str) -> Column:
    """Aggregate over a group of `with_baseline`: the value of the baseline sample."""
    return F.max(F.when(F.col(FACT_TIME) == F.col("baseline_time"), F.col(value)))


def at_last(value: str) -> Column:
    """Aggregate over a group of `with_baseline`: the value of the last sample."""
    return F.max(F.when(F.col(FACT_TIME) == F.col("last_time"), F.col(value)))


def since_baseline(change: Column) -> Column:
    """Aggregate: a change from baseline to last sample; null while the baseline sample is the last one."""
    return F.when(F.max("last_time") > F.max("baseline_time"), change)


def days(later: Column, earlier: Column) -> Column:
    """Days between two times, with fractions of a day."""
    return (later.cast("double") - earlier.cast("double")) / SECONDS_A_DAY
