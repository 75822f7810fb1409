"""Statistics of drift against what is obviously right, and against scipy's on the raw numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays
from scipy import stats

from quality import statistics as st
from quality.sketch import ACCURACY, Sketch, aligned, bucket_keys, merge

# Of scipy's p-values, which nobody asks for here.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning:scipy")

NUMBERS = some.floats(-1e9, 1e9, allow_nan=False) | some.sampled_from([0.0, -0.0, 1e-13, 36.6, 65.0])
SAMPLES = arrays.arrays(np.float64, some.integers(1, 200), elements=NUMBERS)
COUNTS = arrays.arrays(np.int64, some.just(10), elements=some.integers(0, 10_000))


def sketch(values: np.ndarray, subjects: int = 0) -> Sketch:
    keys, counts = np.unique(bucket_keys(values), return_counts=True)
    return Sketch(keys, counts, subjects or len(values))


def ks_of(a: np.ndarray, b: np.ndarray) -> float:
    return st.ks(*aligned(sketch(a), sketch(b))[1:])


@given(SAMPLES, SAMPLES)
def test_the_distance_of_sketches_is_that_of_the_numbers_rounded_to_their_buckets(a: np.ndarray, b: np.ndarray) -> None:
    exact = stats.ks_2samp(bucket_keys(a), bucket_keys(b), method="asymp").statistic
    assert ks_of(a, b) == pytest.approx(exact, abs=1e-12)


@given(SAMPLES, SAMPLES)
def test_rounding_lowers_the_distance_by_no_more_than_the_fullest_bucket(a: np.ndarray, b: np.ndarray) -> None:
    exact = stats.ks_2samp(a, b, method="asymp").statistic
    fullest = max(s.counts.max() / s.n for s in (sketch(a), sketch(b)))
    assert exact - fullest - 1e-12 <= ks_of(a, b) <= exact + 1e-12


@pytest.mark.parametrize("shift", [0.0, 0.3, 2.0])
def test_the_distance_of_large_samples_is_that_of_scipy(shift: float) -> None:
    rng = np.random.default_rng(11)
    a, b = rng.normal(80, 15, 20_000), rng.normal(80 + 15 * shift, 15, 5_000)
    assert ks_of(a, b) == pytest.approx(stats.ks_2samp(a, b, method="asymp").statistic, abs=0.005)


@given(SAMPLES)
def test_a_bucket_tells_a_number_to_a_quarter_of_a_percent_and_keeps_the_order(values: np.ndarray) -> None:
    ordered = np.sort(values)
    keys = bucket_keys(ordered)
    assert (np.diff(keys) >= 0).all()
    assert keys.dtype == np.int32
    for key in np.unique(keys):
        own = np.abs(ordered[keys == key])
        assert own.max() <= 1e-12 if key == 0 else own.max() <= own.min() * (1 + 2.01 * ACCURACY)


@given(SAMPLES, SAMPLES, SAMPLES)
def test_sketches_add_up(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    merged, whole = merge([merge([sketch(a), sketch(b)]), sketch(c)]), sketch(np.concatenate([a, b, c]))
    assert (merged.keys.tolist(), merged.counts.tolist(), merged.subjects) == (
        whole.keys.tolist(), whole.counts.tolist(), whole.subjects,
    )  # fmt: skip


def test_nothing_merges_to_nothing() -> None:
    assert merge([]).n == 0


@given(COUNTS, COUNTS)
def test_psi_is_the_sum_over_bins(e: np.ndarray, a: np.ndarray) -> None:
    shares = [[(x + 0.5) / sum(y + 0.5 for y in counts) for x in counts] for counts in (e.tolist(), a.tolist())]
    expected = sum((q - p) * math.log(q / p) for p, q in zip(*shares, strict=True))
    assert st.psi(e, a) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert st.psi(e, a) == pytest.approx(st.psi(a, e), rel=1e-9, abs=1e-12)
    assert st.psi(e, a) >= 0 and st.psi(e, e) == 0


@given(SAMPLES)
def test_bins_follow_the_deciles_of_the_reference(values: np.ndarray) -> None:
    found = sketch(values)
    bins = st.decile_bins(found.keys, found.counts)
    assert (np.diff(bins) >= 0).all() and bins.max() <= 9
    share = np.cumsum(found.counts) / found.n
    for i in range(len(bins) - 1):
        # A new bin begins exactly where a decile was passed.
        passed = sum(share[i] >= q / 10 - 1e-9 for q in range(1, 10)) - sum(
            (share[i - 1] if i else 0.0) >= q / 10 - 1e-9 for q in range(1, 10)
        )
        assert (bins[i + 1] > bins[i]) == (passed > 0)


def test_ten_equal_bins_of_a_continuous_reference() -> None:
    reference = sketch(np.random.default_rng(3).normal(80, 15, 50_000))
    size = np.bincount(st.decile_bins(reference.keys, reference.counts), weights=reference.counts)
    assert len(size) == 10
    assert np.allclose(size / reference.n, 0.1, atol=0.02)


@given(some.integers(1, 40), some.sampled_from([0.9, 0.99, 0.999, 0.99999]))
def test_the_quantile_of_chi_squared_is_scipys(df: int, probability: float) -> None:
    exact = stats.chi2.ppf(probability, df)
    assert st.chi_squared(probability, df) == pytest.approx(exact, rel=0.12 if df < 10 else 0.02)


@given(some.integers(5, 400), some.integers(20, 4000))
def test_the_critical_distance_is_that_of_the_asymptotic_distribution(n: int, m: int) -> None:
    alpha = 0.001
    distance = st.ks_chance(n, m, alpha)
    # The first term of Kolmogorov's series: never below it.
    assert stats.kstwobign.sf(distance * math.sqrt(n * m / (n + m))) == pytest.approx(alpha, rel=1e-3)


@pytest.mark.parametrize(("shift", "level"), [(0.0, None), (0.15, None), (0.35, "info"), (0.8, "warning")])
def test_severity_of_a_shift_in_standard_deviations(shift: float, level: str | None) -> None:
    rng = np.random.default_rng(5)
    a, b = rng.normal(0, 1, 20_000), rng.normal(shift, 1, 20_000)
    assert st.severity(st.KS, ks_of(a, b), st.ks_chance(20_000, 20_000, 1e-3))[0] == level


def test_what_chance_does_is_no_drift_however_large_the_index() -> None:
    assert st.severity(st.PSI_BINS, 0.6, chance=0.7) == (None, 0.7)
    assert st.severity(st.PSI_BINS, 0.6, chance=0.3) == ("warning", 0.3)
    assert st.severity(st.PSI_BINS, 0.2, chance=0.05) == ("info", 0.1)
    assert st.severity(st.PSI_BINS, 0.05, chance=0.01) == (None, 0.1)


def test_bounds_are_robust_and_at_least_a_factor_of_two() -> None:
    assert st.robust_bounds([100] * 4) is None
    assert st.robust_bounds([100] * 5) == pytest.approx((50, 200))
    # One batch that went wrong does not widen them.
    assert st.robust_bounds([100] * 9 + [1e9]) == pytest.approx((50, 200))
    wide = st.robust_bounds([1, 10, 100, 1_000, 10_000])
    assert wide is not None
    assert wide[0] < 0.01 and wide[1] > 1e6


@given(some.lists(some.floats(1e-6, 1e12), min_size=5, max_size=30), some.floats(1e-3, 1e3))
def test_bounds_scale_with_the_quantity_and_hold_its_median(history: list[float], factor: float) -> None:
    low, high = st.robust_bounds(history) or (0, 0)
    scaled = st.robust_bounds([h * factor for h in history])
    assert low <= min(max(history), float(np.exp(np.median(np.log(history)))))
    if high < 1e250:
        assert scaled == pytest.approx((low * factor, high * factor), rel=1e-6)
