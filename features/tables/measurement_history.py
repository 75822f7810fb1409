"""Every measurement of a patient with its time: what a model reads that weighs measurements one by one.

One element of the arrays is one measurement: a cytokine, NPX, vesicles or the burden of a sample, or a measure of a
region of a scan. What the other views make of samples and scans (baseline, last value, change) is left to the model.
"""

from functools import partial, reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.tables.burden import DEFINITIONS, burden_facts
from features.tables.cytokine_kinetics import ANALYTES, SUBSTITUTION, well_facts
from features.tables.exosome_markers import AS_NAMED
from features.tables.exosome_summary import SMALL_NM, video_facts
from features.tables.facts import FACT_COLUMNS, FACT_TIME, SNAPSHOT, distinct_files, snapshots
from features.tables.imaging_measures import VOLUMES, name_of_measure, region_facts
from features.tables.olink_profile import PLATFORMS, assay_facts, one_platform
from features.view import Feature, GoldView, Silver

DEFINITION = "history.measurements/1"

CYTOKINES, PROTEOMICS, EXOSOMES, BURDEN, IMAGING = "cytokines", "proteomics", "exosomes", "burden", "imaging"
"""Values of `modalities`."""
VESICLES = {
    "log2_concentration_per_ml": "concentration",
    "mode_nm": "mode_nm",
    "mean_nm": "mean_nm",
    f"share_{SMALL_NM[0]:.0f}_{SMALL_NM[1]:.0f}nm": "share",
}
"""Measure of vesicles -> its column of `video_facts`."""

_SOURCES = (
    "cytokine_result.value",
    "cytokine_result.operator",
    "cytokine_result.lloq",
    "cytokine_result.uloq",
    "exosome_measurement.concentration_per_ml",
    "exosome_measurement.dilution_factor",
    "exosome_measurement.is_dilution_applied",
    "exosome_measurement.mode_nm",
    "exosome_measurement.mean_nm",
    "exosome_measurement.bin_concentration_per_ml",
    "imaging_measurement.value",
    "mutational_burden.tmb_per_mb",
)
_NAMES = (
    "cytokine_result.analyte",
    "imaging_measurement.region",
    "imaging_measurement.measure",
    "imaging_measurement.algorithm",
    "imaging_measurement.unit",
    "mutational_burden.definition",
)
_TIMES = ("specimen.collected_time", "imaging_measurement.event_time", "imaging_series.event_time")


def build(silver: Silver) -> DataFrame:
    """One row for each patient and change. See `view` for the features."""
    parts = (_cytokines(silver), _proteins(silver), _vesicles(silver), _burdens(silver), _regions(silver))
    facts = reduce(partial(DataFrame.unionByName, allowMissingColumns=True), parts)
    measured = (
        one_platform(snapshots(facts, "patient_id"))
        .groupBy(*SNAPSHOT, "modality", "measure", "taken")
        .agg(_whole().alias("value"), F.max(FACT_TIME).alias("observed_at"), distinct_files())
    )
    token = F.when(F.col("value").isNotNull(), F.struct("observed_at", "modality", "measure", "value"))
    return (
        measured.groupBy(*SNAPSHOT)
        .agg(F.array_sort(F.collect_list(token)).alias("tokens"), distinct_files())
        .select(
            *SNAPSHOT,
            F.col("tokens.measure").alias("measures"),
            F.col("tokens.modality").alias("modalities"),
            F.col("tokens.value").alias("values"),
            F.col("tokens.observed_at").alias("observed_at"),
            "file_ids",
        )
    )


def _whole() -> Column:
    """Aggregate over what was measured of one thing: wells and videos as their mean, lesions of a name as the other
    views have them, burdens by the last definition; then log2 where the measure is one.
    """
    mean = F.coalesce(F.max_by("value", "definition"), F.mean("value"))
    value = F.when(F.max("is_summed"), F.sum("value")).otherwise(mean)
    return F.when(F.max("is_log2"), F.when(value > 0, F.log2(value))).otherwise(value)


def _cytokines(silver: Silver) -> DataFrame:
    return _facts(well_facts(silver), CYTOKINES, F.col("analyte"), "sample_id", is_log2=F.lit(True))


def _proteins(silver: Silver) -> DataFrame:
    of_interest = F.col("platform").isin(*PLATFORMS) & F.col("analyte").isin(*ANALYTES)
    assays = assay_facts(silver["cytokine_result"].where(of_interest), silver["specimen"])
    return _facts(assays, PROTEOMICS, F.col("analyte"), "sample_id", platform=F.col("platform"))


def _vesicles(silver: Silver) -> DataFrame:
    measures = F.array(
        *(F.struct(F.lit(name).alias("measure"), F.col(c).alias("value")) for name, c in VESICLES.items())
    )
    videos = video_facts(silver).select("*", F.inline(measures))
    return _facts(videos, EXOSOMES, F.col("measure"), "sample_id", is_log2=F.col("measure").startswith("log2_"))


def _burdens(silver: Silver) -> DataFrame:
    short = F.coalesce(
        *(F.when(F.col("definition").startswith(start), F.lit(f"tmb_{s}_per_mb")) for s, start in DEFINITIONS.items())
    )
    burdens = burden_facts(silver).withColumnRenamed("tmb_per_mb", "value").where(short.isNotNull())
    return _facts(burdens, BURDEN, short, "sample_id", definition=F.col("definition"))


def _regions(silver: Silver) -> DataFrame:
    is_volume = F.col("measure").isin(*VOLUMES)
    return _facts(region_facts(silver), IMAGING, name_of_measure(), "series_uid", is_summed=is_volume)


def _facts(facts: DataFrame, modality: str, measure: Column, taken: str, **how: Column) -> DataFrame:
    """Facts with a value in common columns. taken: column of the sample or series that was measured. how: what
    `_whole` and `one_platform` go by.
    """
    return facts.where("value IS NOT NULL").select(
        "patient_id",
        F.lit(modality).alias("modality"),
        measure.alias("measure"),
        F.col(taken).alias("taken"),
        "value",
        *FACT_COLUMNS,
        *(column.alias(name) for name, column in how.items()),
    )


view = GoldView(
    name="measurement_history",
    entity="patient",
    description="Every measurement of a patient known by then, as arrays in one order: by time, modality and measure.",
    inputs=(
        "cytokine_result",
        "specimen",
        "exosome_measurement",
        "imaging_measurement",
        "imaging_series",
        "mutational_burden",
    ),
    features=(
        Feature(
            "measures",
            "array<string>",
            "What was measured: analyte, measure of vesicles, measure of a region as in imaging_measures, or burden.",
            DEFINITION,
            _NAMES,
        ),
        Feature(
            "modalities",
            "array<string>",
            f"Kind of examination of each: {CYTOKINES}, {PROTEOMICS}, {EXOSOMES}, {BURDEN} or {IMAGING}.",
            DEFINITION,
            _NAMES,
        ),
        Feature(
            "values",
            "array<double>",
            f"Values: cytokines in log2 pg/mL (below a limit: {SUBSTITUTION}), proteins in NPX; others by their name.",
            DEFINITION,
            _SOURCES,
            AS_NAMED,
        ),
        Feature(
            "observed_at",
            "array<timestamp>",
            "When the sample was drawn or the scan acquired (UTC).",
            DEFINITION,
            _TIMES,
        ),
    ),
    build=build,
    modality="several",
    owner="oncolake",
)
