"""Survival metrics against scikit-survival, on the same inputs, and on a case worked by hand."""

import numpy as np
import pytest

from training.metrics.survival import (
    FollowUp,
    brier_contributions,
    concordance_pairs,
    dynamic_auc_pairs,
    integrated_brier,
    last_supported_time,
    mean_dynamic_auc,
    observed_incidence,
)


@pytest.fixture(params=[0, 1, 2])
def cohort(request: pytest.FixtureRequest) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(request.param)
    n = 90
    x = rng.normal(size=n)
    time = np.ceil(rng.exponential(300 * np.exp(-0.8 * x)))  # whole days, so that ties occur
    censoring = np.ceil(rng.uniform(50, 900, n))
    return {
        "time": np.minimum(time, censoring),
        "event": time <= censoring,
        "risk": np.round(x + rng.normal(size=n) * 0.5, 1),
        "fold": np.zeros(n, np.intp),
        "ones": np.ones(n),
        "survival": np.exp(-np.outer(np.exp(0.5 * x), np.linspace(0.1, 1.5, 12))),
    }


def test_pairs_by_hand() -> None:
    # a dies at 1, b is censored at 2, c dies at 3: comparable are (a, b) and (a, c); b's end says nothing of c.
    time, event = np.array([1.0, 2.0, 3.0]), np.array([True, False, True])
    fold, ones = np.zeros(3, np.intp), np.ones(3)
    assert concordance_pairs(FollowUp.of(time, event), np.array([3.0, 1.0, 2.0]), fold).share(ones) == 1
    assert concordance_pairs(FollowUp.of(time, event), np.array([2.0, 3.0, 1.0]), fold).share(ones) == 0.5
    assert concordance_pairs(FollowUp.of(time, event), np.array([2.0, 2.0, 2.0]), fold).share(ones) == 0.5
    assert np.isnan(concordance_pairs(FollowUp.of(time, np.zeros(3, bool)), time, fold).share(ones))


def test_pairs_across_folds_do_not_count() -> None:
    time, event = np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4, bool)
    fold = np.array([0, 0, 1, 1])
    risk = np.array([2.0, 1.0, 200.0, 100.0])  # another scale in fold 1
    assert concordance_pairs(FollowUp.of(time, event), risk, fold).share(np.ones(4)) == 1


def test_harrell_and_uno_equal_scikit_survival(cohort: dict[str, np.ndarray]) -> None:
    from sksurv.metrics import concordance_index_censored, concordance_index_ipcw
    from sksurv.util import Surv

    time, event, risk, fold, ones = (cohort[k] for k in ("time", "event", "risk", "fold", "ones"))
    y = Surv.from_arrays(event, time)
    assert concordance_pairs(FollowUp.of(time, event), risk, fold).share(ones) == pytest.approx(
        concordance_index_censored(event, time, risk)[0], abs=1e-12
    )
    tau = last_supported_time(FollowUp.of(time, event))
    uno = concordance_pairs(FollowUp.of(time, event), risk, fold, censoring=FollowUp.of(time, event).censoring, tau=tau)
    assert uno.share(ones) == pytest.approx(concordance_index_ipcw(y, y, risk, tau=tau)[0], abs=1e-12)


def test_brier_and_dynamic_auc_equal_scikit_survival(cohort: dict[str, np.ndarray]) -> None:
    from sksurv.metrics import cumulative_dynamic_auc, integrated_brier_score
    from sksurv.util import Surv

    time, event, risk, fold, ones = (cohort[k] for k in ("time", "event", "risk", "fold", "ones"))
    y = Surv.from_arrays(event, time)
    inside = time <= last_supported_time(FollowUp.of(time, event))
    times = np.quantile(time[inside], np.linspace(0.1, 0.8, 12))
    censoring = FollowUp.of(time, event).censoring
    contributions = brier_contributions(FollowUp.of(time, event), cohort["survival"], times, censoring)
    assert integrated_brier(contributions, times, ones) == pytest.approx(
        integrated_brier_score(y, y, cohort["survival"], times), abs=1e-9
    )
    horizon = float(np.median(time))
    ours = dynamic_auc_pairs(FollowUp.of(time, event), risk, fold, censoring=censoring, horizon=horizon).share(ones)
    assert ours == pytest.approx(cumulative_dynamic_auc(y, y, risk, [horizon])[0][0], abs=1e-9)


def test_dynamic_auc_at_several_times_and_its_mean_equal_scikit_survival(cohort: dict[str, np.ndarray]) -> None:
    from sksurv.metrics import cumulative_dynamic_auc
    from sksurv.util import Surv

    time, event, risk, fold, ones = (cohort[k] for k in ("time", "event", "risk", "fold", "ones"))
    seen, y = FollowUp.of(time, event), Surv.from_arrays(event, time)
    horizons = list(np.quantile(time[time <= last_supported_time(seen)], [0.2, 0.5, 0.8]))
    expected, mean = cumulative_dynamic_auc(y, y, risk, horizons)
    ours = [
        dynamic_auc_pairs(seen, risk, fold, censoring=seen.censoring, horizon=float(h)).share(ones) for h in horizons
    ]
    np.testing.assert_allclose(ours, expected, atol=1e-9)
    assert mean_dynamic_auc(seen, horizons, ours) == pytest.approx(mean, abs=1e-9)


def test_censoring_equals_scikit_survival(cohort: dict[str, np.ndarray]) -> None:
    from sksurv.nonparametric import CensoringDistributionEstimator
    from sksurv.util import Surv

    time, event = cohort["time"], cohort["event"]
    theirs = CensoringDistributionEstimator().fit(Surv.from_arrays(event, time))
    np.testing.assert_allclose(FollowUp.of(time, event).censoring.at(time), theirs.predict_proba(time), atol=1e-12)


def test_samples_of_weights_are_scored_one_by_one(cohort: dict[str, np.ndarray]) -> None:
    seen = FollowUp.of(cohort["time"], cohort["event"])
    fold = np.arange(len(seen.time)) % 3
    weights = np.random.default_rng(1).integers(0, 3, size=(4, len(fold))).astype(float)
    pairs = concordance_pairs(seen, cohort["risk"], fold, censoring=seen.censoring, tau=300.0)
    np.testing.assert_allclose(pairs.share(weights), [pairs.share(w) for w in weights])
    assert pairs.share(weights).shape == (4,)


def test_weights_stand_for_repeated_patients(cohort: dict[str, np.ndarray]) -> None:
    time, event, survival = cohort["time"], cohort["event"], cohort["survival"]
    times = np.linspace(20, 200, 12)
    weights = np.random.default_rng(5).integers(0, 3, len(time)).astype(float)
    repeated = np.repeat(np.arange(len(time)), weights.astype(int))
    rows = brier_contributions(FollowUp.of(time, event), survival, times, FollowUp.of(time, event).censoring)
    assert integrated_brier(rows, times, weights) == pytest.approx(
        integrated_brier(rows[repeated], times, np.ones(len(repeated)))
    )


def test_observed_incidence_by_hand() -> None:
    # Deaths at 1 (of 4) and 3 (of 2): 3/4 * 1/2.
    time, event = np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, False, True, False])
    assert observed_incidence(FollowUp.of(time, event), 3.5) == pytest.approx(1 - 0.375)
    assert observed_incidence(FollowUp.of(time, event), 0.5) == 0
