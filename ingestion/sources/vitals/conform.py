"""Raw vital signs to `vital_sign`. Implausible values are not clipped: the table's checks send them to quarantine.

Twice the same: on Spark, for records that are sent again out of quarantine, and on Arrow, for files of many millions.
"""

from collections.abc import Mapping
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
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


def conform_in_worker(vital_value: Mapping[str, pa.Array], site: Site) -> dict[str, pa.Array]:
    """The same on Arrow columns: those that are not taken as they are."""
    event_time, known_time = vital_value["event_time"], vital_value["known_time"]
    if known_time.null_count:
        delay = timedelta(days=site.delay_days("vitals"))
        known_time = pc.coalesce(known_time, pc.add(event_time, delay) if delay else event_time)
    device, own = vital_value["device"], vital_value["device_id"]
    if own.null_count < len(own) or "" in device.dictionary.to_pylist():
        texts = [device.cast(pa.string()), own.cast(pa.string())]
        # Not `null_handling="skip"`: Arrow 25 leaves rows out where both are null.
        whole = pc.coalesce(pc.binary_join_element_wise(*texts, " "), *texts)
        device = pc.if_else(pc.equal(whole, ""), None, whole).dictionary_encode()
    return {"device": device, "known_time": known_time}
