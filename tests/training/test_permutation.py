"""Permutations: within sites, patients whole, and a null that covers chance while a planted effect stands out."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.datasets import classes, minutes, planted, survival
from training.dataset import Dataset
from training.evaluate import evaluate, folds_of
from training.permutation import PermutationTest, n_permutations, null_values, permuted
from training.task import Candidate

LOGISTIC = "clinical_logistic"


def test_outcomes_move_within_their_site_only() -> None:
    site = np.repeat(["north", "south"], 30)
    label = np.r_[np.ones(30, bool), np.zeros(15, bool), np.ones(15, bool)]
    data = classes(pd.DataFrame({"x": np.arange(60.0)}), label, site_id=site)
    shuffled = permuted(data, seed=1)
    assert shuffled.labels.groupby("site_id")["label"].sum().to_dict() == {"north": 30, "south": 15}
    assert (shuffled.labels["label"] != label).any()
    assert (shuffled.features == data.features).all(axis=None)
    assert shuffled.labels["label"].dtype == bool
    assert (permuted(data, seed=1).labels["label"] == shuffled.labels["label"]).all()


def test_time_event_and_competing_event_stay_together() -> None:
    time = np.arange(1.0, 41.0)
    data = survival(
        pd.DataFrame({"clinical_profile__age_years": time}), time, time % 3 == 0, is_competing=time % 3 == 1
    )
    labels = permuted(data, seed=3).labels
    assert sorted(labels["time_days"]) == list(time)
    assert list(labels["time_days"]) != list(time)
    assert (labels["is_event"] == (labels["time_days"] % 3 == 0)).all()
    assert (labels["is_competing"] == (labels["time_days"] % 3 == 1)).all()


@given(st.lists(st.integers(2, 9), min_size=2, max_size=5), st.integers(0, 10_000))
def test_a_patient_takes_over_the_course_of_another_in_its_order(lengths: list[int], seed: int) -> None:
    # The outcome of a minute is its own number, so that its source can be read off.
    cases = [f"c{i}" for i, n in enumerate(lengths) for _ in range(n)]
    minute = [m for n in lengths for m in range(n)]
    data = minutes(cases, minute, [80.0] * len(cases), [True] * len(cases))
    data = replace(data, labels=data.labels.assign(label=np.arange(len(cases))))
    moved = permuted(data, seed).labels
    starts = dict(zip(data.labels["case_id"].unique(), np.cumsum([0, *lengths]), strict=False))
    donors = []
    for _, rows in moved.groupby("case_id", sort=False):
        source = rows["label"].to_numpy()
        donor = cases[source[0]]
        length = cases.count(donor)
        donors.append(donor)
        places = source - starts[donor]
        assert all(0 <= p < length for p in places)  # one donor for the whole patient
        assert all((np.diff(places) - 1) % length == 0)  # minute after minute, around its end
    assert sorted(donors) == sorted(set(cases))


def test_the_null_covers_chance_and_a_planted_effect_stands_out() -> None:
    data = planted()
    candidate = replace(data.task.candidate(LOGISTIC), uses=list)
    found = against_chance(data, candidate)
    low, high = found.interval
    assert low < 0.5 < high
    assert found.observed > high
    assert found.p_value == 1 / 40
    assert against_chance(replace(data, labels=permuted(data, 99).labels), candidate).p_value > 0.05


def against_chance(data: Dataset, candidate: Candidate) -> PermutationTest:
    """39 permutations on three folds."""
    observed = evaluate(data, candidate, folds_of(data, 3, 0), 0, n_samples=0)
    value = observed.estimates[data.task.primary_metric].value
    return PermutationTest(value, null_values(data, candidate, 3, 0, range(39)))


def test_a_number_is_the_same_permutation_in_every_batch() -> None:
    data = planted(45)
    candidate = data.task.candidate(LOGISTIC)
    whole = null_values(data, candidate, 3, 7, range(4))
    assert list(null_values(data, candidate, 3, 7, [2, 3])) == list(whole[2:])
    assert len(set(whole)) > 1


def test_p_value_by_hand() -> None:
    assert PermutationTest(0.7, np.array([0.5, 0.7, 0.8, np.nan])).p_value == 3 / 4
    assert np.isnan(PermutationTest(np.nan, np.array([0.5])).p_value)
    assert np.isnan(PermutationTest(0.5, np.array([])).p_value)


def test_thousands_of_rows_are_permuted_a_fifth_as_often() -> None:
    few = minutes(["a", "b"], [0, 0], [80.0, 60.0], [True, False])
    assert n_permutations(few, 100) == 100
    many = replace(few, labels=pd.concat([few.labels] * 1_500))
    assert n_permutations(many, 100) == 20
    assert pytest.approx(1 / (20 + 1), abs=0.003) == 0.05
