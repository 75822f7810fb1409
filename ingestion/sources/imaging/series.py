"""imaging_series, derived from the instances seen so far."""

from collections.abc import Callable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from infra.tables.imaging import imaging_series

_COUNTED = ("series_uid", "n_instances")


def derive_imaging_series(accepted: dict[str, DataFrame], current: Callable[[str], DataFrame]) -> DataFrame:
    """A row for each series that the batch touched, over all instances of it in the lake.

    event_time is that of the first instance; known_time that of the last, because n_instances was not known before.
    Where instances disagree (the echoes of a multi-echo series), a column holds the most frequent value, the smallest
    of those that are equally frequent. Lineage is that of the first instance by time, then by UID.
    """
    touched = accepted["imaging_instance"].select("series_uid").distinct()
    instances = current("imaging_instance").join(touched, "series_uid", "left_semi")
    agreed = [c.name for c in imaging_series.columns if c.name not in _COUNTED]
    first = F.min(F.struct("event_time", "instance_uid", "site_id", "file_id", "file_row"))
    return (
        instances.groupBy("series_uid")
        .agg(
            *(F.mode(name, deterministic=True).alias(name) for name in agreed),
            F.count("*").cast("int").alias("n_instances"),
            first.alias("first"),
            F.max("known_time").alias("known_time"),
        )
        .select(
            *(c.name for c in imaging_series.columns),
            "first.event_time",
            "known_time",
            "first.site_id",
            "first.file_id",
            "first.file_row",
        )
    )
