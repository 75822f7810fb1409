"""Cytokines in blood over treatment, in pg/mL, from bead assays. NPX never enters: it is relative and log2."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.tables.course import at_baseline, at_last, days, since_baseline, snapshots_since_treatment, with_baseline
from features.tables.facts import FACT_COLUMNS, FACT_TIME, SNAPSHOT, distinct_files, laboratory_facts
from features.view import Feature, GoldView, Silver
from infra.table import ColumnType
from infra.tables.cytokine import cytokine_result

DEFINITION = "cytokine.kinetics/1"
SUBSTITUTION = "lloq_over_sqrt2"
"""What a censored value counts as in arithmetic: '<' as lloq / sqrt(2) (Hornung and Reed 1990), '>' as uloq."""

ANALYTES = {
    "IL6": "interleukin 6",
    "CXCL8": "interleukin 8",
    "IL10": "interleukin 10",
    "TNF": "tumour necrosis factor",
    "IFNG": "interferon gamma",
    "CCL2": "monocyte chemoattractant protein 1",
    "VEGFA": "vascular endothelial growth factor A",
    "CD274": "soluble PD-L1",
}
PLATFORM = "luminex_xponent"
IS_COUNTED = "sample_type = 'unknown' AND unit = 'pg/mL'"
"""Which results of the platform are a patient's concentrations."""

# suffix of the feature: (type, unit, what it is)
_COURSE: dict[str, tuple[ColumnType, str, str]] = {
    "baseline_pg_per_ml": ("double", "pg/mL", "in the last sample not after the first fraction"),
    "last_pg_per_ml": ("double", "pg/mL", "in the last sample"),
    "log2_change": ("double", "1", "log2 fold change from baseline to the last sample; null before a later sample"),
    "change_pg_per_ml": ("double", "pg/mL", "difference of the last sample from baseline; null before a later sample"),
    "log2_slope_per_d": ("double", "/d", "slope of log2 concentration a day, by least squares from baseline on"),
    "auc_pg_d_per_ml": ("double", "pg.d/mL", "area under the concentration from baseline on, by trapezoids"),
    "peak_pg_per_ml": ("double", "pg/mL", "highest value from baseline on"),
    "days_to_peak_d": ("double", "d", "from the baseline sample to the first sample at the peak"),
    "share_censored": ("double", "1", f"share of samples beyond a limit (counted as {SUBSTITUTION} or uloq)"),
    "n_samples": ("int", "1", "number of samples measured"),
}
_SOURCES = (
    "cytokine_result.value",
    "cytokine_result.operator",
    "cytokine_result.lloq",
    "cytokine_result.uloq",
    "specimen.collected_time",
    "treatment.start_time",
)


def build(silver: Silver) -> DataFrame:
    """One row for each patient and change. See `view` for the features."""
    results = silver["cytokine_result"].where(F.col("analyte").isin(*ANALYTES) & (F.col("platform") == PLATFORM))
    facts = (
        laboratory_facts(results, silver["specimen"], cytokine_result.key)
        # After the versions are told apart: a correction may turn an unknown into a control.
        .where(IS_COUNTED)
        .select(
            "patient_id",
            "sample_id",
            "analyte",
            substituted_value().alias("value"),
            F.col("operator").isin("<", ">").alias("is_censored"),
            *FACT_COLUMNS,
        )
        .where("value IS NOT NULL")
    )
    wells = snapshots_since_treatment(facts, silver["treatment"])
    # One map a snapshot, then its fields: far fewer aggregates than one for each feature.
    entry = F.when(F.col("analyte").isNotNull(), F.struct("analyte", F.struct(*_COURSE)))
    by_patient = (
        _course(_samples(wells))
        .groupBy(*SNAPSHOT)
        .agg(F.map_from_entries(F.collect_list(entry)).alias("course"), distinct_files())
    )
    return by_patient.select(
        *SNAPSHOT,
        "file_ids",
        *(
            F.col("course")[analyte][suffix].alias(f"{analyte.lower()}_{suffix}")
            for analyte in ANALYTES
            for suffix in _COURSE
        ),
    )


def substituted_value() -> Column:
    """A laboratory value as arithmetic takes it: what lies beyond a limit as SUBSTITUTION says; else null."""
    operator = F.col("operator")
    return (
        F.when(operator.isin("=", "*"), F.col("value"))
        .when(operator == "<", F.col("lloq") / F.sqrt(F.lit(2.0)))
        .when(operator == ">", F.col("uloq"))
    )


def _samples(wells: DataFrame) -> DataFrame:
    """Wells of one sample together: mean concentration; censored if any well was."""
    return wells.groupBy(*SNAPSHOT, "first_fraction_time", "analyte", "sample_id").agg(
        F.mean("value").alias("value"),
        F.max("is_censored").alias("is_censored"),
        F.max(F.when(~F.col("is_begin"), F.col(FACT_TIME))).alias(FACT_TIME),
        distinct_files(),
    )


def _course(samples: DataFrame) -> DataFrame:
    """One row for each snapshot and analyte, with the columns of `_COURSE` and file_ids."""
    group = [*SNAPSHOT, "analyte"]
    in_order = Window.partitionBy(*group).orderBy(FACT_TIME, "sample_id")
    time = F.col(FACT_TIME)
    from_baseline = time >= F.coalesce("baseline_time", time)
    timed = (
        with_baseline(samples, group)
        .withColumn("log2_value", F.when(F.col("value") > 0, F.log2("value")))
        .withColumn("counted", F.when(from_baseline, F.col("value")))
        .withColumn("day", F.when(from_baseline, days(time, F.min(FACT_TIME).over(Window.partitionBy(*group)))))
        .withColumn(
            "area",
            (F.col("day") - F.lag("day").over(in_order)) * (F.col("counted") + F.lag("counted").over(in_order)) / 2,
        )
    )
    peak_time = F.min_by(FACT_TIME, F.when(F.col("counted").isNotNull(), F.struct(-F.col("counted"), time)))
    return timed.groupBy(*group).agg(
        at_baseline("value").alias("baseline_pg_per_ml"),
        at_last("value").alias("last_pg_per_ml"),
        since_baseline(at_last("log2_value") - at_baseline("log2_value")).alias("log2_change"),
        since_baseline(at_last("value") - at_baseline("value")).alias("change_pg_per_ml"),
        F.regr_slope("log2_value", "day").alias("log2_slope_per_d"),
        F.sum("area").alias("auc_pg_d_per_ml"),
        F.max("counted").alias("peak_pg_per_ml"),
        days(peak_time, F.max("baseline_time")).alias("days_to_peak_d"),
        F.mean(F.col("is_censored").cast("double")).alias("share_censored"),
        F.count("value").cast("int").alias("n_samples"),
        distinct_files(),
    )


view = GoldView(
    name="cytokine_kinetics",
    entity="patient",
    description="Cytokines in blood before and during treatment.",
    inputs=("cytokine_result", "specimen", "treatment"),
    features=tuple(
        Feature(f"{analyte.lower()}_{suffix}", type_, f"{name}: {text}.", DEFINITION, _SOURCES, unit)
        for analyte, name in ANALYTES.items()
        for suffix, (type_, unit, text) in _COURSE.items()
    ),
    build=build,
    modality="cytokine",
    owner="laboratory",
)
