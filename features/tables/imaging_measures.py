"""Volumes and radiomic features of regions of scans, at baseline and in the last scan that measured them.

A measure is followed through time by region, measure, algorithm and unit; what differs in any of these never meets.
Regions are told apart by name: one patient may have several lesions of one name in a scan, and then their volumes are
summed and other measures averaged.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.tables.course import at_baseline, at_last, since_baseline, snapshots_since_treatment, with_baseline
from features.tables.exosome_markers import AS_NAMED
from features.tables.facts import FACT_COLUMNS, FACT_TIME, SNAPSHOT, distinct_files, measurement_facts
from features.view import Feature, GoldView, Silver
from infra.tables.imaging import imaging_measurement

DEFINITION = "imaging.measures_course/1"
VOLUMES = ("Volume", "original_shape_MeshVolume", "original_shape_VoxelVolume")
"""Names of a region's volume: of reports, and of pyradiomics from its mesh and its voxels."""
IN_ML = {"mm3": 0.001, "cm3": 1.0, "mL": 1.0, "ml": 1.0}
_SOURCES = (
    "imaging_measurement.region",
    "imaging_measurement.measure",
    "imaging_measurement.algorithm",
    "imaging_measurement.unit",
    "imaging_measurement.value",
    "imaging_series.event_time",
    "treatment.start_time",
)
_NAMED = ("region", "measure", "algorithm", "unit")


def build(silver: Silver) -> DataFrame:
    """One row for each patient and change. See `view` for the features."""
    facts = (
        measurement_facts(silver["imaging_measurement"], silver["imaging_series"], imaging_measurement.key)
        .where("value IS NOT NULL")
        .select("patient_id", "series_uid", *_NAMED, "value", *FACT_COLUMNS)
    )
    measured = snapshots_since_treatment(facts, silver["treatment"])
    group = [*SNAPSHOT, *_NAMED]
    course = (
        with_baseline(_scans(measured), group)
        .groupBy(*group)
        .agg(
            at_baseline("value").alias("baseline"),
            at_last("value").alias("last"),
            since_baseline(at_last("value") - at_baseline("value")).alias("change"),
            distinct_files(),
        )
    )
    named = F.struct(name_of_measure().alias("name"), "baseline", "last", "change")
    entry = F.when(F.col("measure").isNotNull(), named)
    in_ml = F.create_map(*(F.lit(part) for pair in IN_ML.items() for part in pair))[F.col("unit")]
    last_ml = F.when(F.col("measure").isin(*VOLUMES), F.col("last") * in_ml)
    volume = F.when(last_ml.isNotNull(), F.struct(last_ml.alias("last"), (F.col("baseline") * in_ml).alias("baseline")))
    return (
        course.groupBy(*SNAPSHOT)
        .agg(
            F.array_sort(F.collect_list(entry)).alias("entries"),
            F.max(volume).alias("largest"),
            F.count_distinct("region").cast("int").alias("n_regions"),
            distinct_files(),
        )
        .select(
            *SNAPSHOT,
            F.col("entries.name").alias("measures"),
            *(F.col(f"entries.{part}").alias(part) for part in ("baseline", "last", "change")),
            F.col("largest.last").alias("largest_volume_last_ml"),
            F.col("largest.baseline").alias("largest_volume_baseline_ml"),
            F.try_divide("largest.last", "largest.baseline").alias("largest_volume_ratio"),
            "n_regions",
            "file_ids",
        )
    )


def name_of_measure() -> Column:
    """What tells a measure from others: 'region: measure [unit] by algorithm'; what is not said is left out."""
    return F.concat_ws(
        "",
        F.concat(F.col("region"), F.lit(": ")),
        F.col("measure"),
        F.concat(F.lit(" ["), F.col("unit"), F.lit("]")),
        F.concat(F.lit(" by "), F.col("algorithm")),
    )


def _scans(measured: DataFrame) -> DataFrame:
    """Regions of one name in one series together: volumes in sum, other measures as their mean."""
    whole = F.when(F.col("measure").isin(*VOLUMES), F.sum("value")).otherwise(F.mean("value"))
    return measured.groupBy(*SNAPSHOT, "first_fraction_time", *_NAMED, "series_uid").agg(
        whole.alias("value"),
        F.max(F.when(~F.col("is_begin"), F.col(FACT_TIME))).alias(FACT_TIME),
        distinct_files(),
    )


view = GoldView(
    name="imaging_measures",
    modality="imaging",
    entity="patient",
    description="Measures of regions of scans at baseline and in the last scan, as arrays in the order of measures.",
    inputs=("imaging_measurement", "imaging_series", "treatment"),
    features=(
        Feature(
            "measures",
            "array<string>",
            "Region, measure, unit and algorithm of each, sorted.",
            DEFINITION,
            _SOURCES[:4],
        ),
        Feature(
            "baseline",
            "array<double>",
            "Values in the last scan not after the first fraction.",
            DEFINITION,
            _SOURCES,
            AS_NAMED,
        ),
        Feature(
            "last", "array<double>", "Values in the last scan that has the measure.", DEFINITION, _SOURCES, AS_NAMED
        ),
        Feature(
            "change", "array<double>", "Last less baseline; null before a later scan.", DEFINITION, _SOURCES, AS_NAMED
        ),
        Feature(
            "largest_volume_last_ml",
            "double",
            "Volume of the region that is largest in its last scan.",
            DEFINITION,
            _SOURCES,
            "mL",
        ),
        Feature(
            "largest_volume_baseline_ml", "double", "Volume of that region at baseline.", DEFINITION, _SOURCES, "mL"
        ),
        Feature("largest_volume_ratio", "double", "Its last volume over that at baseline.", DEFINITION, _SOURCES, "1"),
        Feature("n_regions", "int", "Regions with a name that were measured.", DEFINITION, _SOURCES[:1], "1"),
    ),
    build=build,
)
