"""Who the patient is, what the tumour's markers say, and what has been given so far."""

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.tables.facts import FACT_COLUMNS, SNAPSHOT, distinct_files, snapshots, versions
from features.tables.newest import newest, newest_call
from features.view import Feature, GoldView, Silver
from infra.tables import clinical

DEFINITION = "clinical.current_view/1"
PERFORMANCE = "KPS"
PDL1 = ("PD-L1", "CD274")


def build(silver: Silver) -> DataFrame:
    """One row for each patient and change. See `view` for the features."""
    patient = versions(silver["patient"], clinical.patient.key).select("patient_id", "sex", "birth_year", *FACT_COLUMNS)
    treatment = versions(silver["treatment"], clinical.treatment.key).select(
        "patient_id", "kind", "start_time", "dose", F.col("unit").alias("dose_unit"), *FACT_COLUMNS
    )
    biomarker = versions(silver["biomarker"], clinical.biomarker.key).select(
        "patient_id", "marker", "value", "unit", "call", "method", *FACT_COLUMNS
    )
    facts = reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), (patient, treatment, biomarker))
    fraction = F.col("kind") == "radiotherapy_fraction"
    began = F.coalesce(F.min(F.when(fraction, F.col("start_time"))), F.col("known_time"))
    percent = F.col("unit") == "%"
    score = F.coalesce(F.upper("method"), F.lit(""))
    return (
        snapshots(facts, "patient_id")
        .groupBy(*SNAPSHOT)
        .agg(
            (F.year(began) - F.max("birth_year")).cast("double").alias("age_years"),
            F.max(F.when(F.col("sex").isin("female", "male"), F.col("sex") == "female")).alias("is_female"),
            newest("value", F.col("marker") == PERFORMANCE).alias("karnofsky"),
            newest("value", (F.col("marker") == "MGMT") & percent).alias("mgmt_percent"),
            newest_call(F.col("marker") == "MGMT", "methylated", "unmethylated").alias("is_mgmt_methylated"),
            newest("value", F.col("marker").isin(*PDL1) & percent & ~score.rlike(r"\bCPS\b|\bIC\b")).alias(
                "pdl1_tps_percent"
            ),
            newest_call(F.col("marker") == "IDH1", "mutant", "wildtype").alias("is_idh1_mutant"),
            F.count_if(fraction).cast("int").alias("n_fractions_given"),
            F.sum(F.when(fraction & (F.col("dose_unit") == "Gy"), F.col("dose"))).alias("radiotherapy_dose_gy"),
            F.count_if(F.col("kind") == "immunotherapy").cast("int").alias("n_infusions_given"),
            F.count_if(F.col("kind") == "surgery").cast("int").alias("n_operations"),
            F.coalesce(F.max(F.col("kind") == "corticosteroid"), F.lit(False)).alias("has_corticosteroid"),
            distinct_files(),
        )
    )


_MARKER = ("biomarker.marker", "biomarker.value", "biomarker.unit", "biomarker.method")
_CALL = ("biomarker.marker", "biomarker.call")
_GIVEN = ("treatment.kind", "treatment.start_time")

view = GoldView(
    name="clinical_profile",
    entity="patient",
    description="Age, sex, performance, markers of the tumour, and treatment given so far.",
    inputs=("patient", "treatment", "biomarker"),
    features=(
        Feature(
            "age_years",
            "double",
            "Year of the first fraction (before any is known: of the row's known time) less the year of birth.",
            DEFINITION,
            ("patient.birth_year", "treatment.start_time"),
            "a",
        ),
        Feature(
            "is_female",
            "boolean",
            "Whether the sex at birth is female; null where it is not recorded.",
            DEFINITION,
            ("patient.sex",),
        ),
        Feature("karnofsky", "double", "Karnofsky performance status, 0 to 100.", DEFINITION, _MARKER, "{score}"),
        Feature("mgmt_percent", "double", "Methylation of the MGMT promoter.", DEFINITION, _MARKER, "%"),
        Feature(
            "is_mgmt_methylated",
            "boolean",
            "Whether MGMT was called methylated; null for grey or not done.",
            DEFINITION,
            _CALL,
        ),
        Feature(
            "pdl1_tps_percent",
            "double",
            "PD-L1 tumour proportion score (other scores do not enter).",
            DEFINITION,
            _MARKER,
            "%",
        ),
        Feature("is_idh1_mutant", "boolean", "Whether IDH1 was called mutant.", DEFINITION, _CALL),
        Feature("n_fractions_given", "int", "Fractions of radiotherapy given so far.", DEFINITION, _GIVEN, "1"),
        Feature(
            "radiotherapy_dose_gy",
            "double",
            "Dose of those fractions in sum.",
            DEFINITION,
            ("treatment.dose", "treatment.unit"),
            "Gy",
        ),
        Feature("n_infusions_given", "int", "Infusions of immunotherapy given so far.", DEFINITION, _GIVEN, "1"),
        Feature("n_operations", "int", "Operations so far.", DEFINITION, _GIVEN, "1"),
        Feature("has_corticosteroid", "boolean", "Whether a corticosteroid was given so far.", DEFINITION, _GIVEN),
    ),
    build=build,
    modality="clinical",
    owner="clinical data",
)
