"""The planted trajectory groups: mixtures with mean 0 and SD 1, found again in the blood, and different in survival."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sksurv.compare import compare_survival
from sksurv.util import Surv

from oncolake.demo import cytokine_files, exosome_files, truth
from oncolake.demo.study import Patient, simulate

SEED = 20260101


@pytest.fixture(scope="module")
def patients() -> tuple[Patient, ...]:
    return simulate(120, SEED)


def test_groups_leave_each_change_standardised() -> None:
    many = pd.DataFrame([vars(p.latent) for p in simulate(1500, 7)])
    for change in next(iter(truth.TRAJECTORY_GROUPS.values())):
        means = [of_group[change] for of_group in truth.TRAJECTORY_GROUPS.values()]
        assert np.mean(means) == pytest.approx(0)
        assert np.var(means) < 0.8
        assert many[change].mean() == pytest.approx(0, abs=0.08)
        assert many[change].std() == pytest.approx(1, abs=0.06)
        found = many.groupby("trajectory_group")[change].mean()
        for group, of_group in truth.TRAJECTORY_GROUPS.items():
            assert found[group] == pytest.approx(of_group[change], abs=0.12)


def test_groups_are_of_like_size(patients: tuple[Patient, ...]) -> None:
    shares = pd.Series([p.latent.trajectory_group for p in patients]).value_counts(normalize=True)
    assert set(shares.index) == set(truth.TRAJECTORY_GROUPS)
    assert shares.between(0.23, 0.45).all()


def test_groups_are_found_again_in_measured_changes(patients: tuple[Patient, ...]) -> None:
    """Week 4 over baseline, of every analyte and the vesicles, whether it says anything or not."""
    changes, groups = [], []
    for p in patients:
        blood = {v.timepoint: v for v in p.visits if v.has_cytokines and v.has_exosomes}
        if "baseline" not in blood or "week 4" not in blood:
            continue
        wells, vesicles = [], []
        for timepoint in ("baseline", "week 4"):
            wells.append(np.log2(cytokine_files.sample_well(p, blood[timepoint], SEED).concentrations))
            summary = exosome_files.measure(p, blood[timepoint], SEED)
            per_ml = np.mean([v.concentration_per_ml for v in summary.videos if v.validity == "OK"])
            vesicles.append(np.log2(per_ml * (1 if summary.is_dilution_applied else summary.dilution)))
        row = [*(wells[1] - wells[0]), vesicles[1] - vesicles[0]]
        if not np.isnan(row).any():
            changes.append(row)
            groups.append(p.latent.trajectory_group)
    scaled = np.array(changes)
    scaled = (scaled - scaled.mean(axis=0)) / scaled.std(axis=0)
    found = KMeans(3, n_init=20, random_state=0).fit_predict(scaled)
    assert len(groups) > 75
    assert adjusted_rand_score(groups, found) > 0.6


def test_groups_differ_in_survival(patients: tuple[Patient, ...]) -> None:
    fate = Surv.from_arrays([p.is_dead for p in patients], [p.os_days for p in patients])
    _, p_value = compare_survival(fate, np.array([p.latent.trajectory_group for p in patients]))
    assert p_value < 1e-3
