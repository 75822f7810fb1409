"""Figures of one way of grouping patients: their courses, their survival, how surely they belong together."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from training import columns
from training.dataset import Dataset
from training.profiles.clustering import UNPLACED
from training.profiles.evaluate import ProfileEvaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, PALE = "#22303c", "#9aa7b1"
STYLES = (("#1b6ca8", "-"), ("#b5402f", "--"), ("#3d7a4e", "-."), ("#8a6d1f", ":"), ("#6b4b8a", (0, (5, 1, 1, 1))))
COURSES = ("cytokines", "exosomes")
MOST_PANELS = 6
MOST_BARS = 8
DAYS_A_WEEK = 7.0
MIN_PER_POINT = 3
TRAJECTORIES = ("group", "measure", "week", "median", "low", "high", "n")


def figures(dataset: Dataset, evaluation: ProfileEvaluation) -> "dict[str, Figure]":
    """Figures by file name; courses only where the service has a history, differences only where there are groups."""
    drawn = {"kaplan_meier_by_group.png": _kaplan_meier(dataset, evaluation), "consensus.png": _consensus(evaluation)}
    course = trajectories(dataset, evaluation.groups)
    if len(course):
        drawn["trajectories.png"] = _trajectories(course, evaluation)
    if len(evaluation.differences):
        drawn["differences.png"] = _differences(evaluation)
    return drawn


def trajectories(dataset: Dataset, groups: npt.NDArray[np.intp]) -> pd.DataFrame:
    """Median and quartiles of each group's change since the first value, by measure and week before the prediction.

    Columns TRAJECTORIES: week is negative, 0 the week of the prediction; measures are those of blood. A point of fewer
    than MIN_PER_POINT patients is left out. Empty where the features have no history.
    """
    empty = pd.DataFrame(columns=list(TRAJECTORIES))
    if columns.MEASURES not in dataset.features:
        return empty
    arrays = [columns.MEASURES, columns.TOKEN_MODALITIES, columns.VALUES, columns.DAYS_BEFORE]
    rows = dataset.features[arrays].assign(group=groups, patient=np.arange(len(groups))).dropna(subset=arrays)
    tokens = (
        rows[rows["group"] != UNPLACED]
        .explode(arrays)
        .set_axis(["measure", "modality", "value", "days", "group", "patient"], axis=1)
    )
    tokens = tokens[tokens["modality"].isin(COURSES)].astype({"value": float, "days": float}).dropna(subset=["value"])
    if tokens.empty:
        return empty
    tokens = tokens.sort_values("days", ascending=False)
    tokens["change"] = tokens["value"] - tokens.groupby(["patient", "measure"])["value"].transform("first")
    tokens["week"] = -np.round(tokens["days"] / DAYS_A_WEEK)
    point = tokens.groupby(["group", "measure", "week"])["change"]
    course = point.agg(
        median="median", low=lambda v: v.quantile(0.25), high=lambda v: v.quantile(0.75), n="size"
    ).reset_index()
    return course[course["n"] >= MIN_PER_POINT].reset_index(drop=True)[list(TRAJECTORIES)]


def _trajectories(course: pd.DataFrame, evaluation: ProfileEvaluation) -> "Figure":
    """The measures whose groups lie furthest apart, against their spread."""
    apart = {str(measure): _apart(points) for measure, points in course.groupby("measure")}
    chosen = sorted(apart, key=lambda measure: -apart[measure])[:MOST_PANELS]
    columns_of_panels = min(3, len(chosen))
    rows_of_panels = -(-len(chosen) // columns_of_panels)
    figure, panels = _panels(f"{evaluation.candidate.name}: courses by group", rows_of_panels, columns_of_panels)
    for axes, measure in zip(panels, chosen, strict=False):
        for group in course["group"].unique():
            points = course[(course["measure"] == measure) & (course["group"] == group)]
            colour, style = STYLES[int(group) % len(STYLES)]
            axes.fill_between(points["week"], points["low"], points["high"], color=colour, alpha=0.15, linewidth=0)
            axes.plot(points["week"], points["median"], color=colour, linestyle=style, marker="o", markersize=3)
        axes.set_title(measure, loc="left", fontsize=8, color=INK)
        axes.set_xlabel("Weeks to the prediction", fontsize=7)
        axes.set_ylabel("Change since the first value", fontsize=7)
    for axes in panels[len(chosen) :]:
        axes.set_visible(False)
    return figure


def _apart(points: pd.DataFrame) -> float:
    """Largest distance between two groups' medians in a week, over the mean width between quartiles."""
    by_week = points.groupby("week")["median"]
    width = float((points["high"] - points["low"]).mean())
    return float((by_week.max() - by_week.min()).max()) / width if width > 0 else 0.0


def _kaplan_meier(dataset: Dataset, evaluation: ProfileEvaluation) -> "Figure":
    from sksurv.nonparametric import kaplan_meier_estimator

    figure, [axes] = _panels(f"{evaluation.candidate.name}: survival by group")
    time, event = dataset.time_days, dataset.is_positive
    for group in np.unique(evaluation.groups[evaluation.groups != UNPLACED]):
        rows = evaluation.groups == group
        at, survival = kaplan_meier_estimator(event[rows], time[rows])
        colour, style = STYLES[int(group) % len(STYLES)]
        label = f"group {group} (n={rows.sum()}, {int(event[rows].sum())} events)"
        axes.step(np.append(0, at), np.append(1, survival), where="post", color=colour, linestyle=style, label=label)
    test = evaluation.log_rank
    title = f"log-rank p {test.permutation_p:.3f}, permuted within sites" if np.isfinite(test.chi2) else None
    axes.set_xlabel("Days from prediction", color=INK)
    axes.set_ylabel("Survival", color=INK)
    axes.set_ylim(0, 1.02)
    axes.set_xlim(left=0)
    axes.legend(frameon=False, fontsize=8, title=title, title_fontsize=8)
    return figure


def _consensus(evaluation: ProfileEvaluation) -> "Figure":
    """Patients in the order of their groups: sure groups are dark squares on a pale ground."""
    e = evaluation.estimates["stability_ari"]
    figure, [axes] = _panels(f"{evaluation.candidate.name}: together in resamples")
    groups = evaluation.groups
    placed = np.flatnonzero(groups != UNPLACED)
    own = evaluation.consensus[np.ix_(placed, placed)]
    same = groups[placed][:, None] == groups[placed][None, :]
    # Within a group, who belongs to it most surely comes first.
    order = np.lexsort((-(own * same).sum(axis=1) / same.sum(axis=1), groups[placed]))
    image = axes.imshow(own[np.ix_(order, order)], cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="Share of resamples", shrink=0.8)
    said = f"stability {e.value:.2f} ({e.low:.2f} to {e.high:.2f})" if np.isfinite(e.value) else "one group"
    axes.set_xlabel(f"Patients by group; {said}", fontsize=8, color=INK)
    axes.set_xticks([])
    axes.set_yticks([])
    return figure


def _differences(evaluation: ProfileEvaluation) -> "Figure":
    """The features in which each group differs most; full bars were tested, pale ones are of what formed the groups."""
    table = evaluation.differences
    groups = sorted(table["group"].unique())
    figure, panels = _panels(
        f"{evaluation.candidate.name}: what sets each group apart (* q < 0.05; pale: formed the groups)", 1, len(groups)
    )
    for axes, group in zip(panels, groups, strict=True):
        largest = table[table["group"] == group].head(MOST_BARS)[::-1]
        colour, _ = STYLES[int(group) % len(STYLES)]
        names = [f"{f.partition('__')[2]}{'' if not q < 0.05 else ' *'}" for f, q in largest[["feature", "q"]].values]
        alphas = np.where(largest["is_forming"], 0.4, 1.0)
        bars = axes.barh(names, largest["smd"], color=colour)
        for bar, alpha in zip(bars, alphas, strict=True):
            bar.set_alpha(float(alpha))
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.tick_params(axis="y", labelsize=6)
        axes.set_title(f"group {group}", loc="left", fontsize=8, color=INK)
        axes.set_xlabel("Standardised mean difference", fontsize=7)
    return figure


def _panels(title: str, rows: int = 1, columns_of_panels: int = 1) -> "tuple[Figure, list[Axes]]":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = (5.2, 4.2) if rows * columns_of_panels == 1 else (3.2 * columns_of_panels, 2.8 * rows)
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.02, ha="left", fontsize=10, color=INK)
    panels = list(np.ravel(figure.subplots(rows, columns_of_panels)))
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK, labelsize=8)
    return figure, panels
