"""Alarms and episodes, minute by minute: a case worked by hand, and weights that stand for repeated patients."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.datasets import minutes as dataset
from training.metrics.alarms import WINDOW, Alarms, Minutes
from training.scoring import ClassScorer, Predictions

# minute   0  1  2  3  4  5  6  7  8  9 10 11 12 13
LOW_A = [".", ".", ".", ".", ".", "#", "#", ".", ".", "#", ".", ".", ".", "."]
RING_A = [".", ".", "!", ".", "!", "!", "!", ".", ".", ".", ".", "!", "!", "."]
# Episodes of a begin at 5 and 9. The first had alarms at 2 and 4: lead 3. The second had none since the first was over
# (the alarm of minute 6 belongs to the episode before): none. Raised at 2, 4 and 11: the first two are followed by an
# episode, the one of 11 by none in what is left of the case, so it is false.

# minute   0  1  2  4  5  6    (minute 3 was not observed)
LOW_B = ["#", ".", ".", "#", ".", "#"]
RING_B = ["!", ".", "!", "!", ".", "."]
MINUTE_B = [0, 1, 2, 4, 5, 6]
# Minute 0 is low with nothing before it, minute 4 with an unobserved minute before it: no beginning is known of either.
# The episode of 6 had nothing since the low minute 4 but minute 5, which was quiet. Raised at 0 (low already: neither
# early nor false), at 2 (low within two minutes: right), and at 4 (after a gap, low already).


def case() -> tuple[Minutes, np.ndarray]:
    minute = np.array([*range(14), *MINUTE_B])
    code = np.repeat([0, 1], [14, 6])
    low = np.array([mark == "#" for mark in LOW_A + LOW_B])
    return Minutes(code, minute, low), np.array([mark == "!" for mark in RING_A + RING_B])


def test_by_hand() -> None:
    minutes, alarm = case()
    found = Alarms.of(minutes, alarm)
    assert list(np.flatnonzero(found.raised)) == [2, 4, 11, 14 + 0, 14 + 2, 14 + 3]
    assert list(np.flatnonzero(found.false)) == [11]
    assert list(found.first) == [5, 9, 14 + 5]
    assert found.lead[0] == 3
    assert np.isnan(found.lead[1:]).all()
    ones = np.ones(20)
    assert found.episodes(ones) == 3
    assert found.share_alarmed(ones) == pytest.approx(1 / 3)
    assert found.median_lead(ones) == 3


def test_order_of_rows_is_of_no_matter() -> None:
    minutes, alarm = case()
    order = np.random.default_rng(0).permutation(20)
    mixed = Alarms.of(Minutes(minutes.case[order], minutes.minute[order], minutes.is_low[order]), alarm[order])
    assert sorted(order[mixed.first]) == [5, 9, 19]
    assert np.nanmax(mixed.lead) == 3
    assert list(order[mixed.false > 0]) == [11]


def test_an_alarm_that_stands_counts_as_the_window_and_an_old_one_as_none() -> None:
    n = 30
    minutes = Minutes(np.zeros(n, int), np.arange(n), np.arange(n) == n - 1)
    assert list(Alarms.of(minutes, np.ones(n, bool)).lead) == [WINDOW]
    long_ago = Alarms.of(minutes, np.arange(n) == n - 1 - WINDOW - 1)
    assert np.isnan(long_ago.lead).all()
    assert long_ago.false.sum() == 1
    assert Alarms.of(minutes, np.arange(n) == n - 1 - WINDOW).false.sum() == 0


def test_in_a_subgroup_only_its_minutes_alarm() -> None:
    minutes, alarm = case()
    among = np.zeros(20, bool)
    among[[4, 11]] = True
    found = Alarms.of(minutes, alarm, among)
    assert list(np.flatnonzero(found.raised)) == [4, 11]
    assert found.lead[0] == 1  # the alarm of minute 2 was not the subgroup's
    assert found.episodes(np.ones(20)) == 1  # before the others lies no minute of it


def test_metrics_of_a_task_say_the_same() -> None:
    minutes, alarm = case()
    pressure = np.where(minutes.is_low, 60.0, 80.0)
    # Every alarm is a positive minute or not by turns, so that the threshold of 80 % lies at the alarms.
    data = dataset([f"c{c}" for c in minutes.case], list(minutes.minute), list(pressure), list(alarm))
    metrics = ClassScorer(data, Predictions(np.zeros(20, np.intp), alarm.astype(float)))(np.ones(20))
    assert metrics["episodes"] == 3
    assert metrics["episodes_alarmed_at_sens80"] == pytest.approx(1 / 3)
    assert metrics["lead_minutes_at_sens80"] == 3
    assert metrics["alarms_per_hour_at_sens80"] == pytest.approx(6 / (20 / 60))
    assert metrics["false_alarms_per_hour_at_sens80"] == pytest.approx(1 / (20 / 60))
    # Of the minutes not yet low: raised at 2, 4, 11 and at 2 of the other case; 14 minutes observed.
    assert metrics["alarms_per_hour_at_sens80_new_onset"] == pytest.approx(4 / (14 / 60))
    assert metrics["episodes_new_onset"] == 3
    assert metrics["episodes_gray_zone"] == 0
    assert np.isnan(metrics["lead_minutes_at_sens80_gray_zone"])


CASES = st.lists(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=40), min_size=1, max_size=3
)


@given(CASES)
def test_equals_a_loop_over_minutes(cases: list[list[tuple[bool, bool, bool]]]) -> None:
    seen = [[(m, low, ring) for m, (there, low, ring) in enumerate(case) if there] for case in cases]
    code = np.array([c for c, case in enumerate(seen) for _ in case], int)
    if not len(code):
        return
    minute, low, ring = (np.array([row[i] for case in seen for row in case]) for i in range(3))
    found = Alarms.of(Minutes(code, minute.astype(int), low.astype(bool)), ring.astype(bool))
    leads, n_false = [], 0
    for case in seen:
        at = {m: (is_low, rings) for m, is_low, rings in case}
        for m, (is_low, rings) in at.items():
            if is_low and m - 1 in at and not at[m - 1][0]:
                lead = np.nan
                for step in range(1, WINDOW + 1):
                    if at.get(m - step, (False, False))[0]:
                        break
                    if at.get(m - step, (False, False))[1]:
                        lead = step
                leads.append(lead)
            raised = rings and not (m - 1 in at and at[m - 1][1])
            ahead = any(at.get(m + step, (False, False))[0] for step in range(1, WINDOW + 1))
            n_false += raised and not is_low and not ahead
    assert found.false.sum() == n_false
    np.testing.assert_array_equal(found.lead, leads)


def test_the_median_counts_patients_as_often_as_they_were_drawn() -> None:
    minutes, alarm = case()
    early = alarm.copy()
    early[14 + 4] = True  # the episode of the other case is alarmed a minute before
    found = Alarms.of(minutes, early)
    weights = np.array([np.repeat([1.0, 1.0], [14, 6]), np.repeat([1.0, 3.0], [14, 6]), np.repeat([0.0, 0.0], [14, 6])])
    np.testing.assert_array_equal(found.median_lead(weights), [1, 1, np.nan])
    np.testing.assert_array_equal(found.share_alarmed(weights), [2 / 3, 4 / 5, np.nan])
    assert found.median_lead(np.repeat([3.0, 1.0], [14, 6])) == 3
