"""The declared effects are really in the simulated patients, and in what is measured of them."""

import math
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pytest

from oncolake.demo import cytokine_files, exosome_files, truth
from oncolake.demo.hospitals import HOSPITALS
from oncolake.demo.monitor import SAMPLE_SECONDS, MonitorCase, simulate_case
from oncolake.demo.study import Patient, rng_of, simulate
from oncolake.demo.truth import Latent

SEED = 20260101
REFERENCE = Latent(
    age_years=57,
    kps=80,
    is_mgmt_methylated=False,
    is_hypermutated=False,
    burden_z=0,
    il6_change_z=0,
    cxcl8_change_z=0,
    ifng_change_z=0,
    exosome_change_z=0,
    trajectory_group="immune_activated",
    rcbv_change_z=0,
    adc_change_z=0,
)


@pytest.fixture(scope="module")
def patients() -> tuple[Patient, ...]:
    return simulate(120, SEED)


@pytest.fixture(scope="module")
def cases() -> list[MonitorCase]:
    return [simulate_case(rng_of(SEED, "vitals", i)) for i in range(120)]


def concordance(risk: list[float], days: list[int], is_event: list[bool]) -> float:
    """Harrell's C by its definition: share of comparable pairs in which who dies first had the higher risk."""
    pairs = [
        (risk[i] > risk[j]) + 0.5 * (risk[i] == risk[j])
        for i in range(len(risk))
        for j in range(len(risk))
        if is_event[i] and days[i] < days[j]
    ]
    return sum(pairs) / len(pairs)


def auroc(score: npt.NDArray[np.float64], is_positive: npt.NDArray[np.bool_]) -> float:
    """Share of pairs in which the positive has the higher score."""
    positive, negative = score[is_positive][:, None], score[~is_positive][None, :]
    return float(((positive > negative) + 0.5 * (positive == negative)).mean())


def correlation(a: list[float], b: list[float]) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def test_reference_patient_has_no_excess_hazard() -> None:
    assert REFERENCE.survival_lp == 0
    assert REFERENCE.progression_lp == 0
    assert REFERENCE.response_probability == pytest.approx(1 / (1 + math.exp(-truth.RESPONSE_INTERCEPT)))


def test_declared_effects_predict_death_far_better_than_age(patients: tuple[Patient, ...]) -> None:
    days, dead = [p.os_days for p in patients], [p.is_dead for p in patients]
    assert concordance([p.latent.survival_lp for p in patients], days, dead) > 0.78
    assert concordance([p.latent.age_years for p in patients], days, dead) < 0.65
    shuffled = rng_of(SEED, "test").permutation([p.latent.survival_lp for p in patients]).tolist()
    assert 0.4 < concordance(shuffled, days, dead) < 0.6


def test_most_die_but_few_before_the_landmark(patients: tuple[Patient, ...]) -> None:
    assert 0.6 < np.mean([p.is_dead for p in patients]) < 0.8
    assert sum(p.is_dead and p.os_days <= truth.LANDMARK_DAYS for p in patients) <= 4
    assert all(p.pfs_days <= p.os_days for p in patients)
    assert all(p.has_pfs_event == (p.is_progressed or p.is_dead) for p in patients)


def test_some_die_without_progression(patients: tuple[Patient, ...]) -> None:
    unprogressed = [p for p in patients if p.is_dead and not p.is_progressed]
    assert 0.10 < len(unprogressed) / len(patients) < 0.25
    assert all(p.pfs_days == p.os_days for p in unprogressed)
    assert all(p.pfs_days < p.os_days for p in patients if p.is_progressed and p.is_dead)


def test_declared_effects_predict_progression(patients: tuple[Patient, ...]) -> None:
    days, progressed = [p.pfs_days for p in patients], [p.is_progressed for p in patients]
    assert concordance([p.latent.progression_lp for p in patients], days, progressed) > 0.65


def test_declared_effects_predict_response(patients: tuple[Patient, ...]) -> None:
    evaluated = [p for p in patients if p.is_responder is not None]
    score = np.array([p.latent.response_probability for p in evaluated])
    responds = np.array([bool(p.is_responder) for p in evaluated])
    assert len(evaluated) > 100
    assert 0.2 < responds.mean() < 0.5
    assert auroc(score, responds) > 0.8
    assert all((p.response in ("CR", "PR")) == p.is_responder for p in evaluated)
    assert all(p.pfs_days > 7 * truth.RESPONSE_WEEK for p in evaluated if p.is_responder)


def test_changes_can_be_measured_before_the_landmark(patients: tuple[Patient, ...]) -> None:
    """Week 4 over baseline, as the plates report it, follows the latent change; censored values and all."""
    known: dict[tuple[str, str], tuple[float, float]] = {}
    for hospital in HOSPITALS:
        for plate in cytokine_files.plates(patients, hospital, SEED):
            for well in plate.wells:
                for analyte, value in zip(cytokine_files.ANALYTES, well.concentrations.tolist(), strict=True):
                    known[well.sample, analyte] = (value, plate.stop.timestamp())
    for analyte, effect in (("IL6", "il6_change_z"), ("IL8", "cxcl8_change_z"), ("IFNg", "ifng_change_z")):
        change, latent = [], []
        for p in patients:
            samples = {v.timepoint: v.sample_id for v in p.visits if v.has_cytokines}
            pair = [known[samples[t], analyte] for t in ("baseline", "week 4") if t in samples]
            if len(pair) == 2 and not any(math.isnan(value) for value, _ in pair):
                assert all(reported < p.landmark.timestamp() for _, reported in pair)
                change.append(math.log2(pair[1][0] / pair[0][0]))
                latent.append(getattr(p.latent, effect))
        assert len(change) > 90
        assert correlation(change, latent) > 0.9


def test_vesicles_follow_the_latent_change_once_the_dilution_is_applied(patients: tuple[Patient, ...]) -> None:
    def per_ml(summary: exosome_files.Summary) -> float:
        valid = [v.concentration_per_ml for v in summary.videos if v.validity == "OK"]
        return float(np.mean(valid)) * (1 if summary.is_dilution_applied else summary.dilution)

    change, latent = [], []
    for p in patients:
        visits = {v.timepoint: v for v in p.visits if v.has_exosomes}
        if "baseline" in visits and "week 4" in visits:
            before, after = (exosome_files.measure(p, visits[t], SEED) for t in ("baseline", "week 4"))
            delay = timedelta(days=p.hospital.reporting_delay_days["exosome"])
            assert after.captured + delay < p.landmark
            change.append(math.log2(per_ml(after) / per_ml(before)))
            latent.append(p.latent.exosome_change_z)
    assert len(change) > 80
    assert correlation(change, latent) > 0.9


def test_later_plates_are_reported_after_the_landmark(patients: tuple[Patient, ...]) -> None:
    for hospital in HOSPITALS:
        plates = cytokine_files.plates(patients, hospital, SEED)
        assert len(plates) <= 20
        at = {well.sample: plate.stop for plate in plates for well in plate.wells}
        for p in patients:
            for v in p.visits:
                if v.sample_id in at:
                    assert v.collected < at[v.sample_id]
                    assert (at[v.sample_id] > p.landmark) == (v.timepoint in ("week 6", "week 8"))


def test_a_tenth_of_the_minutes_is_hypotensive(cases: list[MonitorCase]) -> None:
    below, observed = np.array([case.hypotensive_minutes() for case in cases]).T
    assert 0.08 < below.sum() / observed.sum() < 0.15
    assert 0.2 < (below > 0).mean() < 0.95


def minute_medians(signal: np.ndarray) -> np.ndarray:
    whole = signal.reshape(-1, 60 // SAMPLE_SECONDS)
    return np.array([np.nan if np.isnan(m).all() else np.nanmedian(m) for m in whole])


def test_trend_and_heart_rate_say_more_than_the_last_pressure(cases: list[MonitorCase]) -> None:
    """Five minutes ahead, from minutes that are not hypotensive themselves."""
    last, combined, label = [], [], []
    for case in cases:
        minutes = {s: minute_medians(case.signals[s]) for s in ("MAP", "HR", "SBP", "DBP")}
        pressure, pulse = minutes["MAP"], minutes["SBP"] - minutes["DBP"]
        for t in range(10, len(pressure) - 5):
            now, later = pressure[t], pressure[t + 5]
            if math.isnan(now) or math.isnan(later) or now < truth.MAP_THRESHOLD_MMHG:
                continue
            trends = [series[t] - series[t - 8] for series in (minutes["HR"], pulse)]
            last.append(-now)
            combined.append(-now + sum(x for x in (trends[0], -trends[1]) if not math.isnan(x)))
            label.append(later < truth.MAP_THRESHOLD_MMHG)
    is_low = np.array(label)
    alone, together = auroc(np.array(last), is_low), auroc(np.array(combined), is_low)
    assert alone > 0.6
    assert together > alone + 0.05
