"""Raw records of a cBioPortal study to tables.

These archives hold no dates. Everything observed at diagnosis or in the tumour sample is placed at
`ingestion.dates.DAY_ZERO`, and months from there are 30.4375 days each: intervals mean something, dates do not.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from infra.settings import Site
from ingestion.conforming import as_int, beyond_int, carry, known_after, number, unreadable_number, with_problems
from ingestion.dates import DAY_ZERO
from ingestion.sources.cbioportal.raw import ENDPOINTS, SAMPLE_MARKERS, SampleMarker

DAYS_PER_MONTH = 30.4375
MOST_MONTHS = 200 * 12


def conform_profiled_sample(profiled_sample: DataFrame, site: Site) -> dict[str, DataFrame]:
    sequenced_sample = profiled_sample.select(
        *carry(profiled_sample),
        "sample_id",
        "panel_id",
        *undated(site),
    )
    return {"sequenced_sample": sequenced_sample}


def conform_gene_panel_file(gene_panel_file: DataFrame, site: Site) -> dict[str, DataFrame]:
    base_pairs = number(F.col("coding_base_pairs"))
    gene_panel = with_problems(gene_panel_file, unreadable_number(gene_panel_file, "coding_base_pairs")).select(
        *carry(gene_panel_file),
        "panel_id",
        (base_pairs / 1e6).alias("coding_mb"),
        F.when(base_pairs.isNotNull(), F.lit("panel file")).alias("coding_source"),
        "n_genes",
        *undated(site),
    )
    return {"gene_panel": gene_panel}


def undated(site: Site) -> list[Column]:
    """Times of a laboratory row whose file has no dates: none, and the declared delay for what is collected."""
    return [
        F.lit(None).cast("timestamp").alias("event_time"),
        F.lit(None).cast("timestamp").alias("known_time"),
        F.lit(site.delay_days("mutations")).alias("reporting_delay_days"),
    ]


def conform_cbioportal_patient(cbioportal_patient: DataFrame, site: Site) -> dict[str, DataFrame]:
    """`patient`, and one `outcome` for each endpoint whose status and time are both given.

    birth_year = year of DAY_ZERO - age, so that the age at day 0 is kept.
    """
    months = [f"{endpoint.lower()}_months" for endpoint in ENDPOINTS]
    rows = with_problems(
        cbioportal_patient,
        [
            *unreadable_number(cbioportal_patient, "age", *months),
            *((number(F.col(m)) < 0, f"{m} is before day 0") for m in months),
            *((number(F.col(m)) > MOST_MONTHS, f"{m} is more than 200 years") for m in months),
            beyond_int(number(F.col("age")), "age"),
        ],
    )
    day_zero, known_time = _day_zero(), known_after(_day_zero(), site.delay_days("clinical"))
    patient = rows.select(
        *carry(rows),
        "patient_id",
        "sex",
        as_int(F.ceil(DAY_ZERO.year - number(F.col("age")))).alias("birth_year"),
        day_zero.alias("event_time"),
        known_time.alias("known_time"),
    )
    endpoints = F.array(*(_endpoint(endpoint) for endpoint in ENDPOINTS))
    outcome_time = F.col("endpoint.outcome_time")
    outcome = rows.withColumn("endpoint", F.explode(F.filter(endpoints, _is_given))).select(
        *carry(rows),
        "patient_id",
        F.col("endpoint.endpoint").alias("endpoint"),
        outcome_time.alias("outcome_time"),
        F.col("endpoint.is_event").alias("is_event"),
        outcome_time.alias("event_time"),
        known_after(outcome_time, site.delay_days("clinical")).alias("known_time"),
    )
    return {"patient": patient, "outcome": outcome}


def conform_cbioportal_sample(cbioportal_sample: DataFrame, site: Site) -> dict[str, DataFrame]:
    """`specimen`, and one `biomarker` for each marker of SAMPLE_MARKERS that is given."""
    numeric = [marker.raw_name for marker in SAMPLE_MARKERS if marker.kind == "number"]
    rows = with_problems(cbioportal_sample, unreadable_number(cbioportal_sample, *numeric))
    times = [
        _day_zero().alias("event_time"),
        known_after(_day_zero(), site.delay_days("clinical")).alias("known_time"),
    ]
    specimen = rows.select(
        *carry(rows),
        "sample_id",
        "patient_id",
        F.lit("tumour").alias("specimen_type"),
        "timepoint",
        _day_zero().alias("collected_time"),
        *times,
    )
    markers = F.array(*(_marker(marker) for marker in SAMPLE_MARKERS))
    given = F.filter(markers, lambda m: m.getField("value").isNotNull() | m.getField("call").isNotNull())
    biomarker = rows.withColumn("marker", F.explode(given)).select(
        *carry(rows),
        "patient_id",
        "sample_id",
        F.col("marker.marker").alias("marker"),
        *(F.col(f"marker.{name}").alias(name) for name in ("value", "unit", "call", "method")),
        *times,
    )
    return {"specimen": specimen, "biomarker": biomarker}


def _day_zero() -> Column:
    return F.lit(DAY_ZERO)


def _endpoint(endpoint: str) -> Column:
    months = number(F.col(f"{endpoint.lower()}_months"))
    # Beyond it the record is refused; an interval that does not fit ends the whole batch.
    days = F.when(F.abs(months) <= MOST_MONTHS, months) * DAYS_PER_MONTH
    zero = F.lit(0)
    return F.struct(
        F.lit(endpoint).alias("endpoint"),
        F.col(f"{endpoint.lower()}_is_event").alias("is_event"),
        (_day_zero() + F.make_dt_interval(zero, zero, zero, F.round(days * 86_400))).alias("outcome_time"),
    )


def _is_given(endpoint: Column) -> Column:
    return endpoint.getField("is_event").isNotNull() & endpoint.getField("outcome_time").isNotNull()


def _marker(marker: SampleMarker) -> Column:
    text = F.col(marker.raw_name)
    is_number = marker.kind == "number"
    return F.struct(
        F.lit(marker.marker).alias("marker"),
        (number(text) if is_number else F.lit(None).cast("double")).alias("value"),
        F.lit(marker.unit).cast("string").alias("unit"),
        (F.lit(None).cast("string") if is_number else text).alias("call"),
        F.lit(f"cBioPortal {marker.column}").alias("method"),
    )
