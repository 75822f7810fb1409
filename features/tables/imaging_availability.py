"""Which scans of a patient exist, and when they were made."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.tables.course import days, snapshots_since_treatment
from features.tables.facts import FACT_COLUMNS, FACT_TIME, SNAPSHOT, distinct_files, versions
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
        .select("patient_id", "study_uid", "series_uid", "modality", "sequence_type", "field_strength_t", *FACT_COLUMNS)
    )
    series = snapshots_since_treatment(facts, silver["treatment"])
    is_mr = F.col("modality") == "MR"
    mr_time = F.when(is_mr, F.col(FACT_TIME))
    # No series at all is null: nobody has looked. A series without DSC is a patient without DSC.
    is_series = F.col("series_uid").isNotNull()
    any_series = F.max(is_series)
    return series.groupBy(*SNAPSHOT).agg(
        F.when(any_series, F.countDistinct("study_uid")).alias("n_studies"),
        F.when(any_series, F.count("series_uid")).alias("n_series"),
        F.when(any_series, F.countDistinct(F.when(is_mr, F.col("study_uid")))).alias("n_mr_studies"),
        *(
            F.max(F.when(is_series, F.coalesce(F.col("sequence_type") == s, F.lit(False)))).alias(f"has_{s.lower()}")
            for s in SEQUENCES
        ),
        F.max(F.when(is_mr, F.col("field_strength_t"))).alias("field_strength_t"),
        F.min(mr_time).alias("first_mr_time"),
        F.max(mr_time).alias("last_mr_time"),
        days(F.max(mr_time), F.min(mr_time)).alias("mr_follow_up_d"),
        days(F.max(mr_time), F.max("first_fraction_time")).alias("last_mr_after_first_fraction_d"),
        distinct_files(),
    )


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
            Feature(
                f"has_{s.lower()}",
                "boolean",
                f"Whether a {s} series was acquired.",
                DEFINITION,
                ("imaging_series.sequence_type",),
            )
            for s in SEQUENCES
        ),
        Feature(
            "field_strength_t",
            "double",
            "Highest field strength of an MR series.",
            DEFINITION,
            ("imaging_series.field_strength_t",),
            "T",
        ),
        Feature(
            "first_mr_time",
            "timestamp",
            "When the first MR was acquired; for the days since, imaging_days.",
            DEFINITION,
            _SERIES,
        ),
        Feature(
            "last_mr_time",
            "timestamp",
            "When the last MR was acquired; for the days since, imaging_days.",
            DEFINITION,
            _SERIES,
        ),
        Feature("mr_follow_up_d", "double", "Days from the first MR to the last.", DEFINITION, _SERIES, "d"),
        Feature(
            "last_mr_after_first_fraction_d",
            "double",
            "Days from the first fraction to the last MR; negative where the MR came before.",
            DEFINITION,
            (*_SERIES, "treatment.start_time"),
            "d",
        ),
    ),
    build=build,
    modality="imaging",
    owner="imaging",
)
