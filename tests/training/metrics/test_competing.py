"""Competing events: against scikit-survival where nothing is censored, and against the truth where something is."""

import numpy as np
import pytest
from sksurv.metrics import brier_score, concordance_index_censored
from sksurv.nonparametric import cumulative_incidence_competing_risks
from sksurv.util import Surv

from training.metrics.survival import (
    FollowUp,
    brier_contributions,
    concordance_pairs,
    dynamic_auc_pairs,
    observed_incidence,
)

NEVER = 1e6


def course(n: int, seed: int) -> tuple[FollowUp, np.ndarray, np.ndarray]:
    """(what happened to everyone with nobody censored, a driver of the event, when they would be censored)."""
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=n), 2)
    event = np.ceil(rng.exponential(300 * np.exp(-x)))
    other = np.ceil(rng.exponential(500 * np.exp(0.5 * x)))
    seen = FollowUp.of(np.minimum(event, other), event <= other, event > other)
    return seen, x, np.ceil(rng.uniform(30, 1500, n))


def censored(seen: FollowUp, at: np.ndarray) -> FollowUp:
    out = at < seen.time
    return FollowUp(np.minimum(seen.time, at), seen.event & ~out, seen.competing & ~out)


@pytest.mark.parametrize("seed", range(3))
def test_without_censoring_who_had_the_other_event_never_has_this_one(seed: int) -> None:
    seen, risk, _ = course(120, seed)
    never = np.where(seen.competing, NEVER, seen.time)
    fold, ones = np.zeros(120, np.intp), np.ones(120)
    expected = concordance_index_censored(seen.event, never, risk)[0]
    assert concordance_pairs(seen, risk, fold).share(ones) == pytest.approx(expected, abs=1e-12)
    uno = concordance_pairs(seen, risk, fold, censoring=seen.censoring, tau=NEVER)
    assert uno.share(ones) == pytest.approx(expected, abs=1e-12)
    times = np.quantile(seen.time, [0.2, 0.5, 0.8])
    survival = np.exp(-np.outer(np.exp(risk), [0.1, 0.4, 0.9]))
    y = Surv.from_arrays(np.ones(120, bool), never)
    ours = ones @ brier_contributions(seen, survival, times, seen.censoring) / 120
    np.testing.assert_allclose(ours, brier_score(y, y, survival, times)[1], atol=1e-12)
    auc = dynamic_auc_pairs(seen, risk, fold, censoring=seen.censoring, horizon=200.0).share(ones)
    case = never <= 200
    order = (risk[case][:, None] > risk[~case]) + 0.5 * (risk[case][:, None] == risk[~case])
    assert auc == pytest.approx(order.mean(), abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_incidence_equals_scikit_survival(seed: int) -> None:
    whole, _, ends = course(90, seed)
    seen = censored(whole, ends)
    kind = np.where(seen.event, 1, np.where(seen.competing, 2, 0))
    times, incidence = cumulative_incidence_competing_risks(kind, seen.time)
    ours = [observed_incidence(seen, t) for t in times]
    np.testing.assert_allclose(ours, incidence[1], atol=1e-12)


def test_weights_recover_what_censoring_hid() -> None:
    whole, risk, ends = course(3_000, 1)
    seen = censored(whole, ends)
    fold, ones = np.zeros(3_000, np.intp), np.ones(3_000)
    truth = concordance_pairs(whole, risk, fold, censoring=whole.censoring, tau=900.0).share(ones)
    ours = concordance_pairs(seen, risk, fold, censoring=seen.censoring, tau=900.0).share(ones)
    assert ours == pytest.approx(truth, abs=0.012)
    times = np.array([150.0, 400.0, 800.0])
    survival = np.exp(-np.outer(np.exp(risk), [0.1, 0.4, 0.9]))
    np.testing.assert_allclose(
        brier_contributions(seen, survival, times, seen.censoring).mean(0),
        brier_contributions(whole, survival, times, whole.censoring).mean(0),
        atol=0.012,
    )
    for horizon in times:
        auc, true_auc = (
            dynamic_auc_pairs(s, risk, fold, censoring=s.censoring, horizon=horizon).share(ones) for s in (seen, whole)
        )
        assert auc == pytest.approx(true_auc, abs=0.015)
    # As if the other event were the end of follow-up: another question, and another answer.
    cause = FollowUp.of(seen.time, seen.event)
    naive = brier_contributions(cause, survival, times, cause.censoring).mean(0)
    assert np.abs(naive - brier_contributions(whole, survival, times, whole.censoring).mean(0)).max() > 0.03


def test_pairs_by_hand() -> None:
    # a has the event at 2, b died of something else at 1, c had the event at 3: b is free of it for good.
    seen = FollowUp.of(np.array([2.0, 1.0, 3.0]), np.array([True, False, True]), np.array([False, True, False]))
    fold, ones = np.zeros(3, np.intp), np.ones(3)
    # Pairs: (a, b), (a, c), (c, b).
    assert concordance_pairs(seen, np.array([3.0, 1.0, 2.0]), fold).share(ones) == 1
    assert concordance_pairs(seen, np.array([3.0, 2.5, 2.0]), fold).share(ones) == pytest.approx(2 / 3)
    assert concordance_pairs(FollowUp.of(seen.time, seen.event), np.array([3.0, 9.0, 2.0]), fold).share(ones) == 1
