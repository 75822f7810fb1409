"""Raw imaging records -> rows of imaging_instance, imaging_series and imaging_measurement."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from infra.settings import Site
from ingestion.conforming import as_int, beyond_int, carry, known_after, number, unreadable_number, with_problems

_NUMBERS = ("field_strength", "echo_time", "repetition_time", "slice_thickness", "pixel_spacing")
_GAUSS_PER_TESLA = 10_000
_MAX_TESLA = 100  # no magnet for patients is near; older scanners write gauss into the tag


def conform_dicom_instance(raw: DataFrame, site: Site) -> dict[str, DataFrame]:
    """{imaging_instance: a row for each DICOM object}."""
    frame = with_problems(raw, unreadable_number(raw, *_NUMBERS))
    strength = number(F.col("field_strength"))
    return {
        "imaging_instance": frame.select(
            *carry(frame),
            *_series_columns(),
            F.col("instance_uid"),
            F.when(strength > _MAX_TESLA, strength / _GAUSS_PER_TESLA).otherwise(strength).alias("field_strength_t"),
            number(F.col("echo_time")).alias("echo_time_ms"),
            number(F.col("repetition_time")).alias("repetition_time_ms"),
            number(F.col("slice_thickness")).alias("slice_thickness_mm"),
            number(F.col("pixel_spacing")).alias("pixel_spacing_mm"),
            *_times(site),
        )
    }


def conform_idc_series(raw: DataFrame, site: Site) -> dict[str, DataFrame]:
    """{imaging_series: a row for each series of the index}."""
    n_instances = F.col("n_instances")
    frame = with_problems(raw, [beyond_int(n_instances, "instanceCount")])
    return {
        "imaging_series": frame.select(
            *carry(frame),
            *_series_columns(),
            "collection_id",
            as_int(n_instances).alias("n_instances"),
            *_times(site),
        )
    }


def conform_sr_report(raw: DataFrame, site: Site) -> dict[str, DataFrame]:
    """{imaging_instance: a row for each report, imaging_measurement: a row for each measurement in them}.

    A measurement is known when its report was written, and not before the object's other dates; where the report does
    not say, those dates and the declared delay stand in.
    """
    measured = raw.filter(~F.col("is_report"))
    delayed = known_after(F.col("available_time"), site.delay_days("imaging"))
    # Spark's greatest leaves nulls out, so that it alone would call an undated report known when it was observed.
    reported = F.when(F.col("reported_time").isNotNull(), F.greatest("reported_time", "available_time"))
    known = F.coalesce(reported, delayed)
    return {
        **conform_dicom_instance(raw.filter("is_report"), site),
        "imaging_measurement": _measures(measured, F.col("measured_series_uid"), known),
    }


def conform_radiomics(raw: DataFrame, site: Site) -> dict[str, DataFrame]:
    """{imaging_measurement: a row for each feature}. Without a date, event_time is left to the series."""
    known = known_after(F.col("available_time"), site.delay_days("imaging"))
    return {"imaging_measurement": _measures(raw, F.col("series_uid"), known)}


def _measures(raw: DataFrame, series_uid: Column, known_time: Column) -> DataFrame:
    frame = with_problems(raw, unreadable_number(raw, "value"))
    return frame.select(
        *carry(frame),
        F.col("patient_id"),
        series_uid.alias("series_uid"),
        *(F.col(name) for name in ("region_uid", "region", "measure", "measure_code")),
        number(F.col("value")).alias("value"),
        *(F.col(name) for name in ("unit", "qualifier", "algorithm")),
        F.col("observed_time").alias("event_time"),
        known_time.alias("known_time"),
    )


def _series_columns() -> list[Column]:
    names = (
        "patient_id",
        "study_uid",
        "series_uid",
        "modality",
        "sequence_type",
        "contrast",
        "manufacturer",
        "species",
        "is_derived",
    )
    return [F.col(name) for name in names]


def _times(site: Site) -> tuple[Column, Column]:
    known = known_after(F.col("available_time"), site.delay_days("imaging"))
    return F.col("observed_time").alias("event_time"), known.alias("known_time")
