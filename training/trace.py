"""Follows a run down to its files: run -> feature service -> Delta versions -> file ids -> rows of the ledger."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from infra.errors import UsageError
from infra.lake import Lake
from training.tracking import Tracker

_LEDGER = (
    "file_id",
    "masked_name",
    "source",
    "format",
    "site_id",
    "rows_in",
    "accepted",
    "quarantined",
    "duplicates",
    "batch_id",
)


@dataclass(frozen=True)
class Trace:
    """Where the numbers of a run come from.

    files: rows of the ledger as dicts, with `ingested_at` (ISO 8601) and `used_for` (features, labels).
    unknown_files: file ids of which the ledger has no ingested row.
    """

    run_id: str
    task: str
    model: str
    service: str
    definitions_hash: str
    digest: str
    table_versions: Mapping[str, int]
    label_versions: Mapping[str, int]
    flow: Mapping[str, int]
    files: tuple[dict[str, Any], ...]
    unknown_files: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def trace(lake: Lake, run_id: str) -> Trace:
    """The chain behind a run, named by its id or the first characters of it; a fold answers with its parent's.

    Raises UsageError where the run, its lineage or the lake's ledger is not there.
    """
    from ingestion import ledger

    tracker = Tracker(lake)
    run = tracker.run(run_id)
    lineage = tracker.lineage(run.run_id)
    entries = ledger.entries(lake)
    if not entries.num_rows:
        raise UsageError(f"The lake {lake.root} has no ledger; expected the files of run {run_id} to be in it.")
    uses = {"features": set(lineage.file_ids), "labels": set(lineage.label_file_ids)}
    wanted = uses["features"] | uses["labels"]
    found: dict[str, dict[str, Any]] = {}
    for row in entries.sort_by("ingested_at").to_pylist():
        file_id = row["file_id"]
        if file_id not in wanted or row["status"] != "ingested":
            continue
        found[file_id] = {name: row[name] for name in _LEDGER} | {
            "ingested_at": row["ingested_at"].isoformat(),
            "used_for": [use for use, ids in uses.items() if file_id in ids],
        }
    files = tuple(sorted(found.values(), key=lambda f: (f["source"], f["site_id"], f["file_id"])))
    return Trace(
        run_id=run.run_id,
        task=lineage.task,
        model=run.tags.get("model", ""),
        service=lineage.service,
        definitions_hash=lineage.definitions_hash,
        digest=lineage.digest,
        table_versions=lineage.table_versions,
        label_versions=lineage.label_versions,
        flow=lineage.flow,
        files=files,
        unknown_files=tuple(sorted(wanted - set(found))),
    )
