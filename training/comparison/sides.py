"""Which runs of a task stand side by side: the trivial and the clinical baseline first, then the best."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.errors import UsageError
from infra.lake import Lake
from training.comparison.metrics import NAN, Interval
from training.lineage import Lineage
from training.run import named
from training.task import Task
from training.tracking import LoggedRun, Tracker

if TYPE_CHECKING:
    import pandas as pd

SHORT = 8
DIFFERENCE = "versus_reference"
TO_FULL = "difference_to_full"
PERMUTATION_P = "permutation_p"
"""How often permuted labels do as well; the best model of a training has it."""


@dataclass(frozen=True)
class Part:
    """A model fitted without a modality, or on it alone.

    value: the primary metric. difference: that less the same model's on all modalities, paired.
    """

    is_without: bool
    modality: str
    value: Interval
    difference: Interval


@dataclass(frozen=True)
class Site:
    """A site that was left out of training and tested. n_patients, n_positive: None where the run does not say."""

    name: str
    value: Interval
    n_patients: int | None
    n_positive: int | None


@dataclass(frozen=True)
class Entry:
    """A run in its place. label: the model, told apart by the run's id where several runs are of one model."""

    run: LoggedRun
    label: str
    is_reference: bool
    primary_metric: str
    parts: tuple[Part, ...] = ()
    sites: tuple[Site, ...] = ()

    @property
    def model(self) -> str:
        return self.run.tags["model"]

    @property
    def is_baseline(self) -> bool:
        return self.run.tags.get("is_baseline") == "true"

    @property
    def is_permuted(self) -> bool:
        return self.run.tags.get("is_permuted") == "true"

    @property
    def primary(self) -> Interval:
        return self.interval(self.primary_metric)

    @property
    def difference(self) -> Interval:
        """The primary metric less the reference's, in pairs; unknown for the reference itself."""
        return self.interval(DIFFERENCE)

    @property
    def seed_sd(self) -> float:
        """SD of the primary metric over splits by other seeds."""
        return self.run.metrics.get(f"{self.primary_metric}_seed_sd", NAN)

    @property
    def permutation_p(self) -> float:
        return self.run.metrics.get(PERMUTATION_P, NAN)

    def interval(self, name: str) -> Interval:
        return Interval.of(self.run.metrics, name)

    def count(self, name: str) -> int | None:
        return _count(self.run.params, name)


@dataclass(frozen=True)
class SideBySide:
    """The runs of a task in the order in which they are read. lineage: of the newest training set among them."""

    task: Task
    entries: tuple[Entry, ...]
    lineage: Lineage

    @property
    def metric_names(self) -> list[str]:
        """Every metric of some run, in the order of the first that has it."""
        return list(dict.fromkeys(name for entry in self.entries for name in entry.run.metrics))

    @property
    def honest(self) -> tuple[Entry, ...]:
        """The runs whose labels were not permuted."""
        return tuple(e for e in self.entries if not e.is_permuted)

    @property
    def best(self) -> Entry | None:
        """The highest primary metric among models that are no trivial baseline; None where there is none."""
        known = [e for e in self.honest if not e.is_baseline and e.primary.is_known]
        return max(known, key=lambda e: e.primary.value, default=None)

    @property
    def baseline(self) -> Entry | None:
        return next((e for e in self.honest if e.is_baseline), None)

    @property
    def reference(self) -> Entry | None:
        return next((e for e in self.honest if e.is_reference), None)


def side_by_side(lake: Lake, task_name: str, *, all_runs: bool = False) -> SideBySide:
    """The runs of a task: the trivial baseline, the reference, then by the primary metric; permuted runs stand last.

    all_runs: every finished run; by default the newest run of each model on the newest training set, since numbers
    from different training sets do not compare.

    Raises UsageError on an unknown task, one that has no finished run, or runs without a lineage.
    """
    task = named(task_name)
    tracker = Tracker(lake)
    runs = tracker.finished(task.name)
    if not runs:
        raise UsageError(f"No finished run of {task.name} is in {lake.root}; run `oncolake train {task.name}` first.")
    chosen = runs if all_runs else _newest(runs)
    models = [_key(run) for run in chosen]
    entries = [_entry(task, run, tracker.children(run), is_one=models.count(_key(run)) == 1) for run in chosen]
    newest = next((r for r in chosen if r.tags.get("is_permuted") != "true"), chosen[0])
    return SideBySide(task, tuple(sorted(entries, key=_rank)), tracker.lineage(newest.run_id))


def compare(lake: Lake, task_name: str, *, all_runs: bool = False) -> "pd.DataFrame":
    """`side_by_side` as a frame, one row a run.

    Columns: model, run_id, is_baseline, is_reference, is_permuted, training_set (digest), started (UTC), n_rows,
    n_positive, and for each metric its value, `_low`, `_high` (95 % over patients), `_fold_mean`, `_fold_sd`, and with
    several seeds `_seed_mean`, `_seed_sd`. Raises UsageError as `side_by_side` does.
    """
    import pandas as pd

    shown = side_by_side(lake, task_name, all_runs=all_runs)
    return pd.DataFrame([_row(entry) for entry in shown.entries])


def _newest(runs: list[LoggedRun]) -> list[LoggedRun]:
    """The newest run of each model, permuted and not, on the training set of the newest run that is not permuted."""
    plain = [r for r in runs if r.tags.get("is_permuted") != "true"] or runs
    digest = plain[0].tags["digest"]
    chosen: dict[tuple[str, str], LoggedRun] = {}
    for run in runs:
        if run.tags["digest"] == digest:
            chosen.setdefault(_key(run), run)
    return list(chosen.values())


def _key(run: LoggedRun) -> tuple[str, str]:
    return run.tags["model"], run.tags.get("is_permuted", "false")


def _entry(task: Task, run: LoggedRun, children: Iterable[LoggedRun], *, is_one: bool) -> Entry:
    model = run.tags["model"]
    primary = task.primary_metric
    label = model + (" (permuted labels)" if run.tags.get("is_permuted") == "true" else "")
    found = list(children)
    parts = [
        Part(
            child.tags.get("ablation") == "without",
            child.tags.get("modality", "unnamed"),
            Interval.of(child.metrics, primary),
            Interval.of(child.metrics, TO_FULL),
        )
        for child in found
        if child.tags.get("level") == "ablation"
    ]
    sites = [
        Site(
            child.tags.get("site", "unnamed"),
            Interval.of(child.metrics, primary),
            _count(child.params, "n_patients"),
            _count(child.params, "n_positive"),
        )
        for child in found
        if child.tags.get("level") == "site"
    ]
    return Entry(
        run,
        label if is_one else f"{label} {run.run_id[:SHORT]}",
        model == task.reference,
        primary,
        tuple(parts),
        tuple(sorted(sites, key=lambda site: site.name)),
    )


def _rank(entry: Entry) -> tuple[bool, bool, bool, float]:
    value = entry.primary.value if entry.primary.is_known else float("-inf")
    return entry.is_permuted, not entry.is_baseline, not entry.is_reference, -value


def _row(entry: Entry) -> dict[str, object]:
    import pandas as pd

    return {
        "model": entry.model,
        "run_id": entry.run.run_id,
        "is_baseline": entry.is_baseline,
        "is_reference": entry.is_reference,
        "is_permuted": entry.is_permuted,
        "training_set": entry.run.tags["digest"],
        "started": pd.Timestamp(entry.run.start_time, unit="ms", tz="UTC"),
        "n_rows": entry.count("n_rows"),
        "n_positive": entry.count("n_positive"),
        **entry.run.metrics,
    }


def _count(values: Mapping[str, object], name: str) -> int | None:
    value = values.get(name)
    return None if value is None else int(float(str(value)))
