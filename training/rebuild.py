"""The training set of a run, built again from what the run's lineage pins."""

from features.datasets import Dataset, Provenance
from features.retrieval import retrieve
from infra.errors import UsageError
from infra.lake import Lake
from training.run import named
from training.tracking import Tracker


def rebuild(lake: Lake, run_id: str) -> Dataset:
    """Labels and features at the Delta versions that a run read; its digest says whether they are the same again.

    run_id: the run's id or its first characters; a fold answers with its parent's. Raises UsageError where the run,
    its lineage or a version is not there, or the task has since been given another service.
    """
    tracker = Tracker(lake)
    run = tracker.run(run_id)
    lineage = tracker.lineage(run.run_id)
    task = named(lineage.task)
    if task.service != lineage.service:
        raise UsageError(
            f"Run {run_id} was trained on {lineage.service}; {task.name} is served by {task.service} now, "
            "so its training set cannot be built again by this version."
        )
    labels = task.build_labels(lake, versions=lineage.label_versions)
    again = retrieve(lake, lineage.service, labels.frame, versions=lineage.table_versions)
    kept = Provenance(lineage.service, dict(lineage.table_versions), lineage.digest, lineage.definitions_hash)
    return Dataset(f"run {run.run_id[:8]} of {task.name}", again.frame, kept)
