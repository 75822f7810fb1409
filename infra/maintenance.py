"""Care of Delta tables: small files into large ones, rows that are read together side by side, old files away.

All of it through delta-rs, under the lock that every writer holds, and with no JVM (docs/adr/0012). The content of a
table never changes here, and a version that is protected stays readable.
"""

import shutil
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import deltalake
from deltalake import CommitProperties

from infra import delta
from infra.lake import Lake
from infra.locks import writing
from infra.table import Table

TARGET_BYTES = 128 << 20
"""Size that compaction aims at: a few seconds of scanning for one core."""
SMALL_BYTES = TARGET_BYTES // 4
"""A file below this is small: the cost of opening it shows beside the cost of reading it."""
CLUSTER_SHARE = 0.25
"""Share of a table's bytes that must lie outside its Z-order before the whole table is rewritten.

So the bytes rewritten in a table's life stay within a constant times its size, however often this runs.
"""
SPILL_BYTES = 1 << 30
"""Memory that a rewrite may hold before it spills to disk."""
CLUSTERED = "oncolake: clustered"

# Expired entries of the log are what makes an old version unreadable even where its data files were kept.
LOG_KEPT = {"delta.enableExpiredLogCleanup": "false"}

Rewrite = Literal["none", "compact", "cluster"]


@dataclass(frozen=True)
class Files:
    """Data files of a table's newest version. small: those below SMALL_BYTES, without the one that every table needs.

    unclustered_bytes: in files written since the table was last clustered.
    """

    n: int
    size_bytes: int
    small: int
    small_bytes: int
    rows: int
    unclustered_bytes: int = 0


@dataclass(frozen=True)
class Care:
    """What was done to one table, or with `dry_run` what would be; versions are Delta versions.

    removed_files, removed_bytes: unreferenced files older than the retention. kept_versions: protected and readable.
    lost_versions: protected, but no longer readable when this began.
    """

    rewrite: Rewrite
    before: Files
    after: Files
    version: int
    removed_files: int
    removed_bytes: int
    kept_versions: tuple[int, ...]
    lost_versions: tuple[int, ...]


def clear_staging(lake: Lake, retention: timedelta, *, dry_run: bool = False) -> int:
    """Removes what batches left that were killed longer than `retention` ago; returns how many there are."""
    folder = Path(lake.staging)
    if not lake.is_local or not folder.is_dir():
        return 0
    limit = time.time() - retention.total_seconds()
    old = [path for path in folder.iterdir() if path.stat().st_mtime < limit]
    with delta.explaining(lake.staging):
        for path in () if dry_run else old:
            shutil.rmtree(path)
    return len(old)


def files(table: deltalake.DeltaTable) -> Files:
    """Counts and sizes of a table's data files, from its log alone."""
    actions = table.get_add_actions(flatten=True)
    sizes = [s or 0 for s in actions["size_bytes"].to_pylist()]
    small = [s for s in sizes if s < SMALL_BYTES]
    rows = sum(n or 0 for n in actions["num_records"].to_pylist())
    # One file has to be there, whatever its size: only company makes it too many.
    return Files(len(sizes), sum(sizes), len(small) if len(small) > 1 else 0, sum(small), rows)


def clustering(table: Table) -> tuple[str, ...]:
    """The columns that a table is clustered by: as declared, else the patient's (or case's, or sample's) and the time.

    Laboratory rows have no time of their own; of them it is the time from which they were known.
    """
    if table.cluster_by:
        return table.cluster_by
    names = {c.name for c in table.columns}
    who = next((name for name in ("patient_id", "case_id", "sample_id") if name in names), table.key[0])
    return who, "event_time" if table.is_timed else "known_time"


def care_for(
    lake: Lake,
    path: str,
    *,
    cluster_by: Sequence[str] = (),
    is_rewritten: bool = True,
    retention: timedelta,
    protected: Collection[int] = (),
    dry_run: bool = False,
) -> Care:
    """Compacts and clusters one table, then removes files that no version needs any more.

    cluster_by: Z-order columns; none: files are joined as they are. is_rewritten: False leaves the files as they are
    and only removes old ones, for tables that each build replaces. retention: files that the newest version or a
    protected one holds stay for ever, others for this long after they were removed (or, with no commit, written).
    protected: versions that stay readable. Raises MachineError where the lake is full or read-only.
    """
    with delta.explaining(path), writing(lake, path):
        table = deltalake.DeltaTable(path)
        before = _with_clustering(table, files(table)) if cluster_by else files(table)
        rewrite = _rewrite(before, cluster_by) if is_rewritten else "none"
        kept, lost = _readable(path, protected, table.version())
        if not dry_run:
            if any(table.metadata().configuration.get(k) != v for k, v in LOG_KEPT.items()):
                table.alter.set_table_properties(LOG_KEPT)
            _run(table, rewrite, cluster_by)
            table = deltalake.DeltaTable(path)
        removed = _there(path, _vacuum(table, retention, kept, dry_run=True))
        removed_bytes = sum(_size(path, name) for name in removed)
        if removed and not dry_run:
            _vacuum(table, retention, kept, dry_run=False)
            table = deltalake.DeltaTable(path)
        return Care(rewrite, before, files(table), table.version(), len(removed), removed_bytes, kept, lost)


def _rewrite(found: Files, cluster_by: Sequence[str]) -> Rewrite:
    is_scattered = found.n > 1 and found.unclustered_bytes > CLUSTER_SHARE * found.size_bytes
    if cluster_by and is_scattered:
        return "cluster"
    return "compact" if found.small > 1 else "none"


def _run(table: deltalake.DeltaTable, rewrite: Rewrite, cluster_by: Sequence[str]) -> None:
    if rewrite == "cluster":
        table.optimize.z_order(
            list(cluster_by),
            target_size=TARGET_BYTES,
            max_spill_size=SPILL_BYTES,
            commit_properties=CommitProperties(custom_metadata={"userMetadata": CLUSTERED}),
        )
    elif rewrite == "compact":
        table.optimize.compact(target_size=TARGET_BYTES, max_spill_size=SPILL_BYTES)


def _with_clustering(table: deltalake.DeltaTable, found: Files) -> Files:
    at = next((h["timestamp"] for h in table.history() if h.get("userMetadata") == CLUSTERED), None)
    actions = table.get_add_actions(flatten=True)
    written = zip(actions["modification_time"].to_pylist(), actions["size_bytes"].to_pylist(), strict=True)
    outside = sum(size or 0 for when, size in written if at is None or when > at)
    return Files(found.n, found.size_bytes, found.small, found.small_bytes, found.rows, outside)


def readable(path: str, version: int) -> bool:
    """Whether a version of a table, and each file that it names, is still there."""
    try:
        old = deltalake.DeltaTable(path, version=version)
    except deltalake.exceptions.DeltaError:
        return False
    if old.version() != version:
        return False
    # The log may name files that an earlier clean-up took.
    return "://" in path or all((Path(path) / name).is_file() for name in old.get_add_actions()["path"].to_pylist())


def _readable(path: str, protected: Collection[int], newest: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of the protected versions those that can be read, and those that cannot: one lost must not lose the others."""
    kept = [version for version in sorted(set(protected)) if version <= newest and readable(path, version)]
    return tuple(kept), tuple(sorted(set(protected) - set(kept)))


def _vacuum(table: deltalake.DeltaTable, retention: timedelta, kept: Sequence[int], *, dry_run: bool) -> list[str]:
    found: Any = table.vacuum(
        retention_hours=int(retention.total_seconds() // 3600),
        dry_run=dry_run,
        # The declared retention is the caller's; the table's own default would refuse a shorter one.
        enforce_retention_duration=False,
        # Files that no commit names are what a killed writer leaves behind.
        full=True,
        keep_versions=list(kept) or None,
    )
    return list(found)


def _there(path: str, names: list[str]) -> list[str]:
    """Without the files that an earlier clean-up took: the log goes on naming them, and a commit would say nothing."""
    return [name for name in names if "://" in path or (Path(path) / name).is_file()]


def _size(path: str, name: str) -> int:
    file = Path(path) / name
    return file.stat().st_size if "://" not in path and file.is_file() else 0
