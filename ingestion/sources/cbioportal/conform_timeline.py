"""Events of a timeline to `treatment`, `specimen`, `outcome` and `biomarker`, in days from DAY_ZERO (diagnosis)."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from infra.settings import Site
from ingestion.conforming import carry, known_after, number, unreadable_number, with_problems
from ingestion.dates import DAY_ZERO
from ingestion.sources.cbioportal.timeline import LAB_TEST, OTHER, SPECIMEN, STATUS, TREATMENT

_MAX_DAYS = 60_000
"""More days than a life has: a date in their place (20140312) is none."""
_PSEUDO = "pseudoprogression"


def conform_cbioportal_event(cbioportal_event: DataFrame, site: Site) -> dict[str, DataFrame]:
    """Each event is a row of one table; one that no table holds is a treatment with a problem.

    The sample file knows no days and puts every specimen at day 0. The specimen of a timeline is dated, and is known
    a second after what the sample file says of it, so that it is the version that counts.
    """
    start, stop, result = (number(F.col(c)) for c in ("start_days", "stop_days", "result"))
    frame = with_problems(
        cbioportal_event,
        [
            *unreadable_number(cbioportal_event, "start_days", "stop_days"),
            (F.abs(start) > _MAX_DAYS, "start_days are more than a life has"),
            (F.abs(stop) > _MAX_DAYS, "stop_days are more than a life has"),
            ((F.col("event") == LAB_TEST) & F.col("result").isNotNull() & result.isNull(), "RESULT is not a number"),
        ],
    )
    begun, ended = _day(start), _day(stop)
    delay = site.delay_days("clinical")
    times = [begun.alias("event_time"), known_after(begun, delay).alias("known_time")]
    treatment = frame.filter(F.col("event").isin(TREATMENT, OTHER)).select(
        *carry(frame),
        "patient_id",
        "kind",
        "agent",
        begun.alias("start_time"),
        ended.alias("stop_time"),
        F.col("dose_gy").alias("dose"),
        F.when(F.col("dose_gy").isNotNull(), F.lit("Gy")).alias("unit"),
        *times,
    )
    not_before = F.when(begun.isNotNull(), F.greatest(begun, F.lit(DAY_ZERO)))
    after_sample_file = known_after(not_before, delay + 1 / 86_400)
    specimen = frame.filter(F.col("event") == SPECIMEN).select(
        *carry(frame),
        "sample_id",
        "patient_id",
        "specimen_type",
        begun.alias("collected_time"),
        begun.alias("event_time"),
        after_sample_file.alias("known_time"),
    )
    is_pseudo = F.col("category") == _PSEUDO
    outcome = frame.filter(F.col("event") == STATUS).select(
        *carry(frame),
        "patient_id",
        F.when(is_pseudo, F.lit(_PSEUDO)).otherwise(F.lit("response")).alias("endpoint"),
        F.concat(F.lit("day "), F.format_string("%.0f", start)).alias("assessment"),
        begun.alias("outcome_time"),
        F.when(is_pseudo, F.lit(True)).alias("is_event"),
        F.when(~is_pseudo, F.col("category")).alias("category"),
        *times,
    )
    biomarker = frame.filter(F.col("event") == LAB_TEST).select(
        *carry(frame),
        "patient_id",
        "sample_id",
        "marker",
        result.alias("value"),
        "unit",
        F.lit("cBioPortal LAB_TEST").alias("method"),
        *times,
    )
    return {"treatment": treatment, "specimen": specimen, "outcome": outcome, "biomarker": biomarker}


def _day(days: Column) -> Column:
    """The time that lies so many days after DAY_ZERO; null beyond what a life has."""
    zero = F.lit(0)
    within = F.when(F.abs(days) <= _MAX_DAYS, days)
    return F.lit(DAY_ZERO) + F.make_dt_interval(zero, zero, zero, F.round(within * 86_400))
