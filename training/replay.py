"""A run made again: its training set from the pinned versions, its model on the same folds, its metrics from both.

The digest proves the data, the metrics prove the fit. What is made again is what candidates are compared on: the
folds of the first seed, their metrics with intervals and spread, the paired difference, and each prediction; other
seeds, left-out sites, ablations and permutations are not.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from infra.errors import OncolakeError, UsageError
from infra.lake import Lake
from training.artefacts import predictions
from training.definitions import changed_since
from training.plan import Plan
from training.rebuild import Rebuilt, rebuilt
from training.run import Retrieve
from training.task import Candidate
from training.tracking import PREDICTIONS, LoggedRun, Tracker

if TYPE_CHECKING:
    import pandas as pd

    from training.flow.evaluator import Outcome, Work

PREDICTION = "largest difference of a prediction"


class ReplayError(OncolakeError):
    """A run that cannot be made again."""


@dataclass(frozen=True)
class Check:
    """A number of the run beside the same made again. difference: NaN where only one of them is defined."""

    name: str
    recorded: float
    again: float
    difference: float
    is_same: bool


@dataclass(frozen=True)
class Replay:
    """tolerance: how far apart numbers may lie. notes: what is another now than when the run was made, in sentences.

    digest, digest_again: of the training set. checks: empty where the digest already differs.
    """

    run_id: str
    task: str
    model: str
    digest: str
    digest_again: str
    n_rows: int
    tolerance: float
    checks: tuple[Check, ...]
    notes: tuple[str, ...]

    @property
    def is_same_data(self) -> bool:
        return self.digest == self.digest_again

    @property
    def is_proven(self) -> bool:
        """Whether the data are the same, and every number lies within the tolerance."""
        return self.is_same_data and bool(self.checks) and all(check.is_same for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"is_same_data": self.is_same_data, "is_proven": self.is_proven}


def replay(lake: Lake, run_id: str, *, retrieve: Retrieve | None = None) -> Replay:
    """Makes a finished run again and says whether everything came out the same.

    run_id: the run's id or its first characters. retrieve: as for `training.rebuild.rebuilt`.

    Raises UsageError on an id that is none, or a run that is not finished; ReplayError where its data cannot be read
    any more or its model is no longer among the task's.
    """
    run = Tracker(lake).run(run_id)
    if run.status != "FINISHED":
        raise UsageError(f"Run {run.run_id} is {run.status.lower()}; expected one that finished.")
    again = _rebuilt(lake, run, retrieve)
    lineage, task = again.lineage, again.task
    names = [c.name for c in task.candidates]
    if run.tags["model"] not in names:
        raise ReplayError(f"{task.name} has no model {run.tags['model']} now; it has {', '.join(names)}.")
    candidate = task.candidate(run.tags["model"])
    notes = [changed_since(lineage), _code_since(run)]
    found = again.retrieved.digest
    checks: tuple[Check, ...] = ()
    if found == lineage.digest:
        outcome = _made_again(again, candidate)
        checks = _checks(run, outcome, predictions(Tracker(lake), run), candidate.replay_tolerance)
    else:
        notes.append("The training set is not the one of the run, so nothing was fitted.")
    return Replay(
        run_id=run.run_id,
        task=task.name,
        model=candidate.name,
        digest=lineage.digest,
        digest_again=found,
        n_rows=len(again.labels.frame),
        tolerance=candidate.replay_tolerance,
        checks=checks,
        notes=tuple(filter(None, notes)),
    )


def _rebuilt(lake: Lake, run: LoggedRun, retrieve: Retrieve | None) -> Rebuilt:
    lineage = Tracker(lake).lineage(run.run_id)
    lost = _lost(lake, lineage.table_versions, lineage.label_versions) if retrieve is None else []
    if lost:
        raise ReplayError(
            f"Run {run.run_id} cannot be made again: {', '.join(lost)} cannot be read any more (cleaned up, or the "
            "table was made anew)."
        )
    return rebuilt(lake, run.run_id, retrieve)


def _lost(lake: Lake, gold: Mapping[str, int], silver: Mapping[str, int]) -> list[str]:
    """Versions whose data are gone, as 'version 3 of gold.x'."""
    from infra.maintenance import readable

    places = [(f"gold.{name}", lake.gold(name), version) for name, version in gold.items()]
    places += [(f"silver.{name}", lake.silver(name), version) for name, version in silver.items()]
    return [f"version {version} of {name}" for name, path, version in places if not readable(path, version)]


def _code_since(run: LoggedRun) -> str:
    from training.fingerprint import code_hash

    recorded = run.tags.get("code")
    if recorded is None:
        return "The run does not say which code made it."
    return "" if recorded == code_hash() else "The code of the training, or a model library, changed since."


class _Once:
    """Steps of an evaluation that leave nothing behind."""

    def __call__(self, work: "Work") -> Any:
        return work.do()

    def all(self, works: "Sequence[Work]", jobs: int) -> list[Any]:
        return [work.do() for work in works]

    def part(self, what: str, done: int, total: int) -> None:
        return None


def _made_again(again: Rebuilt, candidate: Candidate) -> "Outcome":
    """What the candidate's run would hold, from the same folds and seed."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    from training.dataset import assemble
    from training.flow.kinds import evaluator_of
    from training.permutation import permuted

    params = again.run.params
    plan = Plan("quick", folds=int(params["folds"]), seeds=(int(params["seed"]),))
    dataset = assemble(again.task, again.labels, again.retrieved)
    if again.run.tags.get("is_permuted") == "true":
        dataset = permuted(dataset, plan.seeds[0])
    with threadpool_limits(limits=1):
        return evaluator_of(dataset, plan, 1).evaluate(candidate, _Once())


def _checks(run: LoggedRun, outcome: "Outcome", kept: "pd.DataFrame | None", tolerance: float) -> tuple[Check, ...]:
    found = [
        _check(name, run.metrics.get(name, math.nan), again, tolerance)
        for name, again in outcome.metrics.items()
        if name in run.metrics or math.isfinite(again)
    ]
    rows = outcome.tables.get(PREDICTIONS)
    if kept is not None and rows is not None and "score" in rows and len(kept) == len(rows):
        apart = float(abs(kept["score"].to_numpy(float) - rows["score"].to_numpy(float)).max())
        found.append(_check(PREDICTION, 0.0, apart, tolerance))
    return tuple(found)


def _check(name: str, recorded: float, again: float, tolerance: float) -> Check:
    both = math.isfinite(recorded) and math.isfinite(again)
    difference = again - recorded if both else math.nan
    return Check(name, recorded, again, difference, both and abs(difference) <= tolerance)
