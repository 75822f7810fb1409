"""`mutational_burden` from `variant`, `sequenced_sample` and `gene_panel`, under every declared definition.

Sequenced without a counted mutation: 0. Not sequenced: no row. A sample that only a MAF names was sequenced all the
same, by the definition's default of an exome, and the source of the denominator says so. A sample with a variant that
no file annotates (a VCF without CSQ or ANN) has no burden under any definition, and missing_reason says so: counting
the others would be too low, and 0 would be wrong.
"""

from collections.abc import Callable
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ingestion.sources.cbioportal.study_files import EXOME
from ingestion.sources.mutations.definitions import (
    DEFINITIONS,
    HYPERMUTATED_PER_MB,
    MIN_PANEL_MB,
    NOT_SOMATIC,
    PUBLISHED_PANEL_MB,
    BurdenDefinition,
)

INPUTS = ("variant", "sequenced_sample", "gene_panel")
_LINEAGE = ("file_id", "file_row", "site_id")
_LOCUS = ("sample_id", "chromosome", "start_position", "reference_allele", "alternate_allele")
UNANNOTATED = "variants without annotation"
UNKNOWN_SIZE = "panel of unknown coding size"
SMALL_PANEL = f"panel under {MIN_PANEL_MB:g} Mb"


def derive_mutational_burden(accepted: dict[str, DataFrame], current: Callable[[str], DataFrame]) -> DataFrame:
    """Burden of the samples that a batch touched, from the current view of all inputs: grain (sample, definition)."""
    sequenced_sample, gene_panel = current("sequenced_sample"), current("gene_panel")
    touched = _touched_samples(accepted, sequenced_sample)
    variant = current("variant").join(touched, "sample_id", "left_semi")
    profile = _profile(sequenced_sample.join(touched, "sample_id", "left_semi"), gene_panel)
    return mutational_burden(variant, profile)


def _touched_samples(accepted: dict[str, DataFrame], sequenced_sample: DataFrame) -> DataFrame:
    touched = [accepted[name].select("sample_id") for name in ("variant", "sequenced_sample") if name in accepted]
    if "gene_panel" in accepted:
        panels = accepted["gene_panel"].select("panel_id", "site_id")
        touched.append(sequenced_sample.join(panels, ["panel_id", "site_id"], "left_semi").select("sample_id"))
    return reduce(DataFrame.union, touched).distinct()


def _profile(sequenced_sample: DataFrame, gene_panel: DataFrame) -> DataFrame:
    """One row a sample: its panel and the panel's size. A named panel wins over 'exome', which a bare list implies."""
    order = F.struct(F.col("panel_id") != EXOME, F.col("known_time"), F.col("panel_id"))
    chosen = sequenced_sample.groupBy("sample_id").agg(
        F.max_by(F.struct("panel_id", "known_time", "reporting_delay_days", *_LINEAGE), order).alias("chosen")
    ).select("sample_id", "chosen.*")  # fmt: skip
    size = gene_panel.select(
        "panel_id",
        "site_id",
        "coding_mb",
        "coding_source",
        F.col("known_time").alias("panel_known_time"),
        F.col("reporting_delay_days").alias("panel_delay_days"),
    )
    published = _published_mb()
    return chosen.join(F.broadcast(size), ["panel_id", "site_id"], "left").select(
        "sample_id",
        "panel_id",
        *_LINEAGE,
        F.coalesce("coding_mb", published).alias("coding_mb"),
        F.when(F.col("coding_mb").isNotNull(), F.col("coding_source"))
        .when(published.isNotNull(), F.lit("published size"))
        .alias("coding_source"),
        F.greatest("known_time", "panel_known_time").alias("known_time"),
        F.greatest("reporting_delay_days", "panel_delay_days").alias("reporting_delay_days"),
    )


def _published_mb() -> Column:
    name = F.regexp_replace(F.regexp_replace(F.upper("panel_id"), "[^A-Z0-9]", ""), "^MSK", "")
    return F.create_map(*(F.lit(part) for pair in PUBLISHED_PANEL_MB.items() for part in pair))[name]


def mutational_burden(variant: DataFrame, profile: DataFrame) -> DataFrame:
    """Burden under every definition, of each sample in `variant` or `profile`. Pure: no lake in sight.

    variant: the variants of the samples. profile: one row a sample with panel_id, coding_mb and coding_source.
    The lineage is that of the profile's row, else of the sample's first variant.
    """
    counts = variant.groupBy("sample_id").agg(
        F.max("known_time").alias("variant_known_time"),
        F.max("reporting_delay_days").alias("variant_delay_days"),
        F.min(F.struct(*_LINEAGE)).alias("first_variant"),
        *(F.count_if(_is_counted(d)).alias(f"n_{i}") for i, d in enumerate(DEFINITIONS)),
    )
    samples = profile.join(counts, "sample_id", "full_outer").join(_unannotated(variant), "sample_id", "left")
    each = F.array(*(_burden(d, f"n_{i}") for i, d in enumerate(DEFINITIONS)))
    burdens = samples.withColumn("burden", F.explode(each))
    is_large = F.col("burden.is_exome") | (F.col("burden.denominator_mb") >= MIN_PANEL_MB)
    n_counted = F.when(F.col("is_unannotated").isNull(), F.col("burden.n_counted"))
    tmb_per_mb = F.when(is_large, n_counted / F.col("burden.denominator_mb"))
    missing_reason = (
        F.when(F.col("is_unannotated"), UNANNOTATED)
        .when(F.col("burden.denominator_mb").isNull(), UNKNOWN_SIZE)
        .when(~is_large, SMALL_PANEL)
    )
    return burdens.select(
        "sample_id",
        F.col("burden.definition").alias("definition"),
        n_counted.alias("n_counted"),
        F.col("burden.denominator_mb").alias("denominator_mb"),
        F.col("burden.denominator_source").alias("denominator_source"),
        tmb_per_mb.alias("tmb_per_mb"),
        missing_reason.alias("missing_reason"),
        (tmb_per_mb > HYPERMUTATED_PER_MB).alias("is_hypermutated"),
        F.greatest("reporting_delay_days", "variant_delay_days").alias("reporting_delay_days"),
        F.lit(None).cast("timestamp").alias("event_time"),
        F.greatest("known_time", "variant_known_time").alias("known_time"),
        *(F.coalesce(name, f"first_variant.{name}").alias(name) for name in _LINEAGE),
    )


def _unannotated(variant: DataFrame) -> DataFrame:
    """Samples with a somatic variant that has a class in no file: sample_id, is_unannotated (true)."""
    loci = variant.filter(_is_somatic()).groupBy(*_LOCUS).agg(F.count("variant_class").alias("n_classes"))
    return loci.filter("n_classes = 0").select("sample_id", F.lit(True).alias("is_unannotated")).distinct()


def _is_counted(definition: BurdenDefinition) -> Column:
    return F.col("variant_class").isin(*definition.classes) & _is_somatic()


def _is_somatic() -> Column:
    return ~F.lower(F.coalesce("mutation_status", F.lit(""))).isin(*NOT_SOMATIC)


def _burden(definition: BurdenDefinition, n_counted: str) -> Column:
    """One definition's numbers of a sample. Panel of unknown size: no denominator, and the source says so."""
    is_exome = F.col("panel_id").isNull() | (F.col("panel_id") == EXOME)
    denominator = F.when(is_exome, F.lit(definition.exome_mb)).otherwise(F.col("coding_mb"))
    source = (
        F.when(F.col("panel_id").isNull(), F.lit("definition default; in no list of sequenced samples"))
        .when(F.col("panel_id") == EXOME, F.lit("definition default for exomes"))
        .otherwise(F.coalesce("coding_source", F.lit(UNKNOWN_SIZE)))
    )
    return F.struct(
        F.lit(definition.name).alias("definition"),
        F.coalesce(n_counted, F.lit(0)).cast("int").alias("n_counted"),
        denominator.alias("denominator_mb"),
        source.alias("denominator_source"),
        is_exome.alias("is_exome"),
    )
