"""Follows a run down to its files: model -> run -> feature service -> feature views -> Delta versions -> file ids."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from infra.errors import UsageError
from infra.lake import Lake
from training.definitions import changed_since, view_hashes
from training.registered import Version, logged_models, registered
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
class View:
    """A feature view as the run read it.

    definition: SHA-256 of its definition; None in runs from before it was kept. is_same_now: whether it still means
    that; None where the run does not say.
    """

    name: str
    version: int
    definition: str | None
    is_same_now: bool | None


@dataclass(frozen=True)
class Trace:
    """Where the numbers of a run come from.

    logged_models: MLflow ids of the models that the run made; registered: their versions in the registry, with aliases.
    definitions_changed: a sentence where the definitions are others now, else ''.
    files: rows of the ledger as dicts, with `ingested_at` (ISO 8601) and `used_for` (features, labels).
    unknown_files: file ids of which the ledger has no ingested row.
    """

    run_id: str
    task: str
    model: str
    logged_models: tuple[str, ...]
    registered: tuple[Version, ...]
    service: str
    definitions_hash: str
    definitions_changed: str
    digest: str
    views: tuple[View, ...]
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
        logged_models=logged_models(tracker, run),
        registered=registered(tracker).get(run.run_id, ()),
        service=lineage.service,
        definitions_hash=lineage.definitions_hash,
        definitions_changed=changed_since(lineage),
        digest=lineage.digest,
        views=_views(lineage.table_versions, lineage.view_hashes),
        table_versions=lineage.table_versions,
        label_versions=lineage.label_versions,
        flow=lineage.flow,
        files=files,
        unknown_files=tuple(sorted(wanted - set(found))),
    )


def _views(versions: Mapping[str, int], hashes: Mapping[str, str]) -> tuple[View, ...]:
    now = view_hashes(versions)
    return tuple(
        View(name, version, hashes.get(name), hashes[name] == now.get(name) if name in hashes else None)
        for name, version in sorted(versions.items())
    )
