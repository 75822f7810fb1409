"""Figures over several evaluations: what each modality adds, how a model does at each site, what chance gives."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from training.evaluate import Estimate
from training.permutation import PermutationTest
from training.plots import ACCENT, INK, PALE, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Point = tuple[float, float, float]
"""Value and 95 % interval."""
CHANCE = {"auroc": 0.5, "uno_c": 0.5, "harrell_c": 0.5}


def point(estimate: Estimate) -> Point:
    return estimate.value, estimate.low, estimate.high


def ablation_figure(
    model: str,
    metric: str,
    adds: Mapping[str, Point],
    alone: Mapping[str, Point],
    full: float,
    reference: tuple[str, float] | None,
) -> "Figure":
    """By modality: what it adds to all the others, and what it reaches alone, with 95 % intervals.

    adds: metric of the full model less that without the modality. alone: metric of the modality by itself. full: the
    metric of the full model. reference: name and metric of the model that has to be beaten.
    """
    figure, empty = drawing("", "", "")
    figure.set_size_inches(9.2, 1.6 + 0.42 * len(adds))
    empty.remove()
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, title, x in (
        (left, f"{model}: what each modality adds", f"{metric}, full less without it"),
        (right, "what each reaches alone", metric),
    ):
        axes.set_title(title, loc="left", fontsize=10, color=INK)
        axes.set_xlabel(x, color=INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK)
    _forest(left, list(adds), list(adds.values()))
    left.axvline(0, color=INK, linewidth=0.8)
    _forest(right, list(adds), [alone.get(modality, (np.nan,) * 3) for modality in adds])
    if metric in CHANCE:
        right.axvline(CHANCE[metric], color=PALE, linestyle=":", label=f"chance {CHANCE[metric]:.2f}")
    if reference is not None:
        right.axvline(reference[1], color=INK, linestyle="--", linewidth=1, label=f"{reference[0]} {reference[1]:.2f}")
    right.axvline(full, color=ACCENT, linewidth=1, label=f"all modalities {full:.2f}")
    figure.legend(*right.get_legend_handles_labels(), frameon=False, fontsize=8, loc="outside lower right", ncols=3)
    return figure


def site_figure(
    model: str, metric: str, sites: Mapping[str, Point], mixed: Point, silent: Sequence[str] = ()
) -> "Figure":
    """The metric at each site after training at the others, and below them that of folds in which sites are mixed.

    silent: sites too small to say something of, named so.
    """
    figure, axes = drawing(f"{model}: each site left out of training", metric, "")
    names = [*sites, *(f"{site} (too few)" for site in silent), "sites mixed"]
    figure.set_size_inches(5.2, 1.6 + 0.36 * len(names))
    _forest(axes, names, [*sites.values(), *((np.nan,) * 3 for _ in silent), mixed])
    if metric in CHANCE:
        axes.axvline(CHANCE[metric], color=PALE, linestyle=":")
    return figure


def permutation_figure(model: str, metric: str, test: PermutationTest) -> "Figure":
    """The metric with outcomes permuted within sites, and with the true ones."""
    figure, axes = drawing(f"{model}: outcomes permuted within sites", metric, "Permutations")
    known = test.null[np.isfinite(test.null)]
    axes.hist(known, bins=min(30, max(5, len(known) // 4)), color=PALE, label=f"permuted (n={len(known)})")
    axes.axvline(test.observed, color=ACCENT, label=f"observed {test.observed:.2f}, p = {test.p_value:.3f}")
    axes.legend(frameon=False, fontsize=8)
    return figure


def _forest(axes: "Axes", names: Sequence[str], points: Sequence[Point]) -> None:
    """A point and its interval a line, the first on top; NaN leaves a line empty."""
    height = np.arange(len(names))[::-1]
    for y, (value, low, high) in zip(height, points, strict=True):
        axes.plot([low, high], [y, y], color=ACCENT, linewidth=1.6)
        axes.plot(value, y, "o", color=ACCENT, markersize=5)
    axes.set_yticks(height, names, fontsize=8)
    axes.set_ylim(-0.6, len(names) - 0.4)
