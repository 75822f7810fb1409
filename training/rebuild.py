"""The training set of a run, built again from what the run's lineage pins."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.errors import UsageError
from infra.lake import Lake
from training.lineage import Lineage, Retrieval
from training.run import Retrieve, named
from training.task import Labels, Task
from training.tracking import LoggedRun, Tracker

if TYPE_CHECKING:
    from features.datasets import Dataset


@dataclass(frozen=True)
class Rebuilt:
    """A run, and its labels and features at the Delta versions that it read."""

    run: LoggedRun
    lineage: Lineage
    task: Task
    labels: Labels
    retrieved: Retrieval


def rebuilt(lake: Lake, run_id: str, retrieve: Retrieve | None = None) -> Rebuilt:
    """Labels and features of a run once more.

    run_id: the run's id or its first characters; a fold answers with its parent's. retrieve: how features are fetched;
    default `features.retrieval.retrieve` at the run's versions. Raises UsageError where the run, its lineage or a
    version is not there, or the task has since been given another service.
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
    if retrieve is not None:
        return Rebuilt(run, lineage, task, labels, retrieve(lake, lineage.service, labels.frame))
    from features.retrieval import retrieve as at_versions

    again = at_versions(lake, lineage.service, labels.frame, versions=lineage.table_versions)
    return Rebuilt(run, lineage, task, labels, again)


def rebuild(lake: Lake, run_id: str) -> "Dataset":
    """A run's training set; its digest says whether it is the same again. Raises UsageError as `rebuilt` does."""
    from features.datasets import Dataset, Provenance

    again = rebuilt(lake, run_id)
    lineage = again.lineage
    kept = Provenance(lineage.service, dict(lineage.table_versions), lineage.digest, lineage.definitions_hash)
    return Dataset(f"run {again.run.run_id[:8]} of {again.task.name}", again.retrieved.frame, kept)
