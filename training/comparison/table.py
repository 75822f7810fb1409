"""A comparison as text, for a terminal."""

import math
from dataclasses import dataclass

from infra.lake import Lake
from training.comparison.metrics import metric, shown
from training.comparison.sides import SHORT, Entry, SideBySide, side_by_side
from training.task import Task


@dataclass(frozen=True)
class Comparison:
    """A comparison as text, ready to print: one header, one row a run, and a note on how to read it."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str


def comparison(lake: Lake, task_name: str, *, all_runs: bool = False) -> Comparison:
    """`side_by_side` with the task's main metrics as text. Raises UsageError as that does."""
    return table_of(side_by_side(lake, task_name, all_runs=all_runs))


def table_of(sides: SideBySide) -> Comparison:
    """Metrics as 'value (low to high)', the paired difference, and what else the runs say: seeds, sites, permutation.

    Columns that no run has a value for are left out.
    """
    task = sides.task
    names = shown(task, sides.metric_names)
    primary = metric(task.primary_metric).label
    further = {
        f"{task.primary_metric} less {task.reference}": [e.difference.text(signed=True) for e in sides.entries],
        "SD over seeds": [_number(e.seed_sd) for e in sides.entries],
        "sites left out": [_sites(e) for e in sides.entries],
        "permutation p": [_number(e.permutation_p) for e in sides.entries],
    }
    kept = {name: cells for name, cells in further.items() if set(cells) != {"-"}}
    header = ("model", *names, *kept, "training set", "run")
    rows = tuple(
        (
            entry.label,
            *(entry.interval(name).text() for name in names),
            *(cells[i] for cells in kept.values()),
            entry.run.tags["digest"][:SHORT],
            entry.run.run_id[:SHORT],
        )
        for i, entry in enumerate(sides.entries)
    )
    return Comparison(f"{task.name}: {task.question}", header, rows, _note(task, sides, names, list(kept), primary))


def _note(task: Task, sides: SideBySide, names: list[str], kept: list[str], primary: str) -> str:
    first = sides.entries[0]
    said = [f"95 % intervals over patients; {first.count('n_rows')} rows"]
    if task.kind != "profiles":
        said = [f"Out-of-fold, 95 % intervals over patients; {first.count('n_rows')} rows"]
        said.append(f", {first.count('n_positive')} with the outcome")
    lower = [name for name in names if metric(name).lower_is_better]
    said.append(f". Lower is better for {', '.join(lower)}." if lower else ".")
    if "SD over seeds" in kept:
        said.append(f" Seeds: {primary} over other splits into folds.")
    if "sites left out" in kept:
        said.append(f" Sites: {primary} at the worst and the best hospital that no training patient came from.")
    return "".join(said)


def _sites(entry: Entry) -> str:
    values = [site.value.value for site in entry.sites if site.value.is_known]
    if not values:
        return "-"
    return f"{min(values):.3f} to {max(values):.3f} (of {len(values)})"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
