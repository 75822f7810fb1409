"""A model for each cause against Aalen-Johansen, and against incidences that are known."""

import numpy as np
import pandas as pd
from sksurv.nonparametric import cumulative_incidence_competing_risks

from training.models.survival import aalen_johansen, cause_specific, outcome, survival_at
from training.task import COMPETING

RNG = np.random.default_rng(3)
N = 400


def simulated(effect: float) -> tuple[pd.DataFrame, np.ndarray]:
    """Hazards 1/300 * exp(effect * x) of the event and 1/500 of the competing one, censored up to day 600."""
    x = RNG.standard_normal(N)
    event, other = RNG.exponential(300 / np.exp(effect * x)), RNG.exponential(500, N)
    censored = RNG.uniform(100, 600, N)
    time = np.minimum.reduce([event, other, censored])
    frame = pd.DataFrame({"clinical_profile__x": x, "clinical_profile__noise": RNG.standard_normal(N)})
    return frame, outcome(time, event == time, other == time)


def test_one_incidence_for_everyone_is_aalen_johansen() -> None:
    frame, target = simulated(0.0)
    causes = np.where(target["event"], 1, np.where(target["competing"], 2, 0))
    times, incidence = cumulative_incidence_competing_risks(causes, target["time"])
    at = times[::20]
    curve = survival_at(aalen_johansen(frame, 0).fit(frame, target), frame.iloc[:1], at)[0]
    np.testing.assert_allclose(curve, 1 - incidence[1][::20])


def test_without_effects_each_cause_has_the_incidence_that_was_seen() -> None:
    frame, target = simulated(0.0)
    at = np.array([50.0, 150.0, 300.0])
    model = cause_specific(frame, 0, inner="ridge_cox").fit(frame, target)
    of_all = survival_at(aalen_johansen(frame, 0).fit(frame, target), frame.iloc[:1], at)[0]
    np.testing.assert_allclose(survival_at(model, frame, at).mean(axis=0), of_all, atol=0.03)


def test_incidence_follows_the_event_and_leaves_room_for_the_other() -> None:
    frame, target = simulated(1.0)
    model = cause_specific(frame, 0, inner="ridge_cox").fit(frame, target)
    extremes = pd.DataFrame({"clinical_profile__x": [-1.5, 1.5], "clinical_profile__noise": [0.0, 0.0]})
    at = np.array([300.0])
    found = 1 - survival_at(model, extremes, at)[:, 0]
    hazards = np.exp(np.array([-1.5, 1.5])) / 300
    known = hazards / (hazards + 1 / 500) * (1 - np.exp(-(hazards + 1 / 500) * 300))
    np.testing.assert_allclose(found, known, atol=0.08)
    assert model.score(frame, target) > 0.7


def test_a_target_without_a_competing_event_is_plain_survival() -> None:
    frame, target = simulated(0.5)
    plain = outcome(target["time"], target["event"])
    both = outcome(target["time"], target["event"], np.zeros(N, bool))
    at = np.array([100.0, 200.0])
    curves = [survival_at(aalen_johansen(frame, 0).fit(frame, t), frame.iloc[:1], at) for t in (plain, both)]
    np.testing.assert_allclose(*curves)
    assert COMPETING == "is_competing"
