"""Grade and molecular markers of the tumour, as reports and study archives state them."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.tables.facts import FACT_COLUMNS, SNAPSHOT, distinct_files, snapshots, versions
from features.tables.newest import newest, newest_call
from features.view import Feature, GoldView, Silver
from infra.tables import clinical

DEFINITION = "tumour_markers.current_view/1"
GRADES = {"G1": 1.0, "G2": 2.0, "G3": 3.0, "G4": 4.0}
CALLS = {
    "is_idh_mutant": (("IDH", "IDH1", "IDH2"), "mutant", "wildtype", "IDH (IDH1 or IDH2 where one is named) is mutant"),
    "is_1p19q_codeleted": (("1p/19q",), "codel", "non-codel", "chromosome arms 1p and 19q are codeleted"),
    "is_tert_mutant": (("TERT",), "mutant", "wildtype", "the TERT promoter is mutant"),
    "is_atrx_mutant": (("ATRX",), "mutant", "wildtype", "ATRX is mutant"),
    "is_braf_v600e": (("BRAF V600E",), "mutant", "wildtype", "BRAF V600E was found"),
}
"""Feature -> markers, the call that makes it true, the call that makes it false, and what it says."""
PER_MB = "1/1000000{Base}"


def build(silver: Silver) -> DataFrame:
    """One row for each patient and change. See `view` for the features."""
    facts = versions(silver["biomarker"], clinical.biomarker.key).select(
        "patient_id", "marker", "value", "unit", "call", "method", *FACT_COLUMNS
    )
    features = [_grade(), *(_called(name) for name in CALLS), _burden()]
    return snapshots(facts, "patient_id").groupBy(*SNAPSHOT).agg(*features, distinct_files())


def _grade() -> Column:
    grade = F.coalesce(*(F.when(F.col("call") == call, number) for call, number in GRADES.items()))
    return newest(grade, F.col("marker") == "GRADE").alias("who_grade")


def _called(name: str) -> Column:
    markers, positive, negative, _ = CALLS[name]
    return newest_call(F.col("marker").isin(*markers), positive, negative).alias(name)


def _burden() -> Column:
    return newest("value", (F.col("marker") == "TMB") & (F.col("unit") == PER_MB)).alias("tmb_reported_per_mb")


_CALL = ("biomarker.marker", "biomarker.call")

view = GoldView(
    name="tumour_markers",
    entity="patient",
    description="Grade, molecular markers and burden of the tumour, as a report or a study archive states them.",
    inputs=("biomarker",),
    features=(
        Feature("who_grade", "double", "WHO grade of the tumour, 1 to 4.", DEFINITION, _CALL, "{grade}"),
        *(
            Feature(name, "boolean", f"Whether {says}; null without a clear call.", DEFINITION, _CALL)
            for name, (_, _, _, says) in CALLS.items()
        ),
        Feature(
            "tmb_reported_per_mb",
            "double",
            "Non-synonymous mutations per Mb as the archive states them, by a definition of its own.",
            DEFINITION,
            ("biomarker.marker", "biomarker.value", "biomarker.unit"),
            PER_MB,
        ),
    ),
    build=build,
    modality="pathology",
    owner="pathology",
)
