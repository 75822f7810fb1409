"""When each kind of treatment was given first and last: what the days since a treatment are counted from.

The days themselves depend on the time that is asked about, not on when anything changed: a gold row of last week would
say what was true last week. So the times are kept here, and the days are counted at retrieval, by the on-demand view
`treatment_days` (features/store/on_demand.py), which is exact at any label time, offline and online (docs/adr/0017).
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.tables.facts import FACT_COLUMNS, SNAPSHOT, distinct_files, snapshots, versions
from features.view import Feature, GoldView, Silver
from infra.tables.clinical import treatment

DEFINITION = "treatment.times/1"
KINDS = {
    "fraction": ("radiotherapy_fraction", "fraction of radiotherapy"),
    "immunotherapy": ("immunotherapy", "infusion of immunotherapy"),
    "chemotherapy": ("chemotherapy", "dose of chemotherapy"),
    "operation": ("surgery", "operation"),
    "corticosteroid": ("corticosteroid", "corticosteroid"),
}
"""Name in the features -> kind in silver, and what it is."""
ENDS = {"first": F.min, "last": F.max}
_SOURCES = ("treatment.kind", "treatment.start_time")


def build(silver: Silver) -> DataFrame:
    """One row for each patient and change. See `view` for the features."""
    given = versions(silver["treatment"], treatment.key).select("patient_id", "kind", "start_time", *FACT_COLUMNS)
    times = [
        end(F.when(F.col("kind") == kind, F.col("start_time"))).alias(f"{which}_{name}_time")
        for name, (kind, _) in KINDS.items()
        for which, end in ENDS.items()
    ]
    return snapshots(given, "patient_id").groupBy(*SNAPSHOT).agg(*times, distinct_files())


view = GoldView(
    name="treatment_times",
    modality="clinical",
    entity="patient",
    description="When each kind of treatment began first and last, of what was given and known so far.",
    inputs=("treatment",),
    features=tuple(
        Feature(f"{which}_{name}_time", "timestamp", f"Start of the {which} {text} so far.", DEFINITION, _SOURCES)
        for name, (_, text) in KINDS.items()
        for which in ENDS
    ),
    build=build,
)
