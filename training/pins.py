"""Which versions of which tables the runs of a lake still need: what a clean-up must leave readable."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.errors import MachineError, UsageError
from infra.lake import Lake
from training.tracking import Tracker

_INPUT = re.compile(r"(gold|silver)\.(\w+)")
_DIGEST = re.compile(r"v(\d+)")


def pinned_versions(lake: Lake) -> dict[str, set[int]]:
    """By table path, the Delta versions that training sets of runs rest on (features from gold, labels from silver).

    Every run counts that was not deleted in MLflow, whatever its state; deleting a run gives its versions free.
    Raises MachineError on a finished run whose training set cannot be told: nothing may be cleaned up around it.
    """
    if not lake.is_local or not (Path(lake.root) / "mlflow" / "mlflow.db").is_file():
        return {}
    tracker = Tracker(lake)
    pinned: dict[str, set[int]] = defaultdict(set)
    for run in _parents(tracker):
        found = list(_inputs(run)) or _from_artefact(tracker, run)
        for room, name, version in found:
            pinned[lake.gold(name) if room == "gold" else lake.silver(name)].add(version)
    return dict(pinned)


def _parents(tracker: Tracker) -> Iterator[Any]:
    experiments = [e.experiment_id for e in tracker.client.search_experiments()]
    token = None
    while experiments:
        page = tracker.client.search_runs(experiments, "tags.level = 'model'", page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _inputs(run: Any) -> Iterator[tuple[str, str, int]]:
    for given in run.inputs.dataset_inputs if run.inputs else ():
        name, digest = _INPUT.fullmatch(given.dataset.name), _DIGEST.fullmatch(given.dataset.digest)
        if name and digest:
            yield name[1], name[2], int(digest[1])


def _from_artefact(tracker: Tracker, run: Any) -> list[tuple[str, str, int]]:
    try:
        lineage = tracker.lineage(run.info.run_id)
    except UsageError as error:
        if run.info.status != "FINISHED":
            # It ended before it named its training set: there is nothing to rebuild.
            return []
        raise MachineError(
            f"Run {run.info.run_id} is finished and names no table versions; delete the run or restore its artefacts, "
            "so that its training set is not cleaned away unseen."
        ) from error
    gold = [("gold", name, version) for name, version in lineage.table_versions.items()]
    return gold + [("silver", name, version) for name, version in lineage.label_versions.items()]
