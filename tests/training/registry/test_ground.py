"""Predictions of two models held against each other: on the same ground only, and in pairs."""

import numpy as np
import pandas as pd
import pytest

from training.registry.ground import Standing, compared, not_the_same_ground
from training.tasks import TASKS

RESPONSE, SURVIVAL = TASKS["treatment_response"], TASKS["overall_survival"]
RNG = np.random.default_rng(3)
N = 80
TRUTH = RNG.random(N) < 0.5


def standing(score: np.ndarray, model: str = "a", digest: str = "x") -> Standing:
    rows = pd.DataFrame(
        {
            "patient_id": [f"p{i:02d}" for i in range(N)],
            "event_timestamp": pd.Timestamp("2025-01-01", tz="UTC"),
            "site_id": "north",
            "label": TRUTH,
            "fold": np.arange(N) % 4,
            "score": score,
        }
    )
    return Standing(model, digest, rows)


GOOD = standing(np.clip(TRUTH * 0.4 + 0.3 + RNG.normal(0, 0.15, N), 0.01, 0.99), "good")
POOR = standing(np.clip(TRUTH * 0.1 + 0.45 + RNG.normal(0, 0.15, N), 0.01, 0.99), "poor")


def changed(column: str, value: object) -> Standing:
    rows = GOOD.rows.copy()
    rows.loc[0, column] = value
    return Standing("other", "x", rows)


def test_a_better_model_differs_by_its_own_less_the_others() -> None:
    found = compared(RESPONSE, GOOD, POOR)
    there, back = found.primary, compared(RESPONSE, POOR, GOOD).primary
    assert there.value == pytest.approx(there.own - there.other) and there.low > 0
    assert (back.value, back.low, back.high) == pytest.approx((-there.value, -there.high, -there.low))
    assert found.other == "poor"


def test_a_model_does_not_differ_from_itself_in_any_sample() -> None:
    found = compared(RESPONSE, GOOD, GOOD)
    assert found.calibration is not None
    for difference in (found.primary, found.calibration):
        assert (difference.value, difference.low, difference.high) == (0, 0, 0)


def test_the_order_of_rows_does_not_matter() -> None:
    shuffled = Standing("poor", "x", POOR.rows.sample(frac=1, random_state=1))
    assert compared(RESPONSE, GOOD, shuffled) == compared(RESPONSE, GOOD, POOR)


def test_patients_are_resampled_and_not_their_rows() -> None:
    twice = [
        Standing(s.model, "x", pd.concat([s.rows, s.rows.assign(event_timestamp=pd.Timestamp("2025-02-01", tz="UTC"))]))
        for s in (GOOD, POOR)
    ]
    once, both = compared(RESPONSE, GOOD, POOR).primary, compared(RESPONSE, *twice).primary
    assert both.high - both.low == pytest.approx(once.high - once.low, rel=0.05)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (standing(np.full(N, 0.5), digest="y"), "trained on different training sets"),
        (changed("fold", 3), "1 of 80 rows of treatment_response are in another fold for good than for other"),
        (changed("patient_id", "stranger"), "did not predict the same 80 rows"),
        (changed("label", not TRUTH[0]), "held against different outcomes"),
    ],
)
def test_other_ground_is_refused_in_one_sentence(other: Standing, said: str) -> None:
    assert said in not_the_same_ground(RESPONSE, GOOD, other)
    with pytest.raises(ValueError, match="of treatment_response"):
        compared(RESPONSE, GOOD, other)


def survival(score: np.ndarray, at_horizon: np.ndarray | None) -> Standing:
    time = np.where(TRUTH, 100.0, 600.0) + np.arange(N)
    rows = GOOD.rows.drop(columns="label").assign(time_days=time, is_event=np.arange(N) % 3 > 0, score=score)
    return Standing("s", "x", rows if at_horizon is None else rows.assign(survival_at_horizon=at_horizon))


def test_survival_is_compared_by_concordance_and_by_calibration_at_the_horizon() -> None:
    right = survival(TRUTH.astype(float), np.where(TRUTH, 0.1, 0.9))
    blind = survival(np.zeros(N), np.full(N, 0.95))
    found = compared(SURVIVAL, right, blind)
    assert found.primary.other == 0.5 and found.primary.low > 0
    assert found.calibration is not None and found.calibration.high < 0


def test_without_probabilities_calibration_is_not_compared() -> None:
    assert compared(SURVIVAL, survival(TRUTH.astype(float), None), survival(np.zeros(N), None)).calibration is None
