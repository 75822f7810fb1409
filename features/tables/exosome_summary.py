"""Extracellular vesicles in blood by particle tracking: number, size, and change from baseline."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.tables.course import at_baseline, at_last, since_baseline, snapshots_since_treatment, with_baseline
from features.tables.facts import FACT_COLUMNS, FACT_TIME, SNAPSHOT, distinct_files, laboratory_facts
from features.view import Feature, GoldView, Silver
from infra.table import ColumnType
from infra.tables.exosome import exosome_measurement
from ingestion.sources.exosome.summary import correction_factor, is_usable

DEFINITION = "exosome.valid_videos/1"
SMALL_NM = (30.0, 150.0)
"""Diameters of small vesicles (MISEV2023 speaks of small EVs; 30 to 150 nm is the usual range of exosomes)."""

_FEATURES: dict[str, tuple[ColumnType, str | None, str]] = {
    "concentration_per_ml": ("double", "/mL", "particles per mL of sample before dilution, mean over valid videos"),
    "mode_nm": ("double", "nm", "mode of the diameter, mean over valid videos"),
    "mean_nm": ("double", "nm", "mean diameter, mean over valid videos"),
    "d50_nm": ("double", "nm", "median diameter, mean over valid videos"),
    "span": ("double", "1", "(D90 - D10) / D50, mean over valid videos"),
    "share_30_150nm": ("double", "1", "share of particles from 30 to 150 nm, from the size bins"),
    "cv_videos": ("double", "1", "coefficient of variation of the concentration between valid videos"),
    "n_videos": ("int", "1", "valid videos of the last sample"),
    "baseline_concentration_per_ml": ("double", "/mL", "concentration in the last sample not after the first fraction"),
    "log2_concentration_change": ("double", "1", "log2 fold change of the concentration from baseline"),
    "mode_change_nm": ("double", "nm", "change of the mode from baseline"),
    "share_30_150nm_change": ("double", "1", "change of the share from 30 to 150 nm from baseline"),
    "n_samples": ("int", "1", "samples measured"),
}
_SOURCES = (
    "exosome_measurement.concentration_per_ml",
    "exosome_measurement.dilution_factor",
    "exosome_measurement.is_dilution_applied",
    "exosome_measurement.bin_concentration_per_ml",
    "specimen.collected_time",
    "treatment.start_time",
)


def build(silver: Silver) -> DataFrame:
    """One row for each patient and change. See `view` for the features."""
    facts = (
        laboratory_facts(silver["exosome_measurement"], silver["specimen"], exosome_measurement.key)
        .where(is_usable(F.col("validity"), F.col("is_instrument_average")))
        .select(
            "patient_id",
            "sample_id",
            undiluted().alias("concentration"),
            "mode_nm",
            "mean_nm",
            "d50_nm",
            F.try_divide(F.col("d90_nm") - F.col("d10_nm"), F.col("d50_nm")).alias("span"),
            share_of_bins(*SMALL_NM).alias("share"),
            *FACT_COLUMNS,
        )
    )
    videos = snapshots_since_treatment(facts, silver["treatment"])
    change = F.try_divide(at_last("concentration"), at_baseline("concentration"))
    return (
        with_baseline(_samples(videos), list(SNAPSHOT))
        .groupBy(*SNAPSHOT)
        .agg(
            at_last("concentration").alias("concentration_per_ml"),
            *(at_last(c).alias(c) for c in ("mode_nm", "mean_nm", "d50_nm", "span", "cv_videos")),
            at_last("share").alias("share_30_150nm"),
            at_last("n_videos").alias("n_videos"),
            at_baseline("concentration").alias("baseline_concentration_per_ml"),
            since_baseline(F.when(change > 0, F.log2(change))).alias("log2_concentration_change"),
            since_baseline(at_last("mode_nm") - at_baseline("mode_nm")).alias("mode_change_nm"),
            since_baseline(at_last("share") - at_baseline("share")).alias("share_30_150nm_change"),
            F.count("sample_id").alias("n_samples"),
            distinct_files(),
        )
    )


def undiluted() -> Column:
    """The concentration of the sample itself: multiplied by the dilution once, and only where it was not yet.

    Null where the dilution was neither applied nor recorded: the number as measured would be wrong by an unknown
    factor.
    """
    return F.col("concentration_per_ml") * correction_factor(F.col("dilution_factor"), F.col("is_dilution_applied"))


def share_of_bins(low_nm: float, high_nm: float) -> Column:
    """Share of the particles whose bin centre lies in [low_nm, high_nm]; null without bins or without particles."""
    pairs = F.arrays_zip("bin_centre_nm", "bin_concentration_per_ml")
    zero = F.lit(0.0)
    within = F.aggregate(
        pairs,
        zero,
        lambda total, p: (
            total + F.when(p["bin_centre_nm"].between(low_nm, high_nm), p["bin_concentration_per_ml"]).otherwise(zero)
        ),
    )
    return F.try_divide(within, F.aggregate("bin_concentration_per_ml", zero, lambda total, n: total + n))


def _samples(videos: DataFrame) -> DataFrame:
    """Valid videos of one sample together."""
    return videos.groupBy(*SNAPSHOT, "first_fraction_time", "sample_id").agg(
        *(F.mean(c).alias(c) for c in ("concentration", "mode_nm", "mean_nm", "d50_nm", "span", "share")),
        F.try_divide(F.stddev_samp("concentration"), F.mean("concentration")).alias("cv_videos"),
        F.count("sample_id").alias("n_videos"),
        F.max(F.when(~F.col("is_begin"), F.col(FACT_TIME))).alias(FACT_TIME),
        distinct_files(),
    )


view = GoldView(
    name="exosome_summary",
    entity="patient",
    description="Extracellular vesicles in the last blood sample, and their change from baseline.",
    inputs=("exosome_measurement", "specimen", "treatment"),
    features=tuple(
        Feature(name, type_, f"{text[0].upper()}{text[1:]}.", DEFINITION, _SOURCES, unit)
        for name, (type_, unit, text) in _FEATURES.items()
    ),
    build=build,
    modality="exosome",
    owner="laboratory",
)
