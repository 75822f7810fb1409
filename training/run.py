"""Trains a task: cohort, features, checks, candidates, runs. What has been trained on the same data is not repeated."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from infra.errors import MissingTableError, OncolakeError, UsageError
from infra.lake import Lake
from training.flow.progress import Countdown, Progress
from training.lineage import Retrieval
from training.plan import QUICK, Plan
from training.task import Task
from training.tasks import TASKS
from training.tracking import LoggedRun, Tracker

if TYPE_CHECKING:
    import pandas as pd

    from features.leakage.check import Report

Retrieve = Callable[[Lake, str, "pd.DataFrame"], Retrieval]
Check = Callable[[Lake, Retrieval], "Report"]
"""The leakage test of a retrieved training set."""
PREPARATION = ("labels", "features", "leakage test")


class LeakageError(OncolakeError):
    """The training set knew what could not be known at the time of its labels."""


class NoCohortError(UsageError):
    """Nobody in the lake is whom the task asks about."""


@dataclass(frozen=True)
class RunSummary:
    """One run of one candidate. is_new: False where the same training had been done before."""

    run_id: str
    task: str
    model: str
    is_baseline: bool
    is_permuted: bool
    is_new: bool
    metrics: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Trained:
    """What became of a task: its runs, the trivial baseline first; iterating gives these.

    left_out: candidate -> a sentence on why it was not run. notes: sentences on the data. refused: why nothing was
    trained, a sentence; '' where it was. has_cohort: False where that is because nobody in the lake is whom the task
    asks about.
    """

    task: str
    runs: Sequence[RunSummary] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    refused: str = ""
    has_cohort: bool = True

    def __iter__(self) -> Iterator[RunSummary]:
        return iter(self.runs)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def train(
    lake: Lake,
    task_name: str,
    plan: Plan = QUICK,
    *,
    permute: bool = False,
    jobs: int | None = None,
    progress: Progress | None = None,
    retrieve: Retrieve | None = None,
    check: Check | None = None,
) -> Trained:
    """One run for each candidate of a task, the trivial baseline first.

    A training is known by its data (digest), code, plan and permutation; a candidate that has a finished run of the
    same training is answered with that run. A run that did not finish, because its process was killed or failed, is
    opened again and goes on from what it had.
    permute: outcomes exchanged within sites, to see what chance looks like here. jobs: processes, used where that
    pays; default as many as this process may use cores. retrieve: how features are fetched; default
    `features.retrieval.retrieve`. check: the leakage test of what was fetched; default `features.leakage.check.check`
    at the versions that were read.

    Raises UsageError on an unknown task, a cohort too small (NoCohortError where there is none), or data that cannot be
    pinned, and LeakageError on data that knew what could not be known, before any run exists.
    """
    from training.dataset import assemble
    from training.fingerprint import fingerprint_of
    from training.flow.candidates import Training
    from training.flow.kinds import evaluator_of
    from training.permutation import permuted

    task = named(task_name)
    countdown = Countdown(progress or (lambda what, done, total: None), len(PREPARATION) + len(task.candidates))
    countdown.say(PREPARATION[0])
    try:
        labels = task.build_labels(lake)
    except MissingTableError as missing:
        raise NoCohortError(str(missing)) from missing
    if not len(labels.frame):
        raise NoCohortError(f"No row meets the cohort rule of {task.name}: {task.cohort}")
    countdown.step(is_new=False)
    countdown.say(PREPARATION[1])
    retrieved = (retrieve or _retrieve)(lake, task.service, labels.frame)
    dataset = assemble(task, labels, retrieved)
    processes = jobs or len(os.sched_getaffinity(0))
    evaluator = evaluator_of(dataset, plan, processes)
    review = evaluator.check()
    countdown.step(is_new=False)
    countdown.say(PREPARATION[2])
    leakage = (check or _check)(lake, retrieved)
    if not leakage.is_clean:
        raise LeakageError(f"{leakage.sentence(f'the training set of {task.name}')[:-1]}; nothing was trained.")
    countdown.step(is_new=False)
    if permute:
        dataset = permuted(dataset, plan.seeds[0])
        evaluator = evaluator_of(dataset, plan, processes)
    fingerprint = fingerprint_of(dataset.lineage.digest, dataset.lineage.definitions_hash, plan, permute)
    training = Training(lake, dataset, evaluator, plan, leakage, fingerprint, is_permuted=permute)
    runs = training.run([c for c in task.candidates if c.name not in review.left_out], countdown)
    return Trained(
        task.name, tuple(_summary(run, is_new=is_new) for run, is_new in runs), review.left_out, review.notes
    )


def train_all(
    lake: Lake,
    plan: Plan = QUICK,
    *,
    tasks: Sequence[str] | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> dict[str, Trained]:
    """`train` for several tasks (default: every one), with the same options.

    A task that is refused, or whose tables this lake lacks, does not stop the others: its answer says why. With several
    jobs, tasks are trained at the same time, each in a process of its own; numbers do not depend on that.

    Raises UsageError on an unknown task, before anything is done.
    """
    names = [named(name).name for name in (TASKS if tasks is None else dict.fromkeys(tasks))]
    tell = progress or (lambda what, done, total: None)

    def say(name: str, what: str, done: int, total: int) -> None:
        tell(f"{name} ({names.index(name) + 1} of {len(names)}): {what}", done, total)

    jobs = jobs or len(os.sched_getaffinity(0))
    if jobs == 1 or len(names) < 2:
        return {name: _answer(TASKS[name], lake, plan, {**options, "jobs": jobs}, partial(say, name)) for name in names}
    from training.lanes import side_by_side

    # MLflow makes its tables at the first question: two processes that both ask first would both make them.
    Tracker(lake).client.search_experiments(max_results=1)
    options |= {"jobs": max(1, jobs // len(names))}
    works = {name: partial(_answer, TASKS[name], lake, plan, options) for name in names}
    return side_by_side(works, jobs, say)


def _answer(task: Task, lake: Lake, plan: Plan, options: Mapping[str, Any], progress: Progress) -> Trained:
    """`train`, or why it was refused; also in a process that was started after a task had been added to the others."""
    TASKS[task.name] = task
    try:
        return train(lake, task.name, plan, progress=progress, **options)
    except OncolakeError as error:
        return Trained(task.name, refused=str(error), has_cohort=not isinstance(error, NoCohortError))


def named(task_name: str) -> Task:
    """The task of that name. Raises UsageError listing the tasks there are."""
    if task_name not in TASKS:
        raise UsageError(f"No task is named {task_name!r}; expected one of {', '.join(TASKS)}.")
    return TASKS[task_name]


def _summary(run: LoggedRun, *, is_new: bool) -> RunSummary:
    return RunSummary(
        run.run_id,
        run.tags["task"],
        run.tags["model"],
        run.tags["is_baseline"] == "true",
        run.tags["is_permuted"] == "true",
        is_new,
        run.metrics,
    )


def _retrieve(lake: Lake, service: str, labels: "pd.DataFrame") -> Retrieval:
    from features.retrieval import retrieve

    return retrieve(lake, service, labels)


def _check(lake: Lake, retrieved: Retrieval) -> "Report":
    from features.leakage.check import check

    return check(lake, retrieved.frame, versions=retrieved.table_versions)
