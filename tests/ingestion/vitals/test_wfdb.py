"""WFDB numerics: real records, and generated ones with gaps, segments and damage."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Probe, RawFile, recognise
from ingestion.sources.vitals import SOURCE
from ingestion.sources.vitals.wfdb_numerics import WFDB_NUMERICS, companions


def read(header: Path) -> list[dict[str, object]]:
    assert recognise(SOURCE.formats, Probe.at(header)) is WFDB_NUMERICS
    raw = RawFile.at(header, {c.name: c for c in companions(header)})
    return [r for batch in WFDB_NUMERICS.read(raw, Site()) for r in batch.to_pylist()]


def write(folder: Path, name: str, samples: list[list[int]], record: str, signals: list[str]) -> Path:
    """A record in format 16: one row a sample. signals: 'gain/unit name'."""
    (folder / f"{name}.dat").write_bytes(np.array(samples, "<i2").tobytes())
    lines = [f"{name}.dat 16 {s.split()[0]} 16 0 0 0 0 {s.split()[1]}" for s in signals]
    header = folder / f"{name}.hea"
    header.write_text("\n".join([record, *lines]) + "\n")
    return header


def test_zeros_of_a_real_record_are_missing_and_its_year_survives(shared_data: Path) -> None:
    records = read(shared_data / "vitals/wfdb_s00001/s00001-2896-10-10-00-31n.hea")
    by_signal = {s: [r for r in records if r["signal"] == s] for s in ("HR", "MAP", "NIBP_MAP")}
    # 1,936 samples: 1,928 zeros in ABPMean, 46 in HR; -32768 in all but 152 samples of the cuff.
    assert {s: len(found) for s, found in by_signal.items()} == {"HR": 1890, "MAP": 8, "NIBP_MAP": 152}
    assert all(r["value"] != 0 for r in records)
    assert by_signal["HR"][0] == {
        "file_row": 10,
        "problem": None,
        "case_id": "s00001-2896-10-10-00-31n",
        "patient_id": "s00001",
        "event_time": datetime(2896, 10, 10, 0, 32, 25, 894_000, tzinfo=UTC),
        "signal": "HR",
        "value": 62.8,
        "unit": "/min",
        "device": None,
        "device_id": None,
        "known_time": None,
        "reported": None,
    }
    assert by_signal["HR"][-1]["event_time"] == datetime(2896, 10, 11, 8, 42, 25, 894_000, tzinfo=UTC)


def test_a_real_record_with_one_sample_holds_one_value(shared_data: Path) -> None:
    records = read(shared_data / "vitals/wfdb_s00001/s00001-2896-10-09-01-56n.hea")
    assert [(r["signal"], r["value"]) for r in records] == [("RR", 110.9)]


def test_content_without_a_path_is_read_alike(shared_data: Path) -> None:
    header = shared_data / "vitals/wfdb_s00001/s00001-2896-10-10-00-31n.hea"
    raw = RawFile(header.name, header.read_bytes(), companions={c.name: c for c in companions(header)})
    assert [r for b in WFDB_NUMERICS.read(raw, Site()) for r in b.to_pylist()] == read(header)


def test_a_record_without_a_date_counts_from_day_zero(tmp_path: Path) -> None:
    header = write(tmp_path, "r1", [[700, 40], [0, 0], [-32768, 41]], "r1 2 0.5 3", ["10/bpm HR", "1/mmHg EtCO2"])
    assert [(r["file_row"], r["signal"], r["value"], r["event_time"]) for r in read(header)] == [
        (0, "HR", 70.0, datetime(2000, 1, 1, tzinfo=UTC)),
        (1, "ETCO2", 40.0, datetime(2000, 1, 1, tzinfo=UTC)),
        (3, "ETCO2", 0.0, datetime(2000, 1, 1, 0, 0, 2, tzinfo=UTC)),  # 0 is a value of ETCO2
        (5, "ETCO2", 41.0, datetime(2000, 1, 1, 0, 0, 4, tzinfo=UTC)),
    ]


def test_layout_segments_and_the_gap_between_them(tmp_path: Path) -> None:
    layout = ["~ 0 1/bpm 16 0 0 0 0 HR", "~ 0 1/mmHg 16 0 0 0 0 ABPMean"]
    (tmp_path / "m_layout.hea").write_text("\n".join(["m_layout 2 1 0", *layout]) + "\n")
    write(tmp_path, "m_1", [[60], [61]], "m_1 1 1 2", ["1/bpm HR"])
    write(tmp_path, "m_2", [[70]], "m_2 1 1 1", ["1/bpm HR"])
    header = tmp_path / "m.hea"
    header.write_text("m/4 2 1 6 10:00:00 28/03/2024\nm_layout 0\nm_1 2\n~ 3\nm_2 1\n")
    assert {c.name for c in companions(header)} == {"m_layout.hea", "m_1.hea", "m_1.dat", "m_2.hea", "m_2.dat"}
    assert [(r["value"], r["event_time"].second) for r in read(header)] == [(60, 0), (61, 1), (70, 5)]  # type: ignore[attr-defined]


def test_a_wrong_unit_is_a_problem(tmp_path: Path) -> None:
    header = write(tmp_path, "r1", [[90]], "r1 1 1 1", ["10/kPa ABPMean"])
    assert [(r["value"], r["problem"]) for r in read(header)] == [(9.0, "the unit is not the one of the signal")]


def test_waveforms_are_refused(tmp_path: Path) -> None:
    header = write(tmp_path, "w1", [[90], [91]], "w1 1 125 2", ["1/mmHg ABPMean"])
    with pytest.raises(FileError, match="waveforms"):
        read(header)


def test_a_signal_file_elsewhere_or_absent_is_refused(tmp_path: Path) -> None:
    header = tmp_path / "r1.hea"
    for name in ("absent.dat", "../r1.hea"):
        header.write_text(f"r1 1 1 1\n{name} 16 1/bpm 16 0 0 0 0 HR\n")
        with pytest.raises(FileError, match="not in its folder"):
            companions(header)


def test_a_signal_without_a_name_is_none_of_ours(tmp_path: Path) -> None:
    header = write(tmp_path, "r1", [[70, 71], [72, 73]], "r1 2 1 2", ["1/bpm HR", "1/bpm HR"])
    header.write_text("r1 2 1 2\nr1.dat 16\nr1.dat 16 1/bpm 16 0 0 0 0 HR\n")
    assert [(r["signal"], r["value"]) for r in read(header)] == [("HR", 71.0), ("HR", 73.0)]


def test_samples_beyond_all_time_are_refused(tmp_path: Path) -> None:
    header = write(tmp_path, "r1", [[70]] * 30_000, "r1 1 0.0000001 30000", ["1/bpm HR"])
    with pytest.raises(FileError, match="beyond the year 9999"):
        read(header)


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    header = tmp_path / "r1.hea"
    header.write_text(f"r1 1 1 1\n{'x' * 5_000} 16 1/bpm 16 0 0 0 0 HR\n")
    with pytest.raises(FileError, match="not in its folder"):
        companions(header)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_headers_and_cut_signals_give_records_or_a_file_error(tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / "damaged"
    folder.mkdir(exist_ok=True)
    header = write(
        folder,
        "r1",
        [[700 + i, 900] for i in range(8)],
        "r1 2 1 8 10:00:00 28/03/2024",
        ["10/bpm HR", "10/mmHg ABPMean"],
    )
    content = bytearray(header.read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(32, 126))
    header.write_bytes(content)
    signal = folder / "r1.dat"
    signal.write_bytes(signal.read_bytes()[: data.draw(st.integers(0, 32))])
    try:
        raw = RawFile.at(header, {c.name: c for c in companions(header)})
        records = [r for b in WFDB_NUMERICS.read(raw, Site()) for r in b.to_pylist()]
    except FileError:
        return
    assert len({r["file_row"] for r in records}) == len(records)
