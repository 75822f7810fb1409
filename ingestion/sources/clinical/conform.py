"""Raw rows of the clinical templates to their tables."""

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from infra.settings import Site
from ingestion.conforming import carry, known_after, number, unreadable_number, with_problems
from ingestion.dates import DAY_ZERO
from ingestion.format import Conform

MGMT_GREY_ZONE_PERCENT = (5.0, 12.0)
"""Mean methylation by pyrosequencing between which (both included) the MGMT promoter is called neither way."""


def _known_time(event_time: Column, observed_known_time: Column, site: Site) -> Column:
    """The report, else the observation (a bare day: its end) and the site's delay, else the event and the delay."""
    observed = F.coalesce(observed_known_time, event_time)
    return F.coalesce(F.col("reported_known_time"), known_after(observed, site.delay_days("clinical")))


def conform_patient_row(patient_row: DataFrame, site: Site) -> dict[str, DataFrame]:
    """event_time: the enrolment, else 1 January of the birth year (sex and birth do not change), else DAY_ZERO."""
    born = F.make_timestamp(F.col("birth_year"), F.lit(1), F.lit(1), F.lit(0), F.lit(0), F.lit(0), F.lit("UTC"))
    event_time = F.coalesce("enrolled_time", born, F.lit(DAY_ZERO))
    patient = patient_row.select(
        *carry(patient_row),
        "patient_id",
        "sex",
        "birth_year",
        event_time.alias("event_time"),
        _known_time(event_time, F.col("observed_known_time"), site).alias("known_time"),
    )
    return {"patient": patient}


def conform_biomarker_row(biomarker_row: DataFrame, site: Site) -> dict[str, DataFrame]:
    """`biomarker`; where MGMT comes as a percentage without a call, the call follows from the grey zone."""
    rows = with_problems(biomarker_row, unreadable_number(biomarker_row, "value"))
    biomarker = rows.select(
        *carry(rows),
        "patient_id",
        "sample_id",
        "marker",
        number(F.col("value")).alias("value"),
        "unit",
        F.coalesce(F.col("call"), _mgmt_call()).alias("call"),
        "method",
        *_times("measured_time", site),
    )
    return {"biomarker": biomarker}


def _mgmt_call() -> Column:
    low, high = MGMT_GREY_ZONE_PERCENT
    percent = F.when((F.col("marker") == "MGMT") & (F.col("unit") == "%"), number(F.col("value")))
    return F.when(percent < low, "unmethylated").when(percent > high, "methylated").when(percent.isNotNull(), "grey")


def _times(event: str, site: Site) -> list[Column]:
    event_time = F.col(event)
    known_time = _known_time(event_time, F.col("observed_known_time"), site)
    return [event_time.alias("event_time"), known_time.alias("known_time")]


def _plain(table: str, event: str, columns: tuple[str, ...], numbers: tuple[str, ...] = ()) -> Conform:
    """A conform that takes columns over as they are, but for text that becomes numbers."""

    def conform(raw: DataFrame, site: Site) -> dict[str, DataFrame]:
        rows = with_problems(raw, unreadable_number(raw, *numbers))
        content = [number(F.col(c)).alias(c) if c in numbers else F.col(c) for c in columns]
        return {table: rows.select(*carry(rows), *content, *_times(event, site))}

    return conform


CONFORM: dict[str, Callable[[DataFrame, Site], dict[str, DataFrame]]] = {
    "patient_row": conform_patient_row,
    "specimen_row": _plain(
        "specimen", "collected_time", ("sample_id", "patient_id", "specimen_type", "timepoint", "collected_time")
    ),
    "treatment_row": _plain(
        "treatment", "start_time", ("patient_id", "kind", "agent", "start_time", "stop_time", "dose", "unit"), ("dose",)
    ),
    "biomarker_row": conform_biomarker_row,
    "outcome_row": _plain(
        "outcome",
        "outcome_time",
        ("patient_id", "endpoint", "assessment", "outcome_time", "is_event", "category", "criterion"),
    ),
}


def conform_clinical_record(clinical_record: DataFrame, site: Site) -> dict[str, DataFrame]:
    """Records of several templates in one file, each as if its template had been delivered alone."""
    frames: dict[str, DataFrame] = {}
    for name, conform in CONFORM.items():
        of_table = clinical_record.filter(F.col("table") == name.removesuffix("_row"))
        frames |= conform(of_table, site)
    return frames
