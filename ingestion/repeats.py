"""Which staged files hold a natural key that occurs more than once, in the batch or in the table.

Nearly always none does, and then the files are committed as they were written. The search goes from what costs nothing
to what costs a job: key hashes that the workers sent, the reach of each file's keys, the statistics in the table's log,
its rows between the least and the greatest keys, and only for what is left a comparison of 64-bit hashes on Spark. Keys
that share a hash by chance are taken for repeated too; `ingestion.versions`, which goes by the keys themselves, finds
nothing to compare then.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from infra import delta
from infra.table import Table
from ingestion.reading import FileKey
from ingestion.staging import Staged, StagedFile
from ingestion.tally import FileTally, ordered_key, within

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MOST_COMPARED = 20_000
"""Files whose reaches are compared pair by pair; Spark looks into all of them where there are more."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def repeating_files(
    spark: "SparkSession", staged: Staged, path: str, existing: "Callable[[], DataFrame] | None"
) -> set[StagedFile]:
    """Good files of which some row has a key that occurs again, and those that share a delivered file with them.

    existing: gives the table at `path`; None where it has no rows.
    """
    if not staged.good:
        return set()
    keys = _repeated_in_batch(staged)
    suspects = {f for f in staged.good if f.keys & keys}
    is_sure = staged.hashes is not None
    touching = existing is not None and delta.has_rows_within(path, _ranges(staged))
    found: set[StagedFile] = set(suspects) if is_sure else set()
    if touching or (suspects and not is_sure):
        looked_at = staged.good if touching else tuple(suspects)
        found |= _shared(spark, staged, looked_at, existing() if existing is not None and touching else None)
    return _closed(found, staged.good)


def _repeated_in_batch(staged: Staged) -> set[FileKey]:
    """Delivered files that certainly (where hashes were sent) or possibly hold a repeated key."""
    if staged.hashes is not None:
        if not staged.hashes:
            return set()
        values, counts = np.unique(np.concatenate(list(staged.hashes.values())), return_counts=True)
        repeated = values[counts > 1]
        if not len(repeated):
            return set()
        return {key for key, hashes in staged.hashes.items() if np.isin(hashes, repeated).any()}
    files = {k: f for k, f in staged.tally.files.items() if f.refused < f.records.n}
    return set(staged.repeating) | overlapping(files, staged.table)


def overlapping(files: "dict[FileKey, FileTally]", table: Table) -> set[FileKey]:
    """Files whose keys may be those of another file: in every key column, the reaches of the two touch.

    A column with a null in it reaches everywhere.
    """
    keys = list(files)
    if len(keys) > MOST_COMPARED:
        return set(keys)
    touching = np.zeros(len(keys), bool)
    boxes = [_ranks(i, [files[k] for k in keys]) for i in range(len(ordered_key(table)))]
    if not boxes:
        return set(keys) if len(keys) > 1 else set()
    for i in range(len(keys)):
        both = np.ones(len(keys), bool)
        for low, high in boxes:
            both &= (low <= high[i]) & (high >= low[i])
        both[i] = False
        touching |= both
    return {key for key, touches in zip(keys, touching, strict=True) if touches}


def _ranks(column: int, files: list[FileTally]) -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]":
    """Ends of one key column by file, as ranks: texts and numbers alike become integers in the same order."""
    ends = [f.reach[2 * column : 2 * column + 2] for f in files]
    order = {v: i for i, v in enumerate(sorted({v for pair in ends for v in pair if v is not None}))}
    everywhere = (-1, len(order))
    pairs = [
        everywhere if f.has_null[column] or low is None else (order[low], order[high])
        for f, (low, high) in zip(files, ends, strict=True)
    ]
    return np.array([low for low, _ in pairs]), np.array([high for _, high in pairs])


def _ranges(staged: Staged) -> dict[str, tuple[Any, Any]]:
    """The reach of the batch, times as datetimes."""
    types = ordered_key(staged.table)
    found = {}
    for name, (low, high) in staged.tally.reach().items():
        is_time = types[name] == "timestamp"
        found[name] = (_moment(low), _moment(high)) if is_time else (low, high)
    return found


def _moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def _shared(
    spark: "SparkSession", staged: Staged, files: Collection[StagedFile], existing: "DataFrame | None"
) -> set[StagedFile]:
    """Files with a key hash that another row of the batch or the table has."""
    from pyspark.sql import functions as F

    table = staged.table
    by_name = {f.file.path.rsplit("/", 1)[-1]: f for f in files}
    hashed = F.xxhash64(*table.key).alias("_key")
    rows = staged.read_good(spark, files).select(
        hashed, F.element_at(F.split(F.input_file_name(), "/"), -1).alias("_file")
    )
    keys = rows.select("_key")
    if existing is not None:
        touched = existing.filter(within(staged.tally.reach(), table)).select(hashed)
        keys = keys.unionByName(touched.join(keys, "_key", "left_semi").distinct())
    shared = keys.groupBy("_key").count().filter("count > 1").select("_key")
    names = rows.join(shared, "_key", "left_semi").select("_file").distinct().collect()
    return {by_name[name] for (name,) in names}


def _closed(found: set[StagedFile], files: Iterable[StagedFile]) -> set[StagedFile]:
    """With every file that holds rows of the same delivered files: the records of one are accounted for together."""
    closed = set(found)
    while True:
        keys = set().union(*(f.keys for f in closed)) if closed else set()
        more = {f for f in files if f.keys & keys} - closed
        if not more:
            return closed
        closed |= more
