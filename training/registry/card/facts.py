"""What a card is made from: a run, its children and its files, read once."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.errors import UsageError
from infra.lake import Lake
from training.artefacts import artefact
from training.lineage import Lineage
from training.registered import logged_models
from training.registry import cohort
from training.registry import serving as serving_file
from training.registry.serving import Serving
from training.registry.versions import ModelVersion, versions
from training.run import named
from training.task import Task
from training.tracking import FINGERPRINT, LoggedRun, Tracker
from training.tracking.names import LEAKAGE

FIGURES = {
    "calibration.png": "Calibration, out of fold",
    "importance.png": "Importance, features shuffled",
    "ablation.png": "What each modality adds, and what it reaches alone",
    "sites.png": "Each site left out of training",
}


@dataclass(frozen=True)
class Facts:
    """cohort, leakage: the run's documents; {} where it has none. children: level -> runs. baselines: name -> run of
    the same training. files: (source, format, site) -> number of files that the ledger knows. version: in the
    registry, None where it is not. figures: file name -> PNG.
    """

    run: LoggedRun
    task: Task
    lineage: Lineage
    serving: Serving | None
    cohort: Mapping[str, Any]
    leakage: Mapping[str, Any]
    children: Mapping[str, tuple[LoggedRun, ...]]
    baselines: Mapping[str, LoggedRun]
    files: Mapping[tuple[str, str, str], int]
    version: ModelVersion | None
    figures: Mapping[str, bytes]

    @property
    def description(self) -> str:
        """The candidate in its task's words."""
        return self.run.tags.get("mlflow.note.content", "")


def facts_of(lake: Lake, run_id: str) -> Facts:
    """Of a finished run. Raises UsageError on another run, and on labels that were permuted."""
    tracker = Tracker(lake)
    run = tracker.run(run_id)
    if run.status != "FINISHED" or run.tags.get("is_permuted") != "false":
        why = "was trained on permuted labels" if run.status == "FINISHED" else f"is {run.status.lower()}"
        raise UsageError(f"Run {run.run_id[:8]} {why}; a model card needs a finished run on true labels.")
    task = named(run.tags["task"])
    lineage = tracker.lineage(run.run_id)
    levels: dict[str, list[LoggedRun]] = {}
    for child in tracker.children(run):
        levels.setdefault(child.tags.get("level", ""), []).append(child)
    same = tracker.finished(task.name, f"tags.{FINGERPRINT} = '{run.tags.get(FINGERPRINT, '')}'")
    wanted = (task.candidates[0].name, task.reference)
    return Facts(
        run=run,
        task=task,
        lineage=lineage,
        serving=_serving(tracker, run),
        cohort=_document(tracker, run, cohort.FILE),
        leakage=_document(tracker, run, LEAKAGE),
        children={level: tuple(runs) for level, runs in levels.items()},
        baselines={r.tags["model"]: r for r in same if r.tags["model"] in wanted},
        files=_files(lake, lineage),
        version=next((v for v in versions(lake, task.name) if v.run_id == run.run_id), None),
        figures={name: path.read_bytes() for name in FIGURES if (path := artefact(tracker, run, f"plots/{name}"))},
    )


def _document(tracker: Tracker, run: LoggedRun, name: str) -> Mapping[str, Any]:
    path = artefact(tracker, run, name)
    return {} if path is None else dict(json.loads(path.read_text()))


def _serving(tracker: Tracker, run: LoggedRun) -> Serving | None:
    models, logged = tracker.artifacts / run.tags["task"] / "models", logged_models(tracker, run)
    found = [path for m in logged if (path := models / m / "artifacts" / serving_file.FILE).is_file()]
    return Serving.from_json(found[-1].read_text()) if found else None


def _files(lake: Lake, lineage: Lineage) -> Mapping[tuple[str, str, str], int]:
    from ingestion import ledger

    wanted = {*lineage.file_ids, *lineage.label_file_ids}
    known = {
        row["file_id"]: (str(row["source"]), str(row["format"]), str(row["site_id"]))
        for row in ledger.entries(lake).select(["file_id", "source", "format", "site_id", "status"]).to_pylist()
        if row["status"] == "ingested" and row["file_id"] in wanted
    }
    return Counter(known.values())
