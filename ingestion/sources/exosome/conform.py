"""Raw records of nanoparticle tracking -> rows of exosome_measurement. No concentration is changed here."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from infra.settings import Site
from ingestion.conforming import as_int, beyond_int, carry, known_after, number, unreadable_number, with_problems

_SIZES = ("mean_nm", "mode_nm", "sd_nm", "d10_nm", "d50_nm", "d90_nm")
AVERAGE = "average"


def conform_nta_video(raw: DataFrame, site: Site) -> dict[str, DataFrame]:
    """{exosome_measurement: a row for each video, and one for the instrument's average}.

    event_time is null: the patient's state is that of the specimen's collection. known_time is the capture plus the
    site's delay; where the file has no time of capture it is null, and reporting_delay_days stands in.
    """
    delay = site.delay_days("exosome")
    frame = with_problems(
        raw,
        [
            *unreadable_number(raw, "dilution_factor", "concentration_per_ml", "valid_tracks", *_SIZES),
            beyond_int(number(F.col("valid_tracks")), "valid_tracks"),
        ],
    )
    return {
        "exosome_measurement": frame.select(
            *carry(frame),
            "sample_id",
            "measurement_id",
            F.when(F.col("is_instrument_average"), AVERAGE).otherwise(F.col("video")).alias("replicate"),
            "is_instrument_average",
            "measured_time",
            number(F.col("concentration_per_ml")).alias("concentration_per_ml"),
            *(number(F.col(name)).alias(name) for name in _SIZES),
            as_int(number(F.col("valid_tracks"))).alias("valid_tracks"),
            "validity",
            number(F.col("dilution_factor")).alias("dilution_factor"),
            "is_dilution_applied",
            "method",
            "bin_centre_nm",
            "bin_concentration_per_ml",
            F.lit(None).cast("timestamp").alias("event_time"),
            known_after(F.col("measured_time"), delay).alias("known_time"),
            F.lit(delay).alias("reporting_delay_days"),
        )
    }
