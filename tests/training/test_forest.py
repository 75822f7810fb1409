"""Figures over several evaluations show the numbers that they were given."""

from typing import TYPE_CHECKING

import numpy as np

from training.forest import ablation_figure, permutation_figure, site_figure
from training.permutation import PermutationTest

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def points(axes: "Axes", named: "Axes") -> dict[str, tuple[float, float, float]]:
    """Label of each line, as the axes `named` has them -> (value, low, high) drawn there."""
    names = {tick: label.get_text() for tick, label in zip(named.get_yticks(), named.get_yticklabels(), strict=True)}
    drawn: dict[str, list[float]] = {}
    for line in axes.get_lines():
        x, y = list(line.get_xdata()), list(line.get_ydata())
        if y[0] in names and len(set(y)) == 1:
            drawn.setdefault(names[y[0]], []).extend(x)
    return {name: (x[2], x[0], x[1]) for name, x in drawn.items()}


def test_ablation_shows_both_sides_and_the_lines_to_beat() -> None:
    adds = {"clinical": (0.1, 0.05, 0.2), "cytokines": (0.3, 0.2, 0.4)}
    alone = {"cytokines": (0.7, 0.6, 0.8), "clinical": (0.55, 0.5, 0.6)}
    figure = ablation_figure("m", "auroc", adds, alone, 0.75, ("clinical_logistic", 0.6))
    left, right = figure.axes
    assert points(left, left) == adds
    assert points(right, left) == alone
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["chance 0.50", "clinical_logistic 0.60", "all modalities 0.75"]


def test_a_silent_site_has_a_line_but_no_point() -> None:
    figure = site_figure("m", "auroc", {"a": (0.7, 0.6, 0.8)}, (0.65, 0.6, 0.7), ["b"])
    drawn = points(figure.axes[0], figure.axes[0])
    assert list(drawn) == ["a", "b (too few)", "sites mixed"]
    assert drawn["a"] == (0.7, 0.6, 0.8)
    assert np.isnan(drawn["b (too few)"]).all()


def test_the_null_is_drawn_with_what_was_observed() -> None:
    figure = permutation_figure("m", "auroc", PermutationTest(0.7, np.array([0.4, 0.5, np.nan, 0.6])))
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert sorted(labels) == ["observed 0.70, p = 0.250", "permuted (n=3)"]
