"""Alarms over many batches: what chance and patients do raises none, what was planted does."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np

from quality import statistics as st
from quality.drift import compare
from quality.profiles import Past
from quality.profiling import Profile
from quality.sketch import Sketch, bucket_keys

AT = datetime(2025, 3, 1, tzinfo=UTC)
Make = Callable[..., Profile]


def sketch(values: np.ndarray, subjects: int) -> Sketch:
    keys, counts = np.unique(bucket_keys(values), return_counts=True)
    return Sketch(keys, counts, subjects)


def plates(seed: int) -> Make:
    """Ninety-two analytes of forty samples, log-normal; shift: of the first, in standard deviations."""
    rng = np.random.default_rng(seed)

    def plate(shift: float = 0.0, failing: float = 0.1) -> Profile:
        n, analytes = 40, 92
        numbers = {
            ("value", f"A{i}", "pg/mL"): sketch(np.exp(rng.normal(2 + (shift if i == 0 else 0), 1, n)), n)
            for i in range(analytes)
        }
        bad = int(rng.binomial(n * analytes, failing))
        return Profile(
            "paris", n * analytes, 1, n, AT, AT, numbers, {"qc_flag": {"pass": n * analytes - bad, "warning": bad}}
        )

    return plate


def monitors(seed: int) -> Make:
    """Four signals of forty operations, two hundred rows each; patients differ as much as one patient varies."""
    rng = np.random.default_rng(seed)

    def batch(shift: float = 0.0, cases: int = 40) -> Profile:
        numbers = {}
        for signal, centre in (("MAP", 80), ("HR", 70), ("SPO2", 97), ("RR", 14)):
            level = rng.normal(centre + (shift if signal == "MAP" else 0), 8, (cases, 1))
            numbers["value", signal, "u"] = sketch(np.round(level + rng.normal(0, 8, (cases, 200))).ravel(), cases)
        return Profile("paris", cases * 800, cases, cases, AT, AT, numbers)

    return batch


def alarms(make: Make, batches: int, **planted: float) -> tuple[int, Counter[tuple[str, str, str]]]:
    """Alarms among so many equal batches, and those of one with what was planted after them."""
    past: list[Past] = []
    false = 0
    for i in range(batches):
        batch = make()
        false += sum(not c.is_passed for c in compare("t", batch, AT, past[: st.RECENT_BATCHES]))
        past.insert(0, Past(str(i), AT, batch))
    found = compare("t", make(**planted), AT, past[: st.RECENT_BATCHES])
    return false, Counter((c.definition, c.what or c.column, c.severity) for c in found if not c.is_passed)


def test_a_shift_of_one_analyte_of_many_is_found_without_false_alarms() -> None:
    false, found = alarms(plates(7), 60, shift=2.0)
    assert false == 0
    assert found == {(st.KS, "A0 [pg/mL]", "warning"): 1, (st.PSI_BINS, "A0 [pg/mL]", "warning"): 1}


def test_monitors_are_not_called_different_because_patients_are() -> None:
    false, found = alarms(monitors(2), 60, shift=15.0)
    assert false == 0
    assert found == {(st.KS, "MAP [u]", "warning"): 1, (st.PSI_BINS, "MAP [u]", "warning"): 1}


def test_were_rows_the_sample_size_they_would_be() -> None:
    """The reason for counting subjects: the same batches, with every row a subject of its own."""
    make = monitors(2)

    def of_rows() -> Profile:
        p = make(cases=15)
        every = {key: Sketch(s.keys, s.counts, s.n) for key, s in p.numbers.items()}
        return Profile(p.site_id, p.rows, p.files, p.rows, AT, AT, every)

    assert alarms(of_rows, 30)[0] > 20
    assert alarms(lambda: make(cases=15), 30)[0] == 0


def test_a_plate_that_fails_more_often_is_found_by_its_codes() -> None:
    false, found = alarms(plates(3), 20, failing=0.9)
    assert false == 0
    assert found == {(st.PSI_CODES, "qc_flag", "warning"): 1}
