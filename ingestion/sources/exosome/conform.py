"""Raw records -> rows of exosome_measurement and exosome_cargo. No concentration is changed here."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from infra.settings import Site
from ingestion.conforming import as_int, beyond_int, carry, known_after, number, unreadable_number, with_problems

_SIZES = ("mean_nm", "mode_nm", "sd_nm", "d10_nm", "d50_nm", "d90_nm")
AVERAGE = "average"
_CARGO = (
    "sample_id",
    "marker",
    "method",
    "plate_id",
    "replicate",
    "value",
    "operator",
    "reported",
    "lloq",
    "uloq",
    "unit",
    "qc_flag",
    "measured_time",
)


def conform_nta_video(raw: DataFrame, site: Site) -> dict[str, DataFrame]:
    """{exosome_measurement: a row for each video, and one for the instrument's average}.

    event_time is null: the patient's state is that of the specimen's collection. known_time is the capture plus the
    site's delay; where the file has no time of capture it is null, and reporting_delay_days stands in.
    """
    delay, mark = site.delay_days("exosome"), site.decimal_mark
    numeric = ("dilution_factor", "concentration_per_ml", "valid_tracks", *_SIZES)
    unreadable = unreadable_number(raw, *numeric, decimal_mark=mark)
    frame = with_problems(raw, [*unreadable, beyond_int(number(F.col("valid_tracks"), mark), "valid_tracks")])
    return {
        "exosome_measurement": frame.select(
            *carry(frame),
            "sample_id",
            "measurement_id",
            F.when(F.col("is_instrument_average"), AVERAGE).otherwise(F.col("video")).alias("replicate"),
            "is_instrument_average",
            "measured_time",
            number(F.col("concentration_per_ml"), mark).alias("concentration_per_ml"),
            *(number(F.col(name), mark).alias(name) for name in _SIZES),
            as_int(number(F.col("valid_tracks"), mark)).alias("valid_tracks"),
            "validity",
            number(F.col("dilution_factor"), mark).alias("dilution_factor"),
            "is_dilution_applied",
            "method",
            "bin_centre_nm",
            "bin_concentration_per_ml",
            F.lit(None).cast("timestamp").alias("event_time"),
            known_after(F.col("measured_time"), delay).alias("known_time"),
            F.lit(delay).alias("reporting_delay_days"),
        )
    }


def conform_exosome_cargo(raw: DataFrame, site: Site) -> dict[str, DataFrame]:
    """{exosome_cargo: a row for each record}.

    event_time is null, as above. known_time is the report, else the measurement plus the site's delay; where the file
    has neither date it is null, and reporting_delay_days stands in.
    """
    delay = site.delay_days("exosome")
    return {
        "exosome_cargo": raw.select(
            *carry(raw),
            *_CARGO,
            F.lit(None).cast("timestamp").alias("event_time"),
            F.coalesce("reported_known_time", known_after(F.col("measured_known_time"), delay)).alias("known_time"),
            F.lit(delay).alias("reporting_delay_days"),
        )
    }
