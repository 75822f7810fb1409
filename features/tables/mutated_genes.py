"""Somatic mutations by gene, over all samples of a patient so far. A gene without one is not named."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.tables.facts import FACT_COLUMNS, SNAPSHOT, distinct_files, laboratory_facts, snapshots
from features.view import Feature, GoldView, Silver
from infra.tables.mutations import sequenced_sample, variant
from ingestion.sources.mutations.definitions import CBIOPORTAL, NOT_SOMATIC

DEFINITION = "mutations.by_gene/1"
ALTERING = CBIOPORTAL.classes
"""Classes that alter the protein or its splicing: those that the burden counts."""
_LOCUS = ("chromosome", "start_position", "reference_allele", "alternate_allele", "protein_change")
_SOURCES = (
    "variant.hugo_symbol",
    "variant.start_position",
    "variant.variant_class",
    "variant.mutation_status",
    "sequenced_sample.sample_id",
    "specimen.collected_time",
)


def build(silver: Silver) -> DataFrame:
    """One row for each patient and change. See `view` for the features."""
    specimen = silver["specimen"]
    called = (
        laboratory_facts(silver["variant"], specimen, variant.key)
        .where(~F.lower(F.coalesce("mutation_status", F.lit(""))).isin(*NOT_SOMATIC))
        .select(
            "patient_id",
            F.col("hugo_symbol").alias("gene"),
            # The same mutation in two samples is one.
            F.struct(*_LOCUS).alias("locus"),
            F.col("variant_class").isin(*ALTERING).alias("is_altering"),
            F.lit(True).alias("is_sequenced"),
            *FACT_COLUMNS,
        )
    )
    sequenced = laboratory_facts(silver["sequenced_sample"], specimen, sequenced_sample.key).select(
        "patient_id", F.lit(True).alias("is_sequenced"), *FACT_COLUMNS
    )
    by_gene = (
        snapshots(called.unionByName(sequenced, allowMissingColumns=True), "patient_id")
        .groupBy(*SNAPSHOT, "gene")
        .agg(
            F.count_distinct("locus").cast("double").alias("n_mutations"),
            F.count_distinct(F.when(F.col("is_altering"), F.col("locus"))).cast("double").alias("n_altering"),
            F.max("is_sequenced").alias("is_sequenced"),
            distinct_files(),
        )
    )
    entry = F.when(F.col("gene").isNotNull(), F.struct("gene", "n_mutations", "n_altering"))
    per_patient = by_gene.groupBy(*SNAPSHOT).agg(
        F.array_sort(F.collect_list(entry)).alias("entries"),
        F.coalesce(F.max("is_sequenced"), F.lit(False)).alias("is_sequenced"),
        distinct_files(),
    )
    # Not sequenced is null; sequenced without a mutation is an empty array, and none.
    known = F.when(F.col("is_sequenced"), F.col("entries"))
    return per_patient.select(
        *SNAPSHOT,
        known["gene"].alias("genes"),
        *(known[name].alias(name) for name in ("n_mutations", "n_altering")),
        F.when(F.col("is_sequenced"), F.size("entries")).alias("n_genes"),
        F.when(F.col("is_sequenced"), F.size(F.filter("entries", lambda e: e["n_altering"] > 0))).alias(
            "n_altered_genes"
        ),
        "is_sequenced",
        "file_ids",
    )


view = GoldView(
    name="mutated_genes",
    modality="mutations",
    entity="patient",
    description="Somatic mutations by gene, as arrays in the order of genes. Not sequenced is missing; none is empty.",
    inputs=("variant", "sequenced_sample", "specimen"),
    features=(
        Feature("genes", "array<string>", "HGNC symbols of the genes with a mutation, sorted.", DEFINITION, _SOURCES),
        Feature("n_mutations", "array<double>", "Distinct mutations of each gene.", DEFINITION, _SOURCES, "1"),
        Feature(
            "n_altering",
            "array<double>",
            f"Of these those of the classes that {CBIOPORTAL.name} counts.",
            DEFINITION,
            _SOURCES,
            "1",
        ),
        Feature("n_genes", "int", "Genes with a mutation.", DEFINITION, _SOURCES, "1"),
        Feature("n_altered_genes", "int", "Genes with such a mutation.", DEFINITION, _SOURCES, "1"),
        Feature("is_sequenced", "boolean", "Whether a sample was sequenced so far.", DEFINITION, _SOURCES),
    ),
    build=build,
)
