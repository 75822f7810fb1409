"""How a feature is distributed, and when a change of it is more than chance."""

import numpy as np
import pandas as pd
import pytest

from features.statistics import BINS, distribution, drifts
from quality import statistics as st

RNG = np.random.default_rng(3)


def one_each(n: int) -> np.ndarray:
    return np.arange(n)


def verdict(training: object, now: object, training_of: object = None, now_of: object = None) -> tuple[str, str]:
    a, b = pd.DataFrame({"v__x": training}), pd.DataFrame({"v__x": now})
    (found,) = drifts(
        a,
        b,
        ["v__x", "v__absent"],
        one_each(len(a)) if training_of is None else training_of,
        one_each(len(b)) if now_of is None else now_of,
    )
    return found.verdict, found.why


def test_a_distribution_in_numbers() -> None:
    values = np.concatenate([np.arange(101.0), [np.nan] * 99])
    shape = distribution(values, one_each(200))
    assert (shape.n, shape.entities, shape.missing, shape.mean) == (200, 101, pytest.approx(0.495), 50)
    assert shape.sd == pytest.approx(np.arange(101).std(ddof=1))
    assert shape.quantiles == (5, 25, 50, 75, 95)
    assert shape.histogram is not None
    assert (len(shape.histogram), sum(shape.histogram)) == (BINS, 101)


@pytest.mark.parametrize("values", [[1.0] * 4, [1.0, 2, 3, 4, np.nan], []])
def test_a_handful_is_not_shown(values: list[float]) -> None:
    """What few patients have would tell whose it is."""
    shape = distribution(np.array(values), one_each(len(values)))
    assert shape.mean is shape.sd is shape.quantiles is shape.histogram is None


def test_many_rows_of_few_entities_are_not_shown() -> None:
    assert distribution(np.arange(100.0), np.arange(100) % 4).quantiles is None


@pytest.mark.parametrize("value", [0.0, 3.5, -2.0])
def test_a_constant_and_a_flag_have_a_distribution(value: float) -> None:
    assert distribution(np.full(10, value), one_each(10)).quantiles == (value,) * 5
    flag = distribution(np.array([0.0] * 97 + [1.0] * 3), one_each(100))
    assert flag.histogram is not None
    assert (flag.histogram[0], flag.histogram[-1]) == (97, 3)


def test_the_same_population_is_steady_and_a_shift_is_not() -> None:
    before = RNG.normal(size=300)
    assert verdict(before, RNG.normal(size=300)) == ("steady", "")
    assert verdict(before, RNG.normal(1.0, size=300)) == ("drifted", "PSI, KS distance")
    gone = np.where(RNG.random(300) < 0.6, np.nan, RNG.normal(size=300))
    assert verdict(before, gone) == ("drifted", "share of missing")


def test_of_a_hundred_features_none_drifts_by_chance() -> None:
    a, b = (pd.DataFrame(RNG.normal(size=(80, 100)), columns=[f"v__{i}" for i in range(100)]) for _ in range(2))
    assert {d.verdict for d in drifts(a, b, list(a), one_each(80), one_each(80))} == {"steady"}


def test_few_rows_and_few_entities_are_not_judged() -> None:
    assert verdict(RNG.normal(size=20), RNG.normal(5, size=300)) == ("too few", "")
    # A thousand minutes of one case are one case: a shift of half a standard deviation is chance there.
    cases = np.arange(1000) % 8
    assert verdict(RNG.normal(size=1000), RNG.normal(0.5, size=1000), cases, cases)[0] == "steady"
    assert verdict(RNG.normal(size=1000), RNG.normal(0.5, size=1000))[0] != "steady"


def test_psi_and_ks_are_those_that_batches_are_held_to() -> None:
    a, b = np.array([0.0] * 60 + [1.0] * 40), np.array([0.0] * 30 + [1.0] * 70)
    (found,) = drifts(pd.DataFrame({"v__x": a}), pd.DataFrame({"v__x": b}), ["v__x"], one_each(100), one_each(100))
    assert found.ks == pytest.approx(0.3)
    assert found.psi == pytest.approx(st.psi(np.array([60, 40]), np.array([30, 70])))
    assert found.missing_psi == 0
