"""Raw vital signs to `vital_sign`. Implausible values are not clipped: the table's checks send them to quarantine."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from infra.settings import Site
from ingestion.conforming import carry, known_after


def conform_vital_value(vital_value: DataFrame, site: Site) -> dict[str, DataFrame]:
    """A monitor shows its value at once: known after the site's declared delay, by default none.

    Where the file says when the value was made available, that counts. A device's pseudonym follows its name.
    """
    event_time = F.col("event_time")
    vital_sign = vital_value.select(
        *carry(vital_value),
        *(F.col(c) for c in ("patient_id", "case_id", "signal", "value", "unit")),
        F.nullif(F.concat_ws(" ", "device", "device_id"), F.lit("")).alias("device"),
        event_time,
        F.coalesce("known_time", known_after(event_time, site.delay_days("vitals"))).alias("known_time"),
    )
    return {"vital_sign": vital_sign}
