"""Trains a task: cohort, features, folds, candidates, runs. What has been trained on the same data is not repeated."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from infra.errors import OncolakeError, UsageError
from infra.lake import Lake
from training.fingerprint import fingerprint_of
from training.lineage import Retrieval
from training.task import PREDICTION_TIME, SITE, Candidate, Task
from training.tasks import TASKS
from training.tracking import FINGERPRINT, PREDICTIONS, LoggedRun, Recorder, Tracker

if TYPE_CHECKING:
    import pandas as pd

    from features.leakage.check import Report
    from training.dataset import Dataset
    from training.evaluate import Estimate, Evaluation

Progress = Callable[[str, int, int], None]
"""(what is being done, steps done, steps in all)."""
Retrieve = Callable[[Lake, str, "pd.DataFrame"], Retrieval]
Check = Callable[[Lake, Retrieval], "Report"]
"""The leakage test of a retrieved training set."""
LEAKAGE = "leakage.json"


class LeakageError(OncolakeError):
    """The training set knew what could not be known at the time of its labels."""


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


def train(
    lake: Lake,
    task_name: str,
    *,
    folds: int = 5,
    seed: int = 0,
    permute: bool = False,
    progress: Progress | None = None,
    retrieve: Retrieve | None = None,
    check: Check | None = None,
) -> list[RunSummary]:
    """One run for each candidate of a task, the trivial baseline first.

    A training is known by its data (digest), code, seed, folds and permutation; a candidate that has a finished run
    of the same training is answered with that run. Runs that a killed process left open are marked interrupted and
    done again. permute: shuffle targets within sites, to see what chance looks like here.
    retrieve: how features are fetched; default `features.retrieval.retrieve`.
    check: the leakage test of what was fetched; default `features.leakage.check.check` at the versions that were read.

    Raises UsageError on an unknown task, a cohort too small, or data that cannot be pinned, and LeakageError on data
    that knew what could not be known, before any run exists.
    """
    from training.dataset import assemble
    from training.permutation import permuted
    from training.refusals import review

    task = named(task_name)
    tell = progress or (lambda what, done, total: None)
    total = len(task.candidates) + 2
    tell("labels", 0, total)
    labels = task.build_labels(lake)
    if not len(labels.frame):
        raise UsageError(f"No row meets the cohort rule of {task.name}: {task.cohort}")
    tell("features", 1, total)
    retrieved = (retrieve or _retrieve)(lake, task.service, labels.frame)
    dataset = assemble(task, labels, retrieved)
    review(dataset, folds)
    tell("leakage test", 1, total)
    leakage = (check or _check)(lake, retrieved)
    if not leakage.is_clean:
        raise LeakageError(f"{leakage.sentence(f'the training set of {task.name}')[:-1]}; nothing was trained.")
    tracker = Tracker(lake)
    fingerprint = fingerprint_of(dataset.lineage.digest, dataset.lineage.definitions_hash, folds, seed, permute)
    done = {run.tags["model"]: run for run in tracker.finished(task.name, f"tags.{FINGERPRINT} = '{fingerprint}'")}
    if len(done) < len(task.candidates):
        tracker.mark_interrupted(task.name, fingerprint)
    if permute:
        dataset = permuted(dataset, seed)
    training = _Training(
        tracker, dataset, leakage, n_folds=folds, seed=seed, is_permuted=permute, fingerprint=fingerprint
    )
    summaries = []
    for number, candidate in enumerate(task.candidates):
        tell(candidate.name, number + 2, total)
        if candidate.name in done:
            summaries.append(_summary(done[candidate.name], is_new=False))
        else:
            summaries.append(_summary(training.record(candidate), is_new=True))
    tell("done", total, total)
    return summaries


def train_all(lake: Lake, **options: Any) -> dict[str, list[RunSummary]]:
    """`train` for every task, with the same options."""
    return {name: train(lake, name, **options) for name in TASKS}


def named(task_name: str) -> Task:
    """The task of that name. Raises UsageError listing the tasks there are."""
    if task_name not in TASKS:
        raise UsageError(f"No task is named {task_name!r}; expected one of {', '.join(TASKS)}.")
    return TASKS[task_name]


class _Training:
    """One training of a task: its folds and its reference are made once, whichever candidates are still to do."""

    def __init__(
        self,
        tracker: Tracker,
        dataset: "Dataset",
        leakage: "Report",
        *,
        n_folds: int,
        seed: int,
        is_permuted: bool,
        fingerprint: str,
    ) -> None:
        from training.evaluate import folds_of

        self.tracker = tracker
        self.dataset = dataset
        self.leakage = leakage
        self.seed = seed
        self.is_permuted = is_permuted
        self.fingerprint = fingerprint
        self.folds = folds_of(dataset, n_folds, seed)
        self._reference: Evaluation | None = None

    def evaluation(self, candidate: Candidate) -> "Evaluation":
        from training.evaluate import evaluate

        task = self.dataset.task
        if candidate.name == task.reference:
            self._reference = self._reference or evaluate(self.dataset, candidate, self.folds, self.seed)
            return self._reference
        reference = self.evaluation(task.candidate(task.reference))
        return evaluate(self.dataset, candidate, self.folds, self.seed, reference)

    def record(self, candidate: Candidate) -> LoggedRun:
        """Evaluates a candidate and writes its run."""
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        with (
            # On a hundred rows threads only wait for each other: boosting took 20 times as long with two.
            threadpool_limits(limits=1),
            self.tracker.recording(self.dataset.task, candidate.name, self._tags(candidate)) as recorder,
        ):
            self._write(recorder, candidate)
        return self.tracker.run(recorder.run_id)

    def _write(self, recorder: Recorder, candidate: Candidate) -> None:
        import numpy as np

        from training.evaluate import fit_rows
        from training.importance import importance
        from training.plots import figures

        dataset = self.dataset
        recorder.lineage(dataset.lineage)
        recorder.json(LEAKAGE, self.leakage.as_json())
        evaluation = self.evaluation(candidate)
        columns = candidate.uses(list(dataset.features.columns))
        model, chosen = fit_rows(dataset, candidate, np.arange(len(dataset.labels)), self.seed)
        recorder.values(self._params(candidate, columns) | chosen, _metrics(evaluation))
        for number, (metrics, inner) in enumerate(zip(evaluation.fold_metrics, evaluation.chosen, strict=True)):
            recorder.fold(number, {"fold": number, **inner}, metrics)
        coefficients = coefficients_of(model)
        shuffled = importance(dataset, evaluation, self.seed)
        for name, figure in figures(dataset, evaluation, shuffled, coefficients).items():
            recorder.figure(name, figure)
        recorder.json("importance.json", shuffled)
        recorder.json("coefficients.json", coefficients)
        recorder.table(PREDICTIONS, _prediction_rows(dataset, evaluation))
        output = "predict" if dataset.task.kind == "survival" else "predict_proba"
        recorder.model(f"{dataset.task.name}-{candidate.name}", model, columns, output)

    def _tags(self, candidate: Candidate) -> dict[str, str]:
        lineage = self.dataset.lineage
        return {
            "task": lineage.task,
            "model": candidate.name,
            "is_baseline": str(candidate.is_baseline).lower(),
            "is_permuted": str(self.is_permuted).lower(),
            "feature_service": lineage.service,
            "digest": lineage.digest,
            "definitions_hash": lineage.definitions_hash,
            FINGERPRINT: self.fingerprint,
            "leakage": f"none in {self.leakage.n_values} values",
            "mlflow.note.content": candidate.description,
            "mlflow.source.name": "oncolake train",
            **{f"delta.{view}": str(version) for view, version in lineage.table_versions.items()},
            **{f"delta.silver.{table}": str(version) for table, version in lineage.label_versions.items()},
        }

    def _params(self, candidate: Candidate, columns: list[str]) -> dict[str, object]:
        dataset = self.dataset
        return {
            "model": candidate.name,
            "folds": len(self.folds),
            "seed": self.seed,
            "permuted": self.is_permuted,
            "n_rows": len(dataset.labels),
            "n_groups": int(dataset.groups.max()) + 1,
            "n_positive": int(dataset.is_positive.sum()),
            "n_features": len(columns),
            "n_features_left_out": len(dataset.left_out),
        }


def coefficients_of(model: Any) -> dict[str, float]:
    """Coefficients of a linear model on standardised columns, by column; {} for a model that has none."""
    import numpy as np

    if not hasattr(model, "steps") or not hasattr(model.steps[-1][1], "coef_"):
        return {}
    names = model[:-1].get_feature_names_out()
    values = np.asarray(model.steps[-1][1].coef_).ravel()
    return {str(n): float(v) for n, v in zip(names, values, strict=True) if v != 0}


def _metrics(evaluation: "Evaluation") -> dict[str, float]:
    """Metrics of a parent run: value, interval, and spread over the folds, side by side under the metric's name."""
    estimates: dict[str, Estimate] = dict(evaluation.estimates)
    if evaluation.versus_reference is not None:
        estimates["versus_reference"] = evaluation.versus_reference
    metrics: dict[str, float] = {}
    for name, e in estimates.items():
        metrics |= {
            name: e.value,
            f"{name}_low": e.low,
            f"{name}_high": e.high,
            f"{name}_fold_mean": e.fold_mean,
            f"{name}_fold_sd": e.fold_sd,
        }
    return metrics


def _prediction_rows(dataset: "Dataset", evaluation: "Evaluation") -> "pd.DataFrame":
    """Out-of-fold predictions by pseudonym: entity, time, site, target, fold, score."""
    task = dataset.task
    keep = [c for c in (task.entity, PREDICTION_TIME, SITE, "time_days", "is_event", "label") if c in dataset.labels]
    return dataset.labels[keep].assign(fold=evaluation.predictions.fold, score=evaluation.predictions.score)


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
