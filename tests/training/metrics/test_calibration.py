"""Calibration at a horizon: right where predictions are, off by what they are off, whoever is censored or competes."""

import numpy as np
import pytest
from sksurv.nonparametric import kaplan_meier_estimator

from training.metrics.calibration import Calibration, risk_groups
from training.metrics.survival import Floats, FollowUp

HORIZON = 200.0


def cohort(n: int, seed: int, *, compete: bool = False) -> tuple[FollowUp, Floats]:
    """(what was seen, the true incidence of the event at the horizon)."""
    rng = np.random.default_rng(seed)
    rate = np.exp(rng.normal(size=n)) / 300
    other = np.full(n, 1 / 400) if compete else np.zeros(n)
    first = rng.exponential(1 / (rate + other))
    is_event = rng.random(n) < rate / (rate + other)
    end = rng.uniform(50, 900, n)
    seen = FollowUp(np.minimum(first, end), is_event & (first <= end), ~is_event & (first <= end))
    return seen, rate / (rate + other) * (1 - np.exp(-(rate + other) * HORIZON))


@pytest.mark.parametrize("compete", [False, True])
def test_the_truth_is_calibrated_and_an_error_is_measured(compete: bool) -> None:
    seen, truth = cohort(2_000, 0, compete=compete)
    ones = np.ones(2_000)
    right = Calibration.of(seen, truth, HORIZON)
    assert right.index(ones) < 0.035  # the noise of a curve over 2,000
    assert right.observed_to_expected(ones) == pytest.approx(1, abs=0.06)
    shifted = np.clip(truth * 0.5, 0, 1)
    wrong = Calibration.of(seen, shifted, HORIZON)
    assert wrong.index(ones) == pytest.approx(np.mean(truth - shifted), abs=0.03)
    assert wrong.observed_to_expected(ones) == pytest.approx(2, abs=0.12)


def test_one_prediction_for_all_is_judged_by_the_mean() -> None:
    seen, truth = cohort(400, 1)
    found = Calibration.of(seen, np.full(400, 0.9), HORIZON)
    index = found.index(np.ones(400))
    assert index == pytest.approx(0.9 - truth.mean(), abs=0.05)
    assert found.observed_to_expected(np.ones(400)) == pytest.approx((0.9 - index) / 0.9)


def test_weights_stand_for_repeated_patients_and_come_in_samples() -> None:
    seen, truth = cohort(60, 2)
    found = Calibration.of(seen, truth, HORIZON)
    rng = np.random.default_rng(3)
    weights = rng.integers(0, 3, size=(5, 60)).astype(float)
    np.testing.assert_allclose(found.index(weights), [found.index(w) for w in weights])
    np.testing.assert_allclose(found.observed_to_expected(weights), [found.observed_to_expected(w) for w in weights])
    assert np.isnan(found.index(np.zeros(60)))


def test_risk_groups_are_observed_as_scikit_survival_does() -> None:
    seen, truth = cohort(90, 4)
    predicted, observed, groups = risk_groups(seen, truth, HORIZON)
    assert [len(g) for g in groups] == [18] * 5
    assert (np.diff(predicted) > 0).all()
    for rows, found in zip(groups, observed, strict=True):
        times, survival = kaplan_meier_estimator(seen.event[rows], seen.time[rows])
        assert found == pytest.approx(1 - survival[times <= HORIZON][-1])
    assert len(risk_groups(seen[np.arange(20)], truth[:20], HORIZON)[2]) == 1
