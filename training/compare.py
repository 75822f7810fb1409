"""The runs of a task side by side: the trivial baseline first, then the best by the primary metric."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.errors import UsageError
from infra.lake import Lake
from training.run import named
from training.task import Task
from training.tracking import LoggedRun, Tracker

if TYPE_CHECKING:
    import pandas as pd

SHORT = 8
_METRICS = {
    "survival": ("uno_c", "harrell_c", "auc_12m", "ibs"),
    "classes": ("auroc", "auprc", "brier", "ece", "calibration_slope"),
    "profiles": ("stability_ari", "silhouette", "n_groups", "structure_p", "logrank_permutation_p"),
}
_ALARM_METRICS = ("auroc_gray_zone", "auroc_new_onset", "ppv_at_sens80", "alarms_per_hour_at_sens80")
_LOWER_IS_BETTER = ("ibs", "brier", "ece")


@dataclass(frozen=True)
class Comparison:
    """A comparison as text, ready to print: one header, one row a run, and a note on how to read it."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str


def compare(lake: Lake, task_name: str, *, all_runs: bool = False) -> "pd.DataFrame":
    """One row for each run, the baseline first, then by the primary metric; permuted runs stand last.

    Columns: model, run_id, is_baseline, is_permuted, training_set (digest), started (UTC), n_rows, n_positive,
    and for each metric its value, `_low`, `_high` (95 % over patients), `_fold_mean`, `_fold_sd`.
    all_runs: every finished run; by default the newest run of each model on the newest training set, since numbers
    from different training sets do not compare.

    Raises UsageError on an unknown task, or one that has no finished run.
    """
    import pandas as pd

    task = named(task_name)
    runs = Tracker(lake).finished(task.name)
    if not runs:
        raise UsageError(f"No finished run of {task.name} is in {lake.root}; run `oncolake train {task.name}` first.")
    chosen = runs if all_runs else _newest(runs)
    frame = pd.DataFrame([_row(run) for run in chosen])
    primary = task.primary_metric
    ranked = frame.assign(
        _order=frame[primary] if primary in frame else float("nan"), _not_base=~frame["is_baseline"]
    ).sort_values(["is_permuted", "_not_base", "_order"], ascending=[True, True, False], kind="stable")
    return ranked.drop(columns=["_order", "_not_base"]).reset_index(drop=True)


def comparison(lake: Lake, task_name: str, *, all_runs: bool = False) -> Comparison:
    """`compare` with the task's main metrics as text: 'value (low to high)'."""
    task = named(task_name)
    frame = compare(lake, task_name, all_runs=all_runs)
    metrics = [m for m in _metrics(task) if m in frame]
    difference = f"{task.primary_metric} less {task.reference}"
    header = ("model", *metrics, difference, "training set", "run")
    rows = []
    for _, run in frame.iterrows():
        name = f"{run['model']}{' (permuted labels)' if run['is_permuted'] else ''}"
        cells = [_cell(run, m) for m in metrics]
        cells.append(_cell(run, "versus_reference", signed=True))
        rows.append((name, *cells, str(run["training_set"])[:SHORT], str(run["run_id"])[:SHORT]))
    lower = [m for m in metrics if m in _LOWER_IS_BETTER]
    note = f"Out-of-fold, 95 % intervals over patients; {int(frame['n_rows'].iloc[0])} rows, "
    note += f"{int(frame['n_positive'].iloc[0])} with the outcome. Lower is better for {', '.join(lower)}."
    return Comparison(f"{task.name}: {task.question}", header, tuple(rows), note)


def _metrics(task: Task) -> tuple[str, ...]:
    return _METRICS[task.kind] + (_ALARM_METRICS if task.rows_per_hour is not None else ())


def _newest(runs: list[LoggedRun]) -> list[LoggedRun]:
    """The newest run of each model, permuted and not, on the training set of the newest run that is not permuted."""
    plain = [r for r in runs if r.tags["is_permuted"] != "true"] or runs
    digest = plain[0].tags["digest"]
    chosen: dict[tuple[str, str], LoggedRun] = {}
    for run in runs:
        if run.tags["digest"] == digest:
            chosen.setdefault((run.tags["model"], run.tags["is_permuted"]), run)
    return list(chosen.values())


def _row(run: LoggedRun) -> dict[str, object]:
    import pandas as pd

    return {
        "model": run.tags["model"],
        "run_id": run.run_id,
        "is_baseline": run.tags["is_baseline"] == "true",
        "is_permuted": run.tags["is_permuted"] == "true",
        "training_set": run.tags["digest"],
        "started": pd.Timestamp(run.start_time, unit="ms", tz="UTC"),
        "n_rows": int(run.params["n_rows"]),
        "n_positive": int(run.params["n_positive"]),
        **run.metrics,
    }


def _cell(run: "pd.Series", metric: str, *, signed: bool = False) -> str:
    import math

    value, low, high = (run.get(m, math.nan) for m in (metric, f"{metric}_low", f"{metric}_high"))
    if math.isnan(value):
        return "-"
    form = "+.3f" if signed else ".3f"
    span = "" if math.isnan(low) else f" ({low:{form}} to {high:{form}})"
    return f"{value:{form}}{span}"
