"""Which scans of a patient exist, and when they were made."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.tables.course import days, files_of, split_first_fraction, with_first_fraction
from features.tables.facts import (
    FACT_COLUMNS,
    FACT_TIME,
    first_fraction,
    snapshots,
    versions,
    with_snapshots,
)
from features.view import Feature, GoldView, Silver
from infra.tables.imaging import imaging_series

DEFINITION = "imaging.acquired_human_series/1"
SEQUENCES = ("T1", "T1GD", "T2", "FLAIR", "DWI", "DSC")
_SERIES = ("imaging_series.series_uid", "imaging_series.study_uid", "imaging_series.event_time")


def build(silver: Silver) -> DataFrame:
    """One row for each patient and change, over series of people that a scanner acquired (nothing derived)."""
    facts = (
        versions(silver["imaging_series"], imaging_series.key)
        .where("species = 'human' AND NOT coalesce(is_derived, false)")
        .select("patient_id", "study_uid", "modality", "sequence_type", "field_strength_t", *FACT_COLUMNS)
    )
    instants, current = snapshots(with_first_fraction(facts, first_fraction(silver["treatment"])), "patient_id")
    series, fraction = split_first_fraction(current)
    is_mr = F.col("modality") == "MR"
    mr_time = F.when(is_mr, F.col(FACT_TIME))
    summary = series.groupBy("patient_id", "known_time").agg(
        F.countDistinct("study_uid").cast("int").alias("n_studies"),
        F.count("*").cast("int").alias("n_series"),
        F.countDistinct(F.when(is_mr, F.col("study_uid"))).cast("int").alias("n_mr_studies"),
        *(F.max(F.coalesce(F.col("sequence_type") == s, F.lit(False))).alias(f"has_{s.lower()}") for s in SEQUENCES),
        F.max(F.when(is_mr, F.col("field_strength_t"))).alias("field_strength_t"),
        days(F.max(mr_time), F.min(mr_time)).alias("mr_follow_up_d"),
        days(F.max(mr_time), F.max("first_fraction_time")).alias("last_mr_after_first_fraction_d"),
    )
    features = files_of(series, fraction).join(summary, ["patient_id", "known_time"], "left")
    return with_snapshots(instants, features, "patient_id")


view = GoldView(
    name="imaging_availability",
    entity="patient",
    description="Scans acquired so far: how many, which sequences, and when.",
    inputs=("imaging_series", "treatment"),
    features=(
        Feature("n_studies", "int", "Studies of any modality.", DEFINITION, _SERIES, "1"),
        Feature("n_series", "int", "Series of any modality.", DEFINITION, _SERIES, "1"),
        Feature("n_mr_studies", "int", "Studies with MR.", DEFINITION, _SERIES, "1"),
        *(
            Feature(f"has_{s.lower()}", "boolean", f"Whether a {s} series was acquired.", DEFINITION,
                    ("imaging_series.sequence_type",))
            for s in SEQUENCES
        ),
        Feature("field_strength_t", "double", "Highest field strength of an MR series.", DEFINITION,
                ("imaging_series.field_strength_t",), "T"),
        Feature("mr_follow_up_d", "double", "Days from the first MR to the last.", DEFINITION, _SERIES, "d"),
        Feature("last_mr_after_first_fraction_d", "double",
                "Days from the first fraction to the last MR; negative where the MR came before.", DEFINITION,
                (*_SERIES, "treatment.start_time"), "d"),
    ),
    build=build,
)
