"""What is in a lake, read without a JVM: tables, versions, quarantine, batches, results that wait for a specimen."""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime

import deltalake
import pyarrow.compute as pc

from infra import delta, scan
from infra.lake import Lake
from infra.maintenance import files
from infra.tables import TABLES
from ingestion import ledger
from quality.drift import BatchCheck
from quality.freshness import Freshness, freshness
from quality.outcomes import latest_checks
from quality.quarantine import counts, quarantined


@dataclass(frozen=True)
class TableStatus:
    """One silver table. files: data files of the newest version; small_files: too many small ones (`maintain`)."""

    name: str
    version: int
    rows: int
    files: int
    size_bytes: int
    quarantined: int
    small_files: int
    small_bytes: int


@dataclass(frozen=True)
class BatchStatus:
    """One batch as the ledger has it; counts are records of its files."""

    batch_id: str
    source: str
    at: datetime
    files: int
    rejected: int
    rows_in: int
    accepted: int
    quarantined: int
    duplicates: int


@dataclass(frozen=True)
class LakeStatus:
    """tables: those that exist. orphans: by table, samples whose specimen is not known yet.

    checks: what batch-level and cross-table checks found last and wants a look. deliveries: by source and site.
    """

    root: str
    tables: tuple[TableStatus, ...]
    batches: tuple[BatchStatus, ...]
    orphans: dict[str, int]
    checks: tuple[BatchCheck, ...] = ()
    deliveries: tuple[Freshness, ...] = ()

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def lake_status(lake: Lake, last_batches: int = 12) -> LakeStatus:
    """The state of a lake. An empty or absent lake has no tables; that is not an error."""
    rejected = counts(lake)
    tables = []
    for name in TABLES:
        path = lake.silver(name)
        if not delta.exists(path):
            continue
        table = deltalake.DeltaTable(path)
        found = files(table)
        tables.append(
            TableStatus(
                name, table.version(), found.rows, found.n, found.size_bytes, rejected.get(name, 0),
                found.small, found.small_bytes if found.small else 0,
            )
        )  # fmt: skip
    failed = tuple(c for checks in latest_checks(lake).values() for c in checks if not c.is_passed)
    batches = _batches(lake)[:last_batches]
    return LakeStatus(lake.root, tuple(tables), batches, orphans(lake), failed, tuple(freshness(lake)))


def _batches(lake: Lake) -> tuple[BatchStatus, ...]:
    entries = ledger.entries(lake)
    if not entries.num_rows:
        return ()
    entries = entries.append_column("is_rejected", pc.cast(pc.equal(entries["status"], "rejected"), "int64"))
    sums = ("is_rejected", "rows_in", "accepted", "quarantined", "duplicates")
    grouped = entries.group_by(["batch_id", "source"]).aggregate(
        [("ingested_at", "max"), ("status", "count"), *((name, "sum") for name in sums)]
    )
    rows = sorted(grouped.to_pylist(), key=lambda r: r["ingested_at_max"], reverse=True)
    return tuple(
        BatchStatus(r["batch_id"], r["source"], r["ingested_at_max"], r["status_count"],
                    *(r[f"{name}_sum"] for name in sums))
        for r in rows
    )  # fmt: skip


def orphans(lake: Lake) -> dict[str, int]:
    """By laboratory table, the samples that wait for their specimen. Standards, controls and blanks are none."""
    if not delta.exists(lake.silver("specimen")):
        known: set[str] = set()
    else:
        known = set(_column(lake, "specimen", "sample_id"))
    waiting = {}
    for table in TABLES.values():
        has_samples = any(c.name == "sample_id" for c in table.columns)
        if table.is_timed or not has_samples or table.name == "specimen" or not delta.exists(lake.silver(table.name)):
            continue
        where = pc.field("sample_type") == "unknown" if any(c.name == "sample_type" for c in table.columns) else None
        n = len(set(_column(lake, table.name, "sample_id", where)) - known)
        if n:
            waiting[table.name] = n
    return waiting


def _column(lake: Lake, table: str, column: str, where: pc.Expression | None = None) -> list[str]:
    found = scan.rows(lake.silver(table), [column], where)
    return [v for v in found[column].unique().to_pylist() if v is not None]


def quarantine_reasons(lake: Lake) -> list[tuple[str, str, int]]:
    """(table, reason, rows) of everything in quarantine, the most frequent first."""
    found: Counter[tuple[str, str]] = Counter()
    for name in TABLES:
        for reasons in quarantined(lake, name)["reasons"].to_pylist():
            found.update((name, reason) for reason in reasons)
    return [(table, reason, n) for (table, reason), n in found.most_common()]
