"""Every measurement of a patient with its time: what a model reads that weighs measurements one by one.

One element of the arrays is one measurement: a cytokine, NPX, vesicles or the burden of a sample, or a measure of a
region of a scan. What the other views make of samples and scans (baseline, last value, change) is left to the model.
"""

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.tables.burden import DEFINITIONS
from features.tables.cytokine_kinetics import ANALYTES, IS_COUNTED, PLATFORM, SUBSTITUTION, substituted_value
from features.tables.exosome_markers import AS_NAMED
from features.tables.exosome_summary import SMALL_NM, share_of_bins, undiluted
from features.tables.facts import (
    FACT_COLUMNS,
    FACT_TIME,
    SNAPSHOT,
    distinct_files,
    laboratory_facts,
    measurement_facts,
    snapshots,
)
from features.tables.imaging_measures import VOLUMES, name_of_measure
from features.tables.olink_profile import IS_COUNTED as NPX_IS_COUNTED
from features.tables.olink_profile import PLATFORMS, one_platform
from features.view import Feature, GoldView, Silver
from infra.table import Table
from infra.tables.cytokine import cytokine_result
from infra.tables.exosome import exosome_measurement
from infra.tables.imaging import imaging_measurement
from infra.tables.mutations import mutational_burden
from ingestion.sources.exosome.summary import is_usable

DEFINITION = "history.measurements/1"

CYTOKINES, PROTEOMICS, EXOSOMES, BURDEN, IMAGING = "cytokines", "proteomics", "exosomes", "burden", "imaging"
"""Values of `modalities`."""
_OF_RESULTS = ("site_id", "sample_id", "known_time", "reporting_delay_days", "ingested_at", "file_id", "file_row")

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
    rows = (_blood(silver["cytokine_result"]), _vesicles(silver["exosome_measurement"]))
    results = reduce(DataFrame.unionByName, (*rows, _burdens(silver["mutational_burden"])))
    # One pass over the results of all laboratories: joining each with its specimens would cost as much again for each.
    of_samples = laboratory_facts(results, silver["specimen"], ["key"]).withColumnRenamed("sample_id", "taken")
    facts = _measured(of_samples).unionByName(_measured(_regions(silver))).where("value IS NOT NULL")
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


def _blood(results: DataFrame) -> DataFrame:
    """Cytokines in pg/mL and NPX of the same analytes, as `cytokine_kinetics` and `olink_profile` count them."""
    platform = F.col("platform")
    is_npx = platform.isin(*PLATFORMS)
    value = F.when(is_npx & F.expr(NPX_IS_COUNTED), F.col("value")).when(
        ~is_npx & F.expr(IS_COUNTED), substituted_value()
    )
    modality = F.when(is_npx, PROTEOMICS).otherwise(CYTOKINES)
    token = _token(modality, F.col("analyte"), value, is_log2=~is_npx, platform=F.when(is_npx, platform))
    rows = results.where(F.col("analyte").isin(*ANALYTES) & platform.isin(PLATFORM, *PLATFORMS))
    return _results(rows, cytokine_result, token)


def _vesicles(videos: DataFrame) -> DataFrame:
    counts = is_usable(F.col("validity"), F.col("is_instrument_average"))
    measures = {
        "log2_concentration_per_ml": undiluted(),
        "mode_nm": F.col("mode_nm"),
        "mean_nm": F.col("mean_nm"),
        f"share_{SMALL_NM[0]:.0f}_{SMALL_NM[1]:.0f}nm": share_of_bins(*SMALL_NM),
    }
    tokens = [
        _token(F.lit(EXOSOMES), F.lit(name), F.when(counts, value), is_log2=F.lit(name.startswith("log2_")))
        for name, value in measures.items()
    ]
    return _results(videos, exosome_measurement, *tokens)


def _burdens(burdens: DataFrame) -> DataFrame:
    definition = F.col("definition")
    short = F.coalesce(
        *(F.when(definition.startswith(start), F.lit(f"tmb_{s}_per_mb")) for s, start in DEFINITIONS.items())
    )
    token = _token(F.lit(BURDEN), short, F.when(short.isNotNull(), F.col("tmb_per_mb")), definition=definition)
    return _results(burdens, mutational_burden, token)


def _regions(silver: Silver) -> DataFrame:
    is_volume = F.col("measure").isin(*VOLUMES)
    token = _token(F.lit(IMAGING), name_of_measure(), F.col("value"), is_summed=is_volume)
    regions = measurement_facts(silver["imaging_measurement"], silver["imaging_series"], imaging_measurement.key)
    return regions.withColumn("tokens", F.array(token)).withColumnRenamed("series_uid", "taken")


def _measured(facts: DataFrame) -> DataFrame:
    """A row for each token of each fact."""
    return facts.select("patient_id", "taken", *FACT_COLUMNS, F.inline("tokens"))


def _token(modality: Column, measure: Column, value: Column, **how: Column) -> Column:
    """One measurement of a row; null in value: none. how: what `_whole` and `one_platform` go by."""
    kinds = {"is_log2": "boolean", "is_summed": "boolean", "platform": "string", "definition": "string"}
    return F.struct(
        modality.alias("modality"),
        measure.alias("measure"),
        value.cast("double").alias("value"),
        *(how.get(name, F.lit(None)).cast(kind).alias(name) for name, kind in kinds.items()),
    )


def _results(rows: DataFrame, table: Table, *tokens: Column) -> DataFrame:
    """Rows of a laboratory table in columns common to all, with what each measured as `tokens`."""
    key = F.array(F.lit(table.name), *(F.col(name).cast("string") for name in table.key))
    return rows.select(*_OF_RESULTS, key.alias("key"), F.array(*tokens).alias("tokens"))


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
