"""Mutational burden of the tumour, under each named definition."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.tables.facts import FACT_COLUMNS, FACT_TIME, SNAPSHOT, distinct_files, laboratory_facts, snapshots
from features.view import Feature, GoldView, Silver
from infra.tables.mutations import mutational_burden

DEFINITION = "burden.last_sample/1"
DEFINITIONS = {"cbioportal": "tmb.cbioportal-9class", "maftools": "tmb.maftools"}
"""Short name in the features -> start of the definition's name; what follows it is the denominator."""

_SOURCES = ("mutational_burden.tmb_per_mb", "mutational_burden.n_counted", "specimen.collected_time")


def build(silver: Silver) -> DataFrame:
    """One row for each patient and change: the burden of the tumour sample that was cut last."""
    facts = laboratory_facts(silver["mutational_burden"], silver["specimen"], mutational_burden.key).select(
        "patient_id", "sample_id", "definition", "n_counted", "tmb_per_mb", "is_hypermutated", *FACT_COLUMNS
    )
    newest = F.struct(FACT_TIME, "sample_id", "definition")
    columns = []
    for short, start in DEFINITIONS.items():
        rank = F.when(F.col("definition").startswith(start), newest)
        columns.append(F.max_by("tmb_per_mb", rank).alias(f"tmb_{short}_per_mb"))
        columns.append(F.max_by("n_counted", rank).alias(f"n_counted_{short}"))
    of_cbioportal = F.when(F.col("definition").startswith(DEFINITIONS["cbioportal"]), newest)
    return (
        snapshots(facts, "patient_id")
        .groupBy(*SNAPSHOT)
        .agg(*columns, F.max_by("is_hypermutated", of_cbioportal).alias("is_hypermutated"), distinct_files())
    )


view = GoldView(
    name="burden",
    entity="patient",
    description="Mutational burden of the last tumour sample. Not sequenced is missing; sequenced without a call is 0.",
    inputs=("mutational_burden", "specimen"),
    features=(
        *(
            feature
            for short, start in DEFINITIONS.items()
            for feature in (
                Feature(
                    f"tmb_{short}_per_mb",
                    "double",
                    f"Mutations per Mb by {start}.",
                    DEFINITION,
                    _SOURCES,
                    "1/1000000{Base}",
                ),
                Feature(f"n_counted_{short}", "int", f"Mutations that {start} counts.", DEFINITION, _SOURCES, "1"),
            )
        ),
        Feature(
            "is_hypermutated",
            "boolean",
            "Whether the burden by tmb.cbioportal-9class is over 17 per Mb.",
            DEFINITION,
            ("mutational_burden.is_hypermutated",),
        ),
    ),
    build=build,
    modality="mutations",
    owner="genomics",
)
