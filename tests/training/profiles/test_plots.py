"""Courses of groups by hand, and figures for every candidate, with and without a history."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.training.profiles.test_evaluate_profiles import dataset, planted
from training.dataset import Dataset
from training.profiles.plots import figures, trajectories


def with_history(data: Dataset, values: dict[int, list[tuple[str, str, float, float]]]) -> Dataset:
    """The data set with a history of (measure, modality, value, days before) for some rows, and none for others."""
    features = data.features.copy()
    for position, name in enumerate(("measures", "modalities", "values", "days_before")):
        cells = [np.array([t[position] for t in values[i]]) if i in values else None for i in range(len(features))]
        features[f"measurement_history__{name}"] = pd.Series(cells, index=features.index, dtype=object)
    return replace(data, features=features)


def test_a_course_is_the_median_change_since_the_first_value_by_week() -> None:
    _, data = dataset(40)
    history = {
        i: [("IL6", "cytokines", 5.0 + i, 46.0), ("IL6", "cytokines", 5.0 + i + change, 13.0)]
        for i, change in enumerate((1.0, 2.0, 6.0, 9.0))
    }
    history[4] = [("volume", "imaging", 3.0, 46.0)]
    groups = np.full(40, -1)
    groups[:3], groups[3:5] = 0, 1
    course = trajectories(with_history(data, history), groups)
    # the group of one patient has no quartiles to show, and scans are no course of blood
    assert course.to_dict("records") == [
        {"group": 0, "measure": "IL6", "week": -7.0, "median": 0.0, "low": 0.0, "high": 0.0, "n": 3},
        {"group": 0, "measure": "IL6", "week": -2.0, "median": 2.0, "low": 1.5, "high": 4.0, "n": 3},
    ]


def test_without_a_history_there_are_no_courses() -> None:
    _, data = dataset(40)
    assert trajectories(data, np.zeros(40, np.intp)).empty
    assert trajectories(with_history(data, {}), np.zeros(40, np.intp)).empty


@pytest.mark.parametrize("name", ["one_group", "k_means"])
def test_every_candidate_can_be_drawn(name: str) -> None:
    data, found = planted(name)
    history = {i: [("IL6", "cytokines", 1.0, 46.0), ("IL6", "cytokines", i / 9, 13.0)] for i in range(90)}
    drawn = figures(with_history(data, history), found)
    expected = {"kaplan_meier_by_group.png", "consensus.png", "trajectories.png"}
    assert set(drawn) == expected | ({"differences.png"} if name == "k_means" else set())
    lines = drawn["kaplan_meier_by_group.png"].axes[0].get_lines()
    assert len(lines) == len(set(found.groups) - {-1})
