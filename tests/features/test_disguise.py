"""What tells a label is named; what merely goes with it, and what small samples do by chance, is not."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.leakage.disguise import (
    auroc,
    auroc_low,
    disguises,
    rank_correlation_low,
    ranks,
    target_columns,
)

RNG = np.random.default_rng(5)


def classes(n: int, share: float = 0.5) -> Any:
    return np.arange(n) < n * share


def named(target: Any, column: Any, name: str = "label", **others: Any) -> list[str]:
    frame = pd.DataFrame({name: target, "v__x": column, **others})
    return [d.what for d in disguises(frame, ["v__x"], [c for c in frame if "__" not in c])]


@pytest.mark.parametrize("n", [30, 100, 1000])
def test_copies_and_monotone_transforms_of_two_classes(n: int) -> None:
    label = classes(n)
    for column in (label.astype(float), -label.astype(float), label * 3.0 + RNG.random(n), label):
        assert named(label, column) == ["AUROC"]


def test_nearly_the_label_and_whether_it_is_missing() -> None:
    label = classes(200)
    noisy = label.astype(float)
    noisy[:2] = 0
    assert named(label, noisy) == ["AUROC"]
    assert named(label, np.where(label, RNG.normal(size=200), np.nan)) == ["AUROC of its being missing"]


def test_codes_of_classes_in_any_order() -> None:
    texts = np.array(["PD", "SD", "PR"])[np.arange(60) % 3]
    codes = np.array([7.0, 1.0, 3.0])[np.arange(60) % 3]
    assert named(texts, codes) == ["share of rows that it determines"]
    # The middle one of three codes is the event.
    assert named(np.arange(60) % 3 == 0, np.array([2.0, 1.0, 3.0])[np.arange(60) % 3]) == [
        "share of rows that it determines"
    ]


def test_times_and_their_transforms() -> None:
    days = RNG.exponential(300, 80)
    event = RNG.random(80) < 0.6
    for column in (days, np.log(days), -days):
        assert named(days, column, "time_days", is_event=event)[0].startswith("rank correlation")
    death = np.where(event, days, RNG.exponential(300, 80))
    assert named(days, death, "time_days", is_event=event) == ["rank correlation among events"]


def test_honest_features_are_left_alone() -> None:
    """The pressure of now reaches 0.93 against hypotension in five minutes, and is no disguise."""
    label = classes(4000, 0.3)
    strong = label * 2.1 + RNG.normal(size=4000)
    assert 0.92 < auroc(strong, label) < 0.94
    assert named(label, strong) == []
    assert named(RNG.exponential(300, 500), RNG.normal(size=500), "time_days") == []


def test_small_samples_do_not_cry_wolf() -> None:
    """Among noise, complete separation of a handful is a matter of chance and of the number of features."""
    for n in (6, 10, 20):
        label = classes(n)
        columns = {f"v__{i}": RNG.normal(size=n) for i in range(500)} | {"v__leak": label.astype(float)}
        assert disguises(pd.DataFrame({"label": label, **columns}), list(columns), ["label"]) == []
    few = pd.DataFrame({"time_days": RNG.normal(size=7), **{f"v__{i}": RNG.normal(size=7) for i in range(5000)}})
    assert disguises(few, [c for c in few if c != "time_days"], ["time_days"]) == []


def test_noise_is_never_named() -> None:
    for n in (30, 100):
        label = classes(n, 0.4)
        columns = {f"v__{i}": RNG.normal(size=n) for i in range(400)}
        columns |= {f"v__f{i}": (RNG.random(n) < 0.2).astype(float) for i in range(400)}
        frame = pd.DataFrame({"label": label, **columns})
        assert disguises(frame, list(columns), ["label"]) == []


def test_a_thousand_minutes_of_one_case_are_one_case() -> None:
    label = classes(2000)
    frame = pd.DataFrame({"label": label, "v__x": label.astype(float)})
    assert disguises(frame, ["v__x"], ["label"], pd.Series(np.arange(2000) % 4)) == []
    assert disguises(frame, ["v__x"], ["label"], pd.Series(np.arange(2000) % 89))


def test_the_label_columns() -> None:
    frame = pd.DataFrame({"patient_id": ["a", "b"], "site_id": ["n", "s"], "map_now_mmhg": [60.0, 80], "v__x": [1, 2]})
    assert target_columns(frame, ["v__x"]) == ["map_now_mmhg"]
    assert target_columns(frame.assign(label=[True, False], time_days=1.0), ["v__x"]) == ["label", "time_days"]
    assert target_columns(frame.assign(response=["CR", "PD"]), ["v__x"]) == ["map_now_mmhg", "response"]


@pytest.mark.parametrize("n", [5, 40])
def test_areas_and_ranks_against_a_plain_reading(n: int) -> None:
    values = RNG.integers(0, 6, n).astype(float)
    positive = np.arange(n) % 2 == 0
    pairs = [(a > b) + (a == b) / 2 for a in values[positive] for b in values[~positive]]
    assert auroc(values, positive) == pytest.approx(np.mean(pairs))
    assert ranks(values).tolist() == pd.Series(values).rank().tolist()


def test_limits_tighten_with_the_sample_and_hold_what_they_promise() -> None:
    assert auroc_low(1.0, 10, 10) < 0.85 < auroc_low(1.0, 15, 15) < auroc_low(1.0, 80, 80) < 1
    assert rank_correlation_low(1.0, 12) < 0.95 < rank_correlation_low(1.0, 60)
    # Coverage: of samples from an area of 0.9, the lower limit is above it in about 2.5 %.
    shift = 1.8124  # Phi(shift / sqrt(2)) = 0.9
    above = 0
    for _ in range(400):
        values = np.concatenate([RNG.normal(shift, 1, 30), RNG.normal(0, 1, 40)])
        above += auroc_low(auroc(values, np.arange(70) < 30), 30, 40) > 0.9
    assert above <= 400 * 0.06
