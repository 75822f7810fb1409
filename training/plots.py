"""Figures of one candidate, from its out-of-fold predictions: one look for all, readable in grey and in small."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from training.dataset import Dataset
from training.evaluate import Evaluation
from training.metrics import classes, survival
from training.metrics.alarms import WINDOW
from training.metrics.calibration import risk_groups
from training.scoring import ClassScorer, Floats, follow_up, horizons

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, ACCENT, PALE = "#22303c", "#1b6ca8", "#9aa7b1"
THIRDS = (("low", "#1b6ca8", "-"), ("middle", "#7a7a7a", "--"), ("high", "#b5402f", "-."))
MOST_BARS = 20


def figures(
    dataset: Dataset, evaluation: Evaluation, importance: Mapping[str, float], coefficients: Mapping[str, float]
) -> "dict[str, Figure]":
    """Figures by file name.

    importance: loss of concordance by block; coefficients: of the standardised columns. Either may be empty.
    """
    kind = _survival_figures if dataset.task.kind == "survival" else _class_figures
    drawn = kind(dataset, evaluation)
    if importance:
        drawn["importance.png"] = _bars(
            importance, "Loss of concordance when shuffled", _title(evaluation, "permutation importance")
        )
    if coefficients:
        drawn["coefficients.png"] = _bars(
            coefficients, "Coefficient per standard deviation", _title(evaluation, "coefficients (all rows)")
        )
    return drawn


def _survival_figures(dataset: Dataset, evaluation: Evaluation) -> "dict[str, Figure]":
    drawn = {"kaplan_meier_by_risk.png": _kaplan_meier(dataset, evaluation)}
    reached = horizons(dataset, evaluation.predictions.times)
    if reached:
        drawn["calibration.png"] = _survival_calibration(dataset, evaluation, reached)
    return drawn


def _class_figures(dataset: Dataset, evaluation: Evaluation) -> "dict[str, Figure]":
    drawn = {
        "roc.png": _roc(dataset, evaluation),
        "precision_recall.png": _precision_recall(dataset, evaluation),
        "calibration.png": _calibration(dataset, evaluation),
    }
    if dataset.task.rows_per_hour is not None:
        drawn["lead_time.png"] = _lead_times(dataset, evaluation)
    return drawn


def thirds(score: Floats, fold: np.ndarray) -> np.ndarray:
    """0, 1 or 2: the third of its own fold that a row's score lies in; equal scores may fall to either side."""
    third = np.empty(len(score), int)
    for k in np.unique(fold):
        rows = np.flatnonzero(fold == k)
        rank = np.argsort(np.argsort(score[rows], kind="stable"), kind="stable")
        third[rows] = rank * 3 // len(rows)
    return third


def drawing(title: str, x: str, y: str) -> "tuple[Figure, Axes]":
    """An empty figure in the common look."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 4.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)
    return figure, axes


def _title(evaluation: Evaluation, what: str) -> str:
    return f"{evaluation.candidate.name}: {what}"


def _with_interval(evaluation: Evaluation, name: str) -> str:
    e = evaluation.estimates[name]
    return f"{e.value:.2f} ({e.low:.2f} to {e.high:.2f})"


def _kaplan_meier(dataset: Dataset, evaluation: Evaluation) -> "Figure":
    figure, axes = drawing(_title(evaluation, "survival by predicted risk"), "Days from prediction", "Survival")
    seen = follow_up(dataset)
    time, event = seen.time, seen.event
    score = evaluation.predictions.score
    if np.ptp(score) == 0:
        groups = [("everyone", INK, "-", np.ones(len(time), bool))]
    else:
        third = thirds(score, evaluation.predictions.fold)
        groups = [(f"{name} risk", colour, style, third == i) for i, (name, colour, style) in enumerate(THIRDS)]
    for name, colour, style, rows in groups:
        steps = np.unique(np.append(0.0, time[rows & event]))
        curve = [1 - survival.observed_incidence(seen[rows], t) for t in steps]
        end = time[rows].max()
        axes.step(
            np.append(steps, end),
            [*curve, curve[-1]],
            where="post",
            color=colour,
            linestyle=style,
            label=f"{name} (n={rows.sum()}, {int((rows & event).sum())} events)",
        )
    axes.set_ylim(0, 1.02)
    axes.set_xlim(left=0)
    axes.legend(frameon=False, fontsize=8, title=f"Uno's C {_with_interval(evaluation, 'uno_c')}", title_fontsize=8)
    return figure


def _survival_calibration(dataset: Dataset, evaluation: Evaluation, reached: Mapping[str, float]) -> "Figure":
    """Observed against predicted incidence by risk group, one line a horizon."""
    competes = dataset.is_competing.any()
    figure, axes = drawing(
        _title(evaluation, "calibration"),
        "Predicted incidence",
        f"Observed incidence ({'Aalen-Johansen' if competes else 'Kaplan-Meier'})",
    )
    _diagonal(axes)
    for (name, days), (_, colour, style) in zip(reached.items(), THIRDS, strict=False):
        incidence = 1 - evaluation.predictions.survival_at(days)
        predicted, observed, _ = risk_groups(follow_up(dataset), incidence, days)
        label = f"{days:.0f} days, ICI {_with_interval(evaluation, f'ici_{name}')}"
        axes.plot(predicted, observed, style, marker="o", color=colour, label=label)
    axes.legend(frameon=False, fontsize=8)
    return figure


def _roc(dataset: Dataset, evaluation: Evaluation) -> "Figure":
    figure, axes = drawing(_title(evaluation, "ROC"), "False positive rate", "Sensitivity")
    _diagonal(axes)
    truth = dataset.is_positive
    for ranking in classes.rankings(evaluation.predictions.score, truth, evaluation.predictions.fold):
        positive, negative = ranking.counts(np.ones(len(truth)))
        if positive[-1] and negative[-1]:
            axes.plot(
                np.append(0, negative / negative[-1]),
                np.append(0, positive / positive[-1]),
                color=ACCENT,
                alpha=0.6,
                linewidth=1,
            )
    axes.text(0.98, 0.04, f"AUROC {_with_interval(evaluation, 'auroc')}\none line a fold", ha="right", fontsize=8)
    return figure


def _precision_recall(dataset: Dataset, evaluation: Evaluation) -> "Figure":
    figure, axes = drawing(_title(evaluation, "precision and recall"), "Recall", "Precision")
    truth = dataset.is_positive
    axes.axhline(truth.mean(), color=PALE, linestyle=":", label=f"prevalence {truth.mean():.2f}")
    for ranking in classes.rankings(evaluation.predictions.score, truth, evaluation.predictions.fold):
        positive, negative = ranking.counts(np.ones(len(truth)))
        if positive[-1]:
            axes.plot(positive / positive[-1], positive / (positive + negative), color=ACCENT, alpha=0.6, linewidth=1)
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False, fontsize=8, title=f"AUPRC {_with_interval(evaluation, 'auprc')}", title_fontsize=8)
    return figure


def _calibration(dataset: Dataset, evaluation: Evaluation) -> "Figure":
    figure, axes = drawing(_title(evaluation, "calibration"), "Predicted probability", "Observed share")
    score, truth = evaluation.predictions.score, dataset.is_positive
    bins = classes.calibration_bins(score, truth, np.ones(len(truth)))
    weight, predicted, observed = (part[bins[0] > 0] for part in bins)
    _diagonal(axes)
    axes.plot(predicted, observed, "-", color=ACCENT)
    axes.scatter(predicted, observed, s=20 + 180 * weight / weight.sum(), color=ACCENT, zorder=3)
    axes.text(0.98, 0.04, f"ECE {_with_interval(evaluation, 'ece')}\narea: number of rows", ha="right", fontsize=8)
    return figure


def _lead_times(dataset: Dataset, evaluation: Evaluation) -> "Figure":
    """How long before an episode its alarm came, and how many came without one."""
    figure, axes = drawing(_title(evaluation, "lead time reached"), "Minutes from alarm to hypotension", "Episodes")
    lead = ClassScorer(dataset, evaluation.predictions).alarms[""].lead
    alarmed = lead[np.isfinite(lead)]
    axes.hist(alarmed, bins=[n + 0.5 for n in range(WINDOW + 1)], color=ACCENT)
    axes.hist(np.zeros(len(lead) - len(alarmed)), bins=[-0.5, 0.5], color=PALE)
    axes.set_xticks([0, 5, 10, 15, WINDOW], ["none", "5", "10", "15", f"{WINDOW}+"])
    rate = _with_interval(evaluation, "false_alarms_per_hour_at_sens80")
    share = _with_interval(evaluation, "episodes_alarmed_at_sens80")
    axes.set_title(f"alarmed beforehand {share}\nfalse alarms an hour {rate}", loc="right", fontsize=8, color=INK)
    return figure


def _bars(values: Mapping[str, float], x: str, title: str) -> "Figure":
    largest = sorted(values.items(), key=lambda item: abs(item[1]))[-MOST_BARS:]
    figure, axes = drawing(title, x, "")
    figure.set_size_inches(6.4, 1.2 + 0.24 * len(largest))
    axes.barh([name for name, _ in largest], [value for _, value in largest], color=ACCENT)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.tick_params(axis="y", labelsize=7)
    return figure


def _diagonal(axes: "Axes") -> None:
    axes.plot([0, 1], [0, 1], color=PALE, linestyle=":", linewidth=1)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
