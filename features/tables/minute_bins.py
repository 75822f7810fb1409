"""Vital signs in bins of 60 seconds: what the windows and the hypotension labels both stand on.

Definition `hypotension.map_lt65_60s`: bins of 60 seconds, aligned to whole minutes of UTC; a bin's value is the median
of its valid values; hypotension is a bin strictly below 65 mmHg; a bin without values is no bin, and nothing is
interpolated. MAP, SBP and DBP are invasive; cuff values (NIBP_*) are other signals and do not enter.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from infra.tables.vitals import vital_sign

DEFINITION = "hypotension.map_lt65_60s"
BIN_SECONDS = 60
MAP_LIMIT_MMHG = 65.0
SIGNALS = {"MAP": "map_mmhg", "SBP": "sbp_mmhg", "DBP": "dbp_mmhg", "HR": "hr_per_min", "SPO2": "spo2_percent"}
"""Signal -> column with the median of the bin."""


def minute_bins(vital: DataFrame) -> DataFrame:
    """One row for each case and minute with any value.

    vital: silver vital_sign, all versions; of each value the latest known version counts. A bin is known when its
    minute is over and the last of its values is: a correction makes its minute known later, never known falsely.

    Returns case_id, bin_end (timestamp; the bin holds [bin_end - 60 s, bin_end)), minute (bigint: bin_end in whole
    minutes since 1970), known_time, the medians in the columns of SIGNALS, for MAP within the bin map_raw_mean_mmhg,
    map_raw_min_mmhg, map_raw_max_mmhg, map_raw_sd_mmhg, map_raw_arv_mmhg (average real variability: the mean step from
    one reading of a device to its next) and map_raw_slope_mmhg_per_min, and file_ids.
    """
    version = Window.partitionBy(*vital_sign.key).orderBy(
        F.desc("known_time"), F.desc("ingested_at"), F.desc("file_id"), F.desc("file_row")
    )
    current = (
        vital.where(F.col("signal").isin(*SIGNALS))
        # One shuffle by case serves the versions, the bins and the windows over them.
        .repartition("case_id")
        .withColumn("n", F.row_number().over(version))
        .where("n = 1")
        .withColumn("second", F.col("event_time").cast("double"))
        .withColumn("minute", F.floor(F.col("second") / BIN_SECONDS) + 1)
    )
    pressure = F.when(F.col("signal") == "MAP", F.col("value"))
    # Rows lie in this order already, since they were told apart as versions.
    readings = Window.partitionBy("case_id", "signal", "device").orderBy("event_time")
    follows = F.lag("minute").over(readings) == F.col("minute")
    step = F.when(follows, F.abs(F.col("value") - F.lag("value").over(readings)))
    # Seconds since the bin began: small numbers, so that the slope loses no digits.
    at_minute = (F.col("second") - (F.col("minute") - 1) * BIN_SECONDS) / 60
    bin_end = F.timestamp_seconds(F.col("minute") * BIN_SECONDS)
    return (
        current.withColumn("at_minute", at_minute)
        .withColumn("step", step)
        .groupBy("case_id", "minute")
        .agg(
            F.max("known_time").alias("known_time"),
            *(F.median(F.when(F.col("signal") == s, F.col("value"))).alias(c) for s, c in SIGNALS.items()),
            F.mean(pressure).alias("map_raw_mean_mmhg"),
            F.min(pressure).alias("map_raw_min_mmhg"),
            F.max(pressure).alias("map_raw_max_mmhg"),
            F.stddev_samp(pressure).alias("map_raw_sd_mmhg"),
            F.mean(F.when(F.col("signal") == "MAP", F.col("step"))).alias("map_raw_arv_mmhg"),
            F.regr_slope(pressure, F.col("at_minute")).alias("map_raw_slope_mmhg_per_min"),
            F.array_sort(F.collect_set("file_id")).alias("file_ids"),
        )
        .withColumn("bin_end", bin_end)
        .withColumn("known_time", F.greatest("known_time", "bin_end"))
    )
