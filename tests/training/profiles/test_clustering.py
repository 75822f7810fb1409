"""Groups are found where they are, and said not to be there where they are not."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from infra.errors import UsageError
from training.profiles.clustering import UNPLACED, Method, Profiles
from training.profiles.stability import agreement, bootstrap_rows, consensus

MEANS = 1.6 * np.array([[1, 1, -0.5, -0.5], [-0.5, -0.5, 1, -0.5], [-0.5, -0.5, -0.5, 1]])


def blood(n: int = 90, seed: int = 0, spread: float = 1.0, missing: float = 0.08) -> tuple[np.ndarray, pd.DataFrame]:
    """(true group, ten measures: four follow the group, of unequal sizes, and six say nothing)."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, size=n, p=[0.4, 0.35, 0.25])
    values = np.c_[spread * MEANS[truth] + rng.normal(0, 0.7, (n, 4)), rng.normal(size=(n, 6))]
    values[rng.random(values.shape) < missing] = np.nan
    return truth, pd.DataFrame(values, columns=[f"m{i}" for i in range(10)])


def quick(method: Method = "k_means", **settings: object) -> Profiles:
    return Profiles(method, **({"n_resamples": 6, "n_null": 19} | settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["k_means", "gaussian_mixture", "ward"])
def test_groups_that_are_there_are_found_in_their_number(method: Method) -> None:
    truth, values = blood()
    model = quick(method, n_null=9).fit(values)
    placed = model.labels_ != UNPLACED
    assert model.n_groups_ == 3
    assert adjusted_rand_score(truth[placed], model.labels_[placed]) > 0.75
    assert model.choice_ is not None and model.choice_.p == 0.1  # as small as nine data sets allow


def test_one_cloud_is_not_taken_for_groups() -> None:
    p = [quick(seed=seed, choices=(2, 3), n_null=9).fit(blood(60, seed, spread=0.0)[1]).choice_.p for seed in range(3)]
    assert np.mean(p) > 0.3


def test_groups_are_numbered_by_size_and_do_not_hang_on_the_order_or_scale_of_the_measures() -> None:
    _, values = blood()
    model = quick(choices=(3,), n_null=2).fit(values)
    counts = np.bincount(model.labels_[model.labels_ != UNPLACED])
    assert list(counts) == sorted(counts, reverse=True)
    turned = (values * np.geomspace(1e-3, 1e3, 10) + 5)[values.columns[::-1]]
    again = quick(choices=(3,), n_null=2).fit(turned)
    assert adjusted_rand_score(model.labels_, again.labels_) > 0.9


def test_a_new_patient_gets_the_group_of_their_like_and_none_where_too_little_is_known() -> None:
    _, values = blood(missing=0.0)
    model = quick(choices=(3,), n_null=2).fit(values)
    new_truth, new = blood(60, seed=5, missing=0.0)
    assert adjusted_rand_score(new_truth, model.predict(new)) > 0.75
    assert list(model.predict(values)) == list(model.labels_)
    few = new.iloc[[0, 1]].copy()
    few.iloc[0, :6] = np.nan
    few.iloc[1, :5] = np.nan
    assert [g == UNPLACED for g in model.predict(few)] == [True, False]


def test_a_measure_that_nobody_has_and_an_outlier_change_nothing() -> None:
    truth, values = blood(missing=0.0)
    odd = values.assign(absent=np.nan)
    odd.iloc[0, 7] = 1e6
    model = quick(choices=(2, 3), n_null=5).fit(odd)
    assert adjusted_rand_score(truth, model.labels_) > 0.75


def test_too_few_patients_is_a_sentence() -> None:
    _, values = blood(15)
    with pytest.raises(UsageError, match="15 patients have at least half of the 10 measures; expected 16"):
        quick().fit(values)


def test_resamples_are_of_patients_and_never_hold_one_twice() -> None:
    rows = bootstrap_rows(50, 200, seed=0)
    assert all(len(np.unique(r)) == len(r) for r in rows)
    assert np.mean([len(r) / 50 for r in rows]) == pytest.approx(1 - 1 / np.e, abs=0.01)


def test_agreement_and_consensus_by_hand() -> None:
    groups = np.array([0, 0, 1, 1])
    others = np.array([[1, 1, 0, 0], [0, 1, 0, 1]])
    assert list(agreement(groups, others)) == [1.0, -0.5]
    assert consensus(others).tolist() == [[1, 0.5, 0.5, 0], [0.5, 1, 0, 0.5], [0.5, 0, 1, 0.5], [0, 0.5, 0.5, 1]]
