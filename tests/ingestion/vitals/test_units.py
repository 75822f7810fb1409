"""Units and codes of vital signs: what is converted, what is refused, and what a code does not say."""

from datetime import UTC, datetime

import pytest

from infra.tables.vitals import SIGNALS
from ingestion.sources.vitals.codes import LOINC, MDC, by_method
from ingestion.sources.vitals.collected import BATCH_RECORDS, Record, batches
from ingestion.sources.vitals.signals import signal_of
from ingestion.sources.vitals.units import UNIT_MISSING, UNIT_WRONG, in_unit_of


@pytest.mark.parametrize(
    ("signal", "value", "unit", "is_ucum", "expected"),
    [
        ("MAP", 65.0, "mm[Hg]", True, (65.0, "mm[Hg]", None)),
        ("MAP", 65.0, "mmHg", False, (65.0, "mm[Hg]", None)),
        ("MAP", 13.3322, "kPa", True, (100.0, "mm[Hg]", None)),
        ("HR", 1.5, "Hz", True, (90.0, "/min", None)),
        ("HR", 70.0, "{beats}/min", True, (70.0, "/min", None)),
        ("SPO2", 0.98, "1", True, (98.0, "%", None)),
        ("TEMP", 98.6, "[degF]", True, (37.0, "Cel", None)),
        ("TEMP", 310.15, "K", True, (37.0, "Cel", None)),
        # Text that is no UCUM code may be anything: kept as it stands, and refused.
        ("MAP", 13.3, "kPa", False, (13.3, "kPa", UNIT_WRONG)),
        ("TEMP", 98.6, "F", False, (98.6, "F", UNIT_WRONG)),
        ("HR", 70.0, "mm[Hg]", True, (70.0, "mm[Hg]", UNIT_WRONG)),
        ("HR", 70.0, None, True, (70.0, None, UNIT_MISSING)),
        ("HR", 70.0, " ", False, (70.0, None, UNIT_MISSING)),
    ],
)
def test_units(
    signal: str, value: float, unit: str | None, is_ucum: bool, expected: tuple[float, str | None, str | None]
) -> None:
    found = in_unit_of(signal, value, unit, is_ucum)
    assert found[0] == pytest.approx(expected[0], abs=1e-9)
    assert found[1:] == expected[1:]


def test_every_code_leads_to_a_signal_of_the_lake() -> None:
    assert set(LOINC.values()) | set(MDC.values()) <= set(SIGNALS)


def test_a_pressure_without_a_method_is_neither_invasive_nor_of_the_cuff() -> None:
    assert LOINC["8478-0"] == "BP_MAP"
    assert by_method("BP_MAP", set()) == "BP_MAP"
    assert by_method("BP_MAP", {"77938009"}) == "MAP"
    assert by_method("BP_MAP", {"17146006"}) == "NIBP_MAP"
    assert by_method("BP_MAP", {"77938009", "17146006"}) == "BP_MAP"
    assert by_method("HR", {"77938009"}) == "HR"


@pytest.mark.parametrize(
    ("track", "signal"),
    [
        ("Intellivue/ABP_DIA", "DBP"),
        ("Intellivue/NIBP_SYS", "NIBP_SBP"),
        ("Intellivue/NIBP_MEAN", "NIBP_MAP"),
        ("Intellivue/PLETH_SAT_O2", "SPO2"),
        ("Intellivue/PLETH_PERF_REL", None),
    ],
)
def test_tracks_of_a_recorder(track: str, signal: str | None) -> None:
    assert signal_of(track) == signal


def test_records_come_in_batches_numbered_through() -> None:
    start = datetime(2024, 3, 28, tzinfo=UTC)
    found = list(batches(Record(signal="HR", value=70.0, event_time=start) for _ in range(BATCH_RECORDS + 2)))
    assert [b.num_rows for b in found] == [BATCH_RECORDS, 2]
    assert found[1].column("file_row").to_pylist() == [BATCH_RECORDS, BATCH_RECORDS + 1]
    assert list(batches([])) == []


def test_problems_are_told_once() -> None:
    assert Record(problem="a").refused(None, "b", "a").problem == "a; b"
    assert Record().refused(None).problem is None
