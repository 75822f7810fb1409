"""The log-rank test is the library's, by permutation too; differences say which features could be tested."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from sksurv.compare import compare_survival
from sksurv.util import Surv

from training.profiles.comparing import differences, log_rank


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n_groups=st.integers(2, 4), ties=st.booleans())
def test_log_rank_is_scikit_survivals(seed: int, n_groups: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    n = 40
    groups = np.r_[np.arange(n_groups), rng.integers(n_groups, size=n - n_groups)]
    time = rng.integers(1, 9, n).astype(float) if ties else rng.exponential(10, n)
    event = np.r_[np.ones(n_groups, bool), rng.random(n - n_groups) < 0.6]
    ours = log_rank(time, event, groups, ["x"] * n, n_permutations=1, seed=0)
    chi2, p = compare_survival(Surv.from_arrays(event, time), groups)
    assert (ours.chi2, ours.p) == (pytest.approx(chi2), pytest.approx(p))


def test_permutation_finds_what_is_there_and_no_more() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat([0, 1], 40)
    apart = rng.exponential(np.where(groups == 0, 100, 20.0))
    alike = rng.exponential(50, 80)
    event = np.ones(80, bool)
    found = [
        log_rank(time, event, groups, ["x"] * 80, n_permutations=199, seed=0).permutation_p for time in (apart, alike)
    ]
    assert found[0] == 1 / 200
    assert found[1] > 0.05


def test_a_difference_between_hospitals_is_none_between_groups() -> None:
    # One group stands for one hospital, whose patients die earlier: no permutation within hospitals changes a thing.
    sites = np.repeat(["north", "south"], 30)
    groups = (sites == "south").astype(int)
    time = np.random.default_rng(0).exponential(np.where(sites == "south", 10, 100.0))
    found = log_rank(time, np.ones(60, bool), groups, list(sites), n_permutations=99, seed=0)
    assert found.p < 0.001
    assert found.permutation_p == 1.0


def test_who_is_in_no_group_does_not_enter_and_one_group_has_no_test() -> None:
    time, event = np.arange(1.0, 13), np.ones(12, bool)
    groups = np.array([0, 1] * 4 + [-1] * 4)
    sites = ["x"] * 12
    whole = log_rank(time[:8], event[:8], groups[:8], sites[:8], n_permutations=9, seed=0)
    assert log_rank(time, event, groups, sites, n_permutations=9, seed=0) == whole
    alone = log_rank(time, event, np.zeros(12, np.intp), sites, n_permutations=9, seed=0)
    assert np.isnan([alone.chi2, alone.p, alone.permutation_p]).all()


def test_what_formed_the_groups_is_described_and_what_did_not_is_tested() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1, -1], [20, 20, 5])
    own = np.where(groups == 0, 2.0, 0.0) + rng.normal(size=45)
    features = pd.DataFrame(
        {
            "cytokine_kinetics__il6_log2_change": own,
            "clinical_profile__age_years": own * 10 + rng.normal(size=45),
            "burden__tmb_maftools_per_mb": rng.normal(size=45),
            "clinical_profile__is_female": 1.0,
            "clinical_profile__karnofsky": np.where(np.arange(45) < 4, 1.0, np.nan),
        }
    )
    table = differences(features, groups, {"cytokines"})
    first = table[table["group"] == 0].set_index("feature")
    assert list(first.index[:2]) == ["clinical_profile__age_years", "cytokine_kinetics__il6_log2_change"] or list(
        first.index[:2]
    ) == ["cytokine_kinetics__il6_log2_change", "clinical_profile__age_years"]
    assert set(first.index) == set(features.columns[:3])  # a constant and a feature of four patients say nothing
    forming = first.loc["cytokine_kinetics__il6_log2_change"]
    a, b = own[:20], own[20:40]
    pooled = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
    assert forming["smd"] == pytest.approx((a.mean() - b.mean()) / pooled)
    assert forming["is_forming"] and np.isnan(forming["p"]) and np.isnan(forming["q"])
    age = first.loc["clinical_profile__age_years"]
    other = features["clinical_profile__age_years"].to_numpy()
    assert age["p"] == pytest.approx(mannwhitneyu(other[:20], other[20:40]).pvalue)
    assert age["modality"] == "clinical" and age["n"] == age["n_others"] == 20
    assert age["p"] < age["q"] < 0.001 < first.loc["burden__tmb_maftools_per_mb", "q"]
