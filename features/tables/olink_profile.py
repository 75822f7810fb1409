"""Olink proteins in blood: NPX, which is log2 and relative. Changes within a patient mean something, levels little."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.tables.course import at_baseline, at_last, since_baseline, snapshots_since_treatment, with_baseline
from features.tables.cytokine_kinetics import ANALYTES
from features.tables.facts import FACT_COLUMNS, FACT_TIME, SNAPSHOT, distinct_files, laboratory_facts
from features.view import Feature, GoldView, Silver
from infra.tables.cytokine import cytokine_result

DEFINITION = "olink.npx_course/1"
PLATFORMS = ("olink_target", "olink_explore")
IS_COUNTED = "sample_type = 'unknown' AND unit = '{NPX}' AND value IS NOT NULL"
"""Which results of these platforms are a patient's NPX."""
_SOURCES = ("cytokine_result.value", "specimen.collected_time", "treatment.start_time")


def build(silver: Silver) -> DataFrame:
    """One row for each patient and change. See `view` for the features."""
    results = silver["cytokine_result"].where(F.col("platform").isin(*PLATFORMS))
    facts = (
        laboratory_facts(results, silver["specimen"], cytokine_result.key)
        .where(IS_COUNTED)
        .select("patient_id", "sample_id", "platform", "analyte", "value", *FACT_COLUMNS)
    )
    assays = snapshots_since_treatment(facts, silver["treatment"])
    # The platform is a group of its own: NPX of two platforms must never meet.
    group = [*SNAPSHOT, "platform", "analyte"]
    course = (
        with_baseline(_samples(assays), group)
        .groupBy(*group)
        .agg(
            at_baseline("value").alias("baseline"),
            at_last("value").alias("last"),
            since_baseline(at_last("value") - at_baseline("value")).alias("change"),
            F.count("value").cast("int").alias("n_samples"),
            distinct_files(),
        )
    )
    protein = F.when(F.col("analyte").isNotNull(), F.struct("analyte", "baseline", "last", "change"))
    panels = (
        one_platform(course)
        .groupBy(*SNAPSHOT)
        .agg(
            F.array_sort(F.collect_list(protein)).alias("panel"),
            F.max(F.when(F.col("analyte").isNotNull(), F.col("n_samples"))).alias("n_samples"),
            *(
                F.max(F.when(F.col("analyte") == a, F.col(c))).alias(f"{a.lower()}_{c}_npx")
                for a in ANALYTES
                for c in ("baseline", "change")
            ),
            distinct_files(),
        )
    )
    return panels.select(
        "*",
        F.col("panel.analyte").alias("analytes"),
        F.col("panel.baseline").alias("baseline_npx"),
        F.col("panel.last").alias("last_npx"),
        F.col("panel.change").alias("change_npx"),
    )


def _samples(assays: DataFrame) -> DataFrame:
    """The same analyte of one sample on several panels: mean NPX."""
    return assays.groupBy(*SNAPSHOT, "first_fraction_time", "platform", "analyte", "sample_id").agg(
        F.mean("value").alias("value"),
        F.max(F.when(~F.col("is_begin"), F.col(FACT_TIME))).alias(FACT_TIME),
        distinct_files(),
    )


def one_platform(course: DataFrame) -> DataFrame:
    """Where a patient was measured on both platforms, the wider one (olink_explore) speaks."""
    chosen = F.min("platform").over(Window.partitionBy("patient_id", "known_time"))
    return course.withColumn("chosen", chosen).where("platform IS NULL OR platform = chosen").drop("chosen")


view = GoldView(
    name="olink_profile",
    entity="patient",
    description="Olink proteins in blood before and during treatment, whole panels as arrays in the order of analytes.",
    inputs=("cytokine_result", "specimen", "treatment"),
    features=(
        Feature(
            "analytes", "array<string>", "Names of the proteins, sorted.", DEFINITION, ("cytokine_result.analyte",)
        ),
        Feature(
            "baseline_npx",
            "array<double>",
            "NPX in the last sample not after the first fraction.",
            DEFINITION,
            _SOURCES,
            "{NPX}",
        ),
        Feature("last_npx", "array<double>", "NPX in the last sample.", DEFINITION, _SOURCES, "{NPX}"),
        Feature(
            "change_npx",
            "array<double>",
            "Last less baseline; null before a later sample.",
            DEFINITION,
            _SOURCES,
            "{NPX}",
        ),
        Feature("n_samples", "int", "Samples measured for the protein with the most.", DEFINITION, _SOURCES, "1"),
        *(
            Feature(f"{analyte.lower()}_{part}_npx", "double", f"{name}: {text}.", DEFINITION, _SOURCES, "{NPX}")
            for analyte, name in ANALYTES.items()
            for part, text in (("baseline", "NPX at baseline"), ("change", "NPX of the last sample less baseline"))
        ),
    ),
    build=build,
    modality="cytokine",
    owner="laboratory",
)
