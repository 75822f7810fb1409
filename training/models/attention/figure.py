"""Where an attention model looked, as a figure."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from training.models.attention.explain import time_bins
from training.plots import ACCENT, INK, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_MEASURES = 12


def attention_figure(model: str, times: pd.DataFrame, measures: pd.DataFrame) -> "Figure":
    """Left: share of the attention by modality and time before the prediction. Right: what moved the prediction.

    times, measures: of `explain.by_modality_and_time` and `by_measure`. Measures that follow each other share what
    they say, so that a driver may stand below what it drives.
    """
    figure, empty = drawing("", "", "")
    figure.set_size_inches(10.4, 4.4)
    empty.remove()
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    weights = times.pivot_table(index="modality", columns="days_before", values="weight", aggfunc="sum", fill_value=0.0)
    weights = weights[[name for name in time_bins() if name in weights]]
    left.imshow(weights.to_numpy(), aspect="auto", cmap="Blues", vmin=0.0)
    left.set_xticks(range(weights.shape[1]), list(weights.columns), fontsize=8, rotation=30, ha="right")
    left.set_yticks(range(len(weights)), list(weights.index), fontsize=8)
    most = float(np.nanmax(weights.to_numpy()))
    for (row, column), weight in np.ndenumerate(weights.to_numpy()):
        left.text(
            column,
            row,
            f"{weight:.2f}",
            ha="center",
            va="center",
            fontsize=8,
            color="white" if weight > most / 2 else INK,
        )
    left.set_title(f"{model}: share of the attention", loc="left", fontsize=10, color=INK)
    left.set_xlabel("time before the prediction", color=INK)
    shown = measures.head(MOST_MEASURES).iloc[::-1]
    names = [f"{measure} ({modality})" for modality, measure in zip(shown["modality"], shown["measure"], strict=True)]
    right.barh(names, shown["contribution"], color=ACCENT)
    right.set_title("what moved predictions", loc="left", fontsize=10, color=INK)
    right.set_xlabel("mean |contribution| a patient", color=INK)
    right.tick_params(axis="y", labelsize=7)
    right.spines[["top", "right"]].set_visible(False)
    return figure
