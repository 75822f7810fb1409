"""`.vital` files: a real one against a reading by hand, and written ones with gaps, odd tracks and damage."""

import gzip
import struct
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Probe, RawFile, recognise
from ingestion.sources.vitals import SOURCE
from ingestion.sources.vitals.vital_file import SMALL, VITAL_FILE

START = 1_711_620_000.25  # 2024-03-28 10:00:00.25 UTC
FLOAT, SHORT = 1, 5
CODES = {FLOAT: "f", SHORT: "h"}


def text(value: str) -> bytes:
    return struct.pack("<L", len(value.encode())) + value.encode()


def packet(kind: int, content: bytes) -> bytes:
    return struct.pack("<BL", kind, len(content)) + content


def device(number: int, type_: str, name: str) -> bytes:
    return packet(9, struct.pack("<L", number) + text(type_) + text(name) + text("COM3"))


def track(number: int, name: str, unit: str, fmt: int = FLOAT, type_: int = 2, of: int = 1, gain: float = 1.0) -> bytes:
    scale = struct.pack("<ffLfdd", 0, 200, 0, 1, gain, 0)
    return packet(
        0, struct.pack("<HBB", number, type_, fmt) + text(name) + text(unit) + scale + struct.pack("<BL", 0, of)
    )


def value(number: int, seconds: float, what: float, fmt: int = FLOAT) -> bytes:
    what = what if fmt == FLOAT else int(what)
    return packet(1, struct.pack("<HdH", 10, START + seconds, number) + struct.pack("<" + CODES[fmt], what))


def header(bias: int = -120) -> bytes:
    return b"VITA" + struct.pack("<LH", 3, 10) + struct.pack("<hLL", bias, 0, 0)


BODY = (
    device(1, "Solar8000", "Solar8000"),
    track(1, "ART_MBP", "mmHg"),
    track(2, "HR", "/min", SHORT),
    track(3, "PLETH_SPO2", ""),
    value(1, 0, 71.5),
    value(2, 0, 80, SHORT),
    value(2, 2, -32768, SHORT),
    value(3, 2, 0),
    value(1, 2, float("nan")),
)


def vital(*packets: bytes, bias: int = -120) -> bytes:
    return gzip.compress(header(bias) + b"".join(packets))


def read(content: bytes, name: str = "case7.vital") -> list[dict[str, object]]:
    assert recognise(SOURCE.formats, Probe.of(name, content)) is VITAL_FILE
    records = [r for b in VITAL_FILE.read(RawFile(name, content), Site(time_zone="Asia/Seoul")) for r in b.to_pylist()]
    return [{k: v for k, v in r.items() if v is not None} for r in records]


def test_values_are_records_and_codes_for_no_value_are_none() -> None:
    first, third = datetime(2024, 3, 28, 10, 0, 0, 250_000, UTC), datetime(2024, 3, 28, 10, 0, 2, 250_000, UTC)
    assert read(vital(*BODY)) == [
        {"file_row": 0, "case_id": "case7", "event_time": first, "signal": "MAP", "value": 71.5, "unit": "mm[Hg]",
         "device": "Solar8000/ART_MBP"},
        {"file_row": 2, "case_id": "case7", "event_time": first, "signal": "HR", "value": 80.0, "unit": "/min",
         "device": "Solar8000/HR"},
        {"file_row": 4, "case_id": "case7", "event_time": third, "signal": "SPO2", "value": 0.0, "unit": "%",
         "device": "Solar8000/PLETH_SPO2"},
    ]  # fmt: skip


def test_a_bomb_of_empty_packets_is_refused_at_once() -> None:
    with pytest.raises(FileError, match="empty packets"):
        read(vital(*BODY, bytes(20_000_000)))


@pytest.mark.parametrize("bias", [-540, 0, 300])
def test_times_are_utc_whatever_the_bias(bias: int) -> None:
    assert read(vital(*BODY, bias=bias)) == read(vital(*BODY))


def by_hand(path: Path) -> dict[str, list[tuple[float, float]]]:
    """{track: [(seconds, value)]} of the numeric tracks in format float, read with struct alone."""
    data = gzip.decompress(path.read_bytes())
    position = 10 + struct.unpack_from("<H", data, 8)[0]
    names: dict[int, str] = {}
    found = defaultdict(list)
    while position < len(data):
        kind, length = struct.unpack_from("<BL", data, position)
        content = data[position + 5 : position + 5 + length]
        if kind == 0 and content[2:4] == b"\x02\x01":
            names[struct.unpack_from("<H", content)[0]] = content[
                8 : 8 + struct.unpack_from("<L", content, 4)[0]
            ].decode()
        elif kind == 1:
            info, seconds, number = struct.unpack_from("<HdH", content)
            if number in names:
                found[names[number]].append((seconds, struct.unpack_from("<f", content, 2 + info)[0]))
        position += 5 + length
    return found


def test_a_real_file_holds_what_a_reading_by_hand_finds(shared_data: Path) -> None:
    path = shared_data / "vitals/test_data_demo.vital"
    records = read(path.read_bytes(), path.name)
    found = defaultdict(list)
    for r in records:
        assert isinstance(r["event_time"], datetime)
        found[str(r["device"]).removeprefix("Intellivue/")].append((round(r["event_time"].timestamp(), 6), r["value"]))
    expected = by_hand(path)
    assert len(expected) == 13 and expected.pop("PLETH_PERF_REL")  # no vital sign of ours
    assert found == {name: [(round(t, 6), v) for t, v in rows] for name, rows in expected.items()}
    assert len(records) == 12 * 35 and not any("problem" in r for r in records)
    assert {str(r["device"])[11:]: r["signal"] for r in records} == {
        "NIBP_SYS": "NIBP_SBP", "NIBP_DIA": "NIBP_DBP", "NIBP_MEAN": "NIBP_MAP", "NIBP_HR": "PULSE", "ECG_HR": "HR",
        "RR": "RR", "ABP_MEAN": "MAP", "ABP_SYS": "SBP", "ABP_DIA": "DBP", "HR": "HR", "PLETH_SAT_O2": "SPO2",
        "PLETH_HR": "PULSE",
    }  # fmt: skip
    assert {r["value"] for r in records if r["device"] == "Intellivue/ABP_MEAN"} == {91.0}
    from_path = [r for b in VITAL_FILE.read(RawFile.at(path), Site()) for r in b.to_pylist()]
    assert [{k: v for k, v in r.items() if v is not None} for r in from_path] == records


def test_names_that_a_user_gave_to_devices_stay_out() -> None:
    packets = [
        device(1, "Solar8000", "Durand bed 3"),
        device(2, "Solar8000", "Miller"),
        track(1, "HR", ""),
        value(1, 0, 70),
    ]
    packets += [track(2, "HR", "", of=2), value(2, 0, 71), packet(9, b"")]
    records = read(vital(*packets[:-1]))
    assert [(r["device"], r["value"]) for r in records] == [("Solar8000/HR", 70.0), ("Solar8000 2/HR", 71.0)]
    assert "Durand" not in str(records) and "Miller" not in str(records)


def test_waveforms_texts_and_other_tracks_are_not_read() -> None:
    samples = struct.pack("<HdHL", 10, START, 5, 2) + struct.pack("<hh", 7, 8)
    words = struct.pack("<HdHL", 10, START, 6, 0) + text("Mrs Miller woke up")
    odd = (track(5, "RESP", "", SHORT, 1), packet(1, samples), track(6, "EVENT", "", FLOAT, 5), packet(1, words))
    assert read(vital(*BODY, *odd)) == read(vital(*BODY))
    with pytest.raises(FileError, match="No numeric track"):
        read(vital(*odd))


def test_a_track_that_is_declared_again_keeps_its_records() -> None:
    again = read(vital(*BODY, track(1, "ART_MBP", "mmHg"), value(1, 4, 72)))
    assert [r["value"] for r in again if r["signal"] == "MAP"] == [71.5, 72.0]


def test_two_kinds_of_track_under_one_name_are_refused() -> None:
    with pytest.raises(FileError, match="two tracks of one name"):
        read(vital(*BODY, track(9, "HR", "", FLOAT)))


def test_wrong_units_scales_and_times_are_problems() -> None:
    problems = [
        read(vital(*BODY[:1], track(1, "ART_MBP", "kPa"), value(1, 0, 9))),
        read(vital(*BODY[:1], track(1, "HR", "", SHORT, gain=0.1), value(1, 0, 700, SHORT))),
        read(vital(*BODY[:1], track(1, "HR", ""), value(1, -2e9, 70))),
    ]
    assert [[r["problem"] for r in records] for records in problems] == [
        ["the unit is not the one of the signal"],
        ["the numeric track has a gain or an offset"],
        ["the time is not after 1970"],
    ]


def test_what_a_file_inflates_to_is_bounded() -> None:
    bomb = gzip.compress(header() + packet(77, bytes(1_000_000)) * (SMALL // 1_000_000 + 2))
    assert len(bomb) < 200_000
    with pytest.raises(FileError, match="inflates beyond 64 MiB"):
        read(bomb)


@pytest.mark.parametrize("cut", [12, 30, -9, -1])
def test_a_cut_file_is_refused(cut: int) -> None:
    with pytest.raises(FileError, match="cut or damaged"):
        list(VITAL_FILE.read(RawFile("a.vital", vital(*BODY)[:cut]), Site()))


@pytest.mark.parametrize("body", [b"\x01", value(1, 0, 70)[:-1], struct.pack("<BL", 1, 2_000_000) + bytes(2_000_000)])
def test_a_packet_that_does_not_fit_is_refused(body: bytes) -> None:
    with pytest.raises(FileError, match="cut or damaged"):
        read(vital(*BODY, body))


@settings(max_examples=200)
@given(data=st.data())
def test_damaged_bytes_give_records_or_a_file_error(data: st.DataObject) -> None:
    is_inside = data.draw(st.booleans())
    content = bytearray(header() + b"".join(BODY) if is_inside else vital(*BODY))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.integers(0, len(content)))])
    raw = RawFile("x.vital", gzip.compress(damaged) if is_inside else damaged)
    try:
        records = [r for b in VITAL_FILE.read(raw, Site()) for r in b.to_pylist()]
    except FileError:
        return
    assert len({r["file_row"] for r in records}) == len(records)
