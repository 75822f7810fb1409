"""A quantity over a patient's samples, set against the start of radiotherapy: baseline, last value and change."""

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.tables.facts import FACT_COLUMNS, FACT_TIME, distinct_files

SECONDS_A_DAY = 86_400.0


def with_first_fraction(laboratory: DataFrame, fraction: DataFrame) -> DataFrame:
    """Laboratory facts and facts of the first fraction in one frame; `first_fraction_time` tells which is which."""
    begun = fraction.select("patient_id", "first_fraction_time", *FACT_COLUMNS)
    return laboratory.unionByName(begun, allowMissingColumns=True)


def split_first_fraction(current: DataFrame) -> tuple[DataFrame, DataFrame]:
    """Current facts apart again: (laboratory facts with the first fraction known at that instant, fraction facts)."""
    fraction = current.where("first_fraction_time IS NOT NULL").select(
        "patient_id", "known_time", "first_fraction_time", "file_ids"
    )
    laboratory = current.where("first_fraction_time IS NULL").drop("first_fraction_time").join(
        fraction.drop("file_ids"), ["patient_id", "known_time"], "left"
    )
    return laboratory, fraction


def with_baseline(samples: DataFrame, group: list[str]) -> DataFrame:
    """Adds to each sample the time of its group's baseline sample and of its last sample.

    baseline: the last sample not after the first fraction, as known at that instant; while no fraction is known,
    every sample is before treatment. Null where all samples came later.
    """
    whole = Window.partitionBy(*group)
    before = F.col("first_fraction_time").isNull() | (F.col(FACT_TIME) <= F.col("first_fraction_time"))
    return samples.withColumn("baseline_time", F.max(F.when(before, F.col(FACT_TIME))).over(whole)).withColumn(
        "last_time", F.max(FACT_TIME).over(whole)
    )


def files_of(*facts: DataFrame) -> DataFrame:
    """The files of every fact that was current at an instant: patient_id, known_time, file_ids."""
    parts = [f.select("patient_id", "known_time", "file_ids") for f in facts]
    return reduce(DataFrame.unionByName, parts).groupBy("patient_id", "known_time").agg(distinct_files())


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
