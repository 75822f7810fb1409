"""What became of the records of each file: the worst fate of any row that a record gave rise to."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from ingestion.reading import FileKey
from ingestion.tally import FILE_KEY, Tally
from ingestion.versions import ACCEPTED, QUARANTINED, STATUS
from quality.gate import WARNINGS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Fates:
    """Of one file: records by the worst fate of any row that they gave rise to, warnings of kept rows, and rows."""

    accepted: int = 0
    quarantined: int = 0
    duplicates: int = 0
    warnings: int = 0
    rows_accepted: int = 0
    rows_quarantined: int = 0


def fates_by_gate(counted: Tally) -> dict[FileKey, Fates]:
    """Where no key occurs twice and each record is one row, the gate's verdict is all there is."""
    return {
        k: Fates(f.records.n - f.refused, f.refused, 0, f.warnings, f.records.n - f.refused, f.refused)
        for k, f in counted.files.items()
    }


def fates_of(statuses: "Iterable[DataFrame]") -> dict[FileKey, Fates]:
    """One action over all rows: by file, what became of its records."""
    from pyspark.sql import functions as F

    is_ = {fate: F.col(STATUS) == fate for fate in (ACCEPTED, QUARANTINED)}
    rank = F.when(is_[QUARANTINED], 2).when(is_[ACCEPTED], 1).otherwise(0)
    warned = F.when(is_[QUARANTINED], 0).otherwise(F.size(WARNINGS))
    parts = [s.select(*FILE_KEY, "file_row", STATUS, rank.alias("rank"), warned.alias("warned")) for s in statuses]
    if not parts:
        return {}
    records = (
        reduce(union, parts)
        .groupBy(*FILE_KEY, "file_row")
        .agg(
            F.max("rank").alias("rank"),
            F.sum("warned").alias("warned"),
            *(F.count_if(is_[fate]).alias(f"rows_{fate}") for fate in is_),
        )
    )
    per_file = records.groupBy(*FILE_KEY).agg(
        *(F.count_if(F.col("rank") == r) for r in (1, 2, 0)),
        *(F.sum(name) for name in ("warned", f"rows_{ACCEPTED}", f"rows_{QUARANTINED}")),
    )
    return {(row[0], row[1]): Fates(*row[2:]) for row in per_file.collect()}


def union(left: "DataFrame", right: "DataFrame") -> "DataFrame":
    """Both frames by column name, for `functools.reduce`."""
    return left.unionByName(right)
