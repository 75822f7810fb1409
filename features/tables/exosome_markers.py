"""Proteins and RNA of vesicles in blood, at baseline and in the last sample.

A marker is followed by name, assay and unit; what differs in any of these never meets.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.tables.course import at_baseline, at_last, since_baseline, snapshots_since_treatment, with_baseline
from features.tables.cytokine_kinetics import SUBSTITUTION, substituted_value
from features.tables.facts import FACT_COLUMNS, FACT_TIME, SNAPSHOT, distinct_files, laboratory_facts
from features.view import Feature, GoldView, Silver
from infra.tables.exosome import exosome_cargo

DEFINITION = "exosome.cargo_course/1"
AS_NAMED = "{as_named}"
"""Unit of values of which each has its own, which its name says."""
TETRASPANINS = ("CD9", "CD63", "CD81")
_NAMED = ("marker", "method", "unit")
_SOURCES = (
    "exosome_cargo.marker",
    "exosome_cargo.value",
    "exosome_cargo.operator",
    "exosome_cargo.lloq",
    "exosome_cargo.uloq",
    "specimen.collected_time",
    "treatment.start_time",
)


def build(silver: Silver) -> DataFrame:
    """One row for each patient and change. See `view` for the features."""
    facts = (
        laboratory_facts(silver["exosome_cargo"], silver["specimen"], exosome_cargo.key)
        .select("patient_id", "sample_id", *_NAMED, substituted_value().alias("value"), *FACT_COLUMNS)
        .where("value IS NOT NULL")
    )
    group = [*SNAPSHOT, *_NAMED]
    change = F.try_divide(at_last("value"), at_baseline("value"))
    course = (
        with_baseline(_samples(snapshots_since_treatment(facts, silver["treatment"])), group)
        .groupBy(*group)
        .agg(
            at_baseline("value").alias("baseline"),
            at_last("value").alias("last"),
            since_baseline(F.when(change > 0, F.log2(change))).alias("log2_change"),
            F.count("value").cast("int").alias("n_samples"),
            distinct_files(),
        )
    )
    name = F.concat_ws(
        "",
        F.col("marker"),
        F.concat(F.lit(" ["), F.col("unit"), F.lit("]")),
        F.concat(F.lit(" by "), F.col("method")),
    )
    entry = F.when(F.col("marker").isNotNull(), F.struct(name.alias("name"), "baseline", "last", "log2_change"))
    # Where two assays measured a marker, the one with more samples speaks.
    rank = F.struct("n_samples", "method", "unit")
    return (
        course.groupBy(*SNAPSHOT)
        .agg(
            F.array_sort(F.collect_list(entry)).alias("entries"),
            *(
                F.max_by("log2_change", F.when(F.col("marker") == m, rank)).alias(f"{m.lower()}_log2_change")
                for m in TETRASPANINS
            ),
            F.max(F.when(F.col("marker").isNotNull(), F.col("n_samples"))).alias("n_samples"),
            distinct_files(),
        )
        .select(
            "*",
            F.col("entries.name").alias("markers"),
            *(F.col(f"entries.{part}").alias(part) for part in ("baseline", "last", "log2_change")),
        )
    )


def _samples(readings: DataFrame) -> DataFrame:
    """Replicates of one sample together: their mean."""
    return readings.groupBy(*SNAPSHOT, "first_fraction_time", *_NAMED, "sample_id").agg(
        F.mean("value").alias("value"),
        F.max(F.when(~F.col("is_begin"), F.col(FACT_TIME))).alias(FACT_TIME),
        distinct_files(),
    )


view = GoldView(
    name="exosome_markers",
    modality="exosome",
    entity="patient",
    description="Markers of vesicles in blood before and during treatment, as arrays in the order of markers.",
    inputs=("exosome_cargo", "specimen", "treatment"),
    features=(
        Feature("markers", "array<string>", "Marker, unit and assay of each, sorted.", DEFINITION, _SOURCES[:1]),
        Feature(
            "baseline",
            "array<double>",
            f"Values in the last sample not after the first fraction; below a limit: {SUBSTITUTION}.",
            DEFINITION,
            _SOURCES,
            AS_NAMED,
        ),
        Feature("last", "array<double>", "Values in the last sample.", DEFINITION, _SOURCES, AS_NAMED),
        Feature(
            "log2_change",
            "array<double>",
            "log2 fold change from baseline to the last sample; null before a later sample.",
            DEFINITION,
            _SOURCES,
            "1",
        ),
        *(
            Feature(
                f"{m.lower()}_log2_change", "double", f"{m}: log2 fold change from baseline.", DEFINITION, _SOURCES, "1"
            )
            for m in TETRASPANINS
        ),
        Feature("n_samples", "int", "Samples measured for the marker with the most.", DEFINITION, _SOURCES, "1"),
    ),
    build=build,
)
