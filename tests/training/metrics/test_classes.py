"""Metrics of probabilities against scikit-learn, and on cases worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from training.metrics.bootstrap import intervals, patient_weights
from training.metrics.classes import (
    auprc,
    auroc,
    brier,
    calibration_intercept,
    calibration_slope,
    ece,
    ppv,
    rankings,
    threshold_at_sensitivity,
)

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 10), st.integers(0, 3)), min_size=2, max_size=40)


@given(ROWS)
def test_ranking_metrics_equal_scikit_learn_with_weights(rows: list[tuple[bool, int, int]]) -> None:
    truth, score, weight = (np.array(column) for column in zip(*rows, strict=True))
    score, weight = score / 10, weight.astype(float)
    ranked = rankings(score, truth, np.zeros(len(rows), np.intp))
    if not (weight[truth].sum() and weight[~truth].sum()):
        assert np.isnan(auroc(ranked, weight))
        return
    assert auroc(ranked, weight) == pytest.approx(roc_auc_score(truth, score, sample_weight=weight))
    assert auprc(ranked, weight) == pytest.approx(average_precision_score(truth, score, sample_weight=weight))
    assert brier(score, truth, weight) == pytest.approx(brier_score_loss(truth, score, sample_weight=weight))


def test_a_prevalence_model_scores_half_although_its_folds_differ() -> None:
    # Each fold is told the prevalence of the others: pooled over folds that ranks backwards.
    truth = np.array([1, 1, 0, 1, 0, 0], bool)
    fold = np.array([0, 0, 0, 1, 1, 1])
    score = np.where(fold == 0, 1 / 3, 2 / 3)
    assert roc_auc_score(truth, score) < 0.5
    assert auroc(rankings(score, truth, fold), np.ones(6)) == 0.5


def test_calibration_by_hand() -> None:
    probability = np.array([0.05, 0.05, 0.95, 0.95])
    truth = np.array([False, True, True, True])
    # Two bins of two: |0.05 - 0.5| and |0.95 - 1|, each half of the rows.
    assert ece(probability, truth, np.ones(4)) == pytest.approx((0.45 + 0.05) / 2)


def test_calibration_slope_equals_an_unpenalised_logistic_regression() -> None:
    rng = np.random.default_rng(3)
    logit = rng.normal(size=4_000) * 2
    truth = rng.random(4_000) < 1 / (1 + np.exp(-0.5 * logit))
    probability = 1 / (1 + np.exp(-logit))
    reference = LogisticRegression(C=1e9).fit(logit[:, None], truth).coef_[0, 0]
    assert calibration_slope(probability, truth, np.ones(4_000)) == pytest.approx(reference, abs=1e-3)
    assert calibration_slope(probability, truth, np.ones(4_000)) == pytest.approx(0.5, abs=0.06)
    assert np.isnan(calibration_slope(np.full(10, 0.3), np.arange(10) < 3, np.ones(10)))
    assert np.isnan(calibration_slope(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 0, 1, 1], bool), np.ones(4)))


def test_calibration_in_the_large_balances_what_is_predicted_with_what_is_seen() -> None:
    rng = np.random.default_rng(4)
    logit = rng.normal(size=400) - 2
    truth = rng.random(400) < expit(logit + 0.8)
    weights = rng.integers(0, 3, 400).astype(float)
    found = calibration_intercept(expit(logit), truth, weights)
    root = brentq(lambda a: weights @ (truth - expit(a + logit)), -10, 10)
    assert found == pytest.approx(root, abs=1e-6)
    assert found == pytest.approx(0.8, abs=0.4)
    # Everyone predicted alike and far off still has an answer.
    assert calibration_intercept(np.full(10, 1e-4), np.arange(10) < 5, np.ones(10)) == pytest.approx(9.21, abs=0.01)
    assert np.isnan(calibration_intercept(np.full(10, 0.5), np.ones(10, bool), np.ones(10)))


@given(ROWS, st.integers(0, 100))
def test_samples_of_weights_are_scored_one_by_one(rows: list[tuple[bool, int, int]], seed: int) -> None:
    truth, score, fold = (np.array(column) for column in zip(*rows, strict=True))
    score = score / 10
    weights = np.random.default_rng(seed).integers(0, 3, size=(3, len(rows))).astype(float)
    ranked = rankings(score, truth, fold)
    for metric in (
        lambda w: auroc(ranked, w),
        lambda w: auprc(ranked, w),
        lambda w: brier(score, truth, w),
        lambda w: ece(score, truth, w),
        lambda w: calibration_slope(score, truth, w),
        lambda w: calibration_intercept(score, truth, w),
        lambda w: ppv(score > 0.5, truth, w),
    ):
        np.testing.assert_allclose(metric(weights), [metric(w) for w in weights], rtol=1e-9, atol=1e-12)


def test_threshold_reaches_the_sensitivity_and_no_lower() -> None:
    probability = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.75])
    truth = np.array([1, 1, 1, 1, 1, 0], bool)
    threshold = threshold_at_sensitivity(probability, truth, 0.8)
    assert threshold == 0.6
    assert ppv(probability >= threshold, truth, np.ones(6)) == pytest.approx(4 / 5)


def test_bootstrap_draws_patients_whole() -> None:
    groups = np.array([0, 0, 1, 2, 2, 2])
    weights = np.concatenate(list(patient_weights(groups, 50, seed=1)))
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()


def test_interval_of_a_mean_covers_it() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(10, 2, 200)
    weights = np.concatenate(list(patient_weights(np.arange(200), 400, seed=2)))
    samples = {"mean": weights @ values / weights.sum(-1)}
    low, high = intervals(samples)["mean"]
    assert high - low == pytest.approx(2 * 1.96 * 2 / np.sqrt(200), rel=0.2)
    assert low < values.mean() < high
    assert all(np.isnan(intervals({"x": np.array([np.nan, 1.0])})["x"]))
