"""HL7 v2 ORU messages: bare, framed, in batches, and damaged."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Probe, RawFile
from ingestion.sources.vitals import SOURCE
from ingestion.sources.vitals import hl7_oru as reader
from ingestion.sources.vitals.hl7_oru import HL7_ORU
from tests.ingestion.vitals import messages
from tests.ingestion.vitals.messages import MSH, OBR, PID, PV1, message, obx

PARIS = Site(site_id="paris", time_zone="Europe/Paris")
NOON = datetime(2024, 7, 1, 10, tzinfo=UTC)  # 12:00 in Paris
CUFF = {
    "case_id": "V1", "patient_id": "P1", "event_time": NOON, "signal": "NIBP_SBP", "value": 118.0, "unit": "mm[Hg]",
}  # fmt: skip
SYSTOLIC = obx("NIBP_SBP^Systolic", "118")


def read(content: str | bytes, site: Site = PARIS) -> list[dict[str, Any]]:
    return messages.read(content, HL7_ORU, site)


def one(*segments: str, **more: Any) -> dict[str, Any]:
    (record,) = read(message(*segments, **more))
    return record


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_a_record_is_a_vital_sign_with_a_value(end: str, encoding: str) -> None:
    text = message(
        SYSTOLIC,
        obx("2345-7^Glucose^LN", "97", "mg/dL"),
        obx("8867-4^Heart rate^LN", "0", "/min^^UCUM"),
        obx("NIBP_DBP^Diastolic", ""),
        obx("NIBP_DBP^Diastolic", '""'),
        "NTE|1||Mrs Miller woke up, M\xe9decin",
        end=end,
    )
    rate = CUFF | {"signal": "HR", "value": 0.0, "unit": "/min", "device": "8867-4"}
    assert read(text.encode(encoding)) == [CUFF, rate]


@pytest.mark.parametrize(
    "text",
    [
        f"\x0b{message(SYSTOLIC)}\x1c\r\x0b{message(SYSTOLIC)}\x1c\r",
        f"\x0b{message(SYSTOLIC)}\x1c\x0b{message(SYSTOLIC)}\x1c",
        f"FHS|^~\\&|A\rBHS|^~\\&|A\r{message(SYSTOLIC)}{message(SYSTOLIC)}BTS|2\rFTS|1\r",
        f"BHS|^~\\&|A\r{message(SYSTOLIC)}BTS|1\rBHS|^~\\&|A\r{message(SYSTOLIC)}",
        message(SYSTOLIC, end="\n") + "\n\n" + message(SYSTOLIC, end="\n"),
        message(SYSTOLIC).replace("^~\\&", "^~\\&#") * 2,  # version 2.7 and later: # marks what was cut off
        message("EVN|A01", lead=(MSH.replace("ORU^R01^ORU_R01", "ADT^A01"), PID)) + message(SYSTOLIC, SYSTOLIC),
    ],
)
def test_many_messages_a_file_in_any_frame(text: str) -> None:
    assert read(text) == [CUFF, CUFF]


def test_other_separators_and_escapes() -> None:
    text = message(
        "PID|1||P\\T\\1\\X2D\\\\X41\\^^^H^MR",
        OBR,
        SYSTOLIC.replace("mmHg", "mm[Hg\\.br9999999999\\]^^UCUM"),
        lead=(MSH,),
    )
    assert read(text) == [CUFF | {"patient_id": "P&1-A", "case_id": "P&1-A"}]
    # Field ! component $ repetition % escape ? sub-component *, which is what T stands for.
    other = text.translate(str.maketrans("|^~\\&", "!$%?*"))
    assert read(other) == [CUFF | {"patient_id": "P*1-A", "case_id": "P*1-A"}]


def test_several_patients_in_a_message() -> None:
    second = (PID.replace("P1", "P2"), OBR, SYSTOLIC)
    assert [(r["patient_id"], r["case_id"]) for r in read(message(SYSTOLIC, *second))] == [("P1", "V1"), ("P2", "P2")]


def test_a_long_message_is_split_in_parts_that_know_whose_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    segments = [SYSTOLIC] * 20 + [PID.replace("P1", "P2"), OBR.replace("120000", "130000")] + [SYSTOLIC] * 20
    whole = read(message(*segments))
    monkeypatch.setattr(reader, "_AT_ONCE", 300)
    assert read(message(*segments)) == whole
    assert [r["case_id"] for r in whole] == ["V1"] * 20 + ["P2"] * 20


@pytest.mark.parametrize(
    ("pid", "patient"),
    [
        ("PID|1||X9^^^OTHER^PI~P1^^^H^MR", "P1"),
        ("PID|1||123-45^^^SSA^SS~X9^^^OTHER^PI", "X9"),
        ("PID|1||X9", "X9"),
        ("PID|1|X9", "X9"),
    ],
)
def test_the_record_number_is_the_patient(pid: str, patient: str) -> None:
    assert one(SYSTOLIC, lead=(MSH, pid, PV1, OBR))["patient_id"] == patient


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        (obx("8480-6^Systolic^LN", "118"), {"signal": "BP_SBP", "device": "8480-6"}),
        (obx("8480-6^Systolic", "118"), {"signal": "BP_SBP", "device": "8480-6"}),
        (obx("8480-6^Systolic^LN^NIBP_SBP^^L", "118"), {"signal": "NIBP_SBP", "device": None}),
        (obx("8480-6^Systolic^LN", "118", method="77938009^Line^SCT"), {"signal": "SBP"}),
        (obx("150456^MDC_PULS_OXIM_SAT_O2^MDC", "97", "262688^MDC_DIM_PERCENT^MDC"),
         {"signal": "SPO2", "value": 97.0, "unit": "%", "device": "MDC_PULS_OXIM_SAT_O2"}),
        (obx("NIBP_SBP", "15.7", "kPa^^UCUM"), {"value": 15.7 / 0.133322, "unit": "mm[Hg]"}),
        (obx("Solar8000/ART_MBP^^99GE", "65", equipment="M77^^00A0^EUI-64"),
         {"signal": "MAP", "device": "Solar8000/ART_MBP", "device_id": "M77"}),
        (obx("NIBP_SBP", "15.7", "kPa"), {"problem": "the unit is not the one of the signal", "unit": "kPa"}),
        (obx("NIBP_SBP", "118", ""), {"problem": "the value has no unit"}),
        (obx("NIBP_SBP", "11B"), {"problem": "the value is not a number", "reported": "11B", "value": None}),
        (obx("NIBP_SBP", "9" * 400), {"problem": "the value is not a number", "value": None}),
        (obx("NIBP_SBP", "118~119"), {"problem": "there is more than one value", "value": None}),
        (obx("NIBP_SBP", "Miller: 118", kind="ST"), {"problem": "the value is of another type than NM"}),
        (obx("NIBP_SBP", "<^60", kind="SN"),
         {"problem": "the value is a limit; expected a measured one", "reported": "<60"}),
        (obx("8867-4^^LN^8889-8^^LN", "70", "/min"), {"problem": "the codes name different vital signs"}),
    ],
)  # fmt: skip
def test_codes_values_and_units(segment: str, expected: dict[str, Any]) -> None:
    record = one(segment)
    assert {k: record.get(k) for k in expected} == pytest.approx(expected)
    assert ("problem" in record) == ("problem" in expected)
    assert "Miller" not in str(record) and "Durand" not in str(record)


@pytest.mark.parametrize(
    ("msh_time", "obr_time", "obx_time", "utc"),
    [
        ("20240701120500", "20240701120000", "", NOON),
        ("20240701120500", "20240701", "20240701120000.25", NOON.replace(microsecond=250_000)),
        ("20240701120500", "20240701", "202407011200", NOON),
        ("20240701120500", "", "20240701110000+0100", NOON),
        ("20240701120500-0400", "20240701060000", "", NOON),  # the message's offset holds for its times
        ("20240701120500-0400", "", "20240701110000+0100", NOON),
        ("", "20241027023000", "", datetime(2024, 10, 27, 0, 30, tzinfo=UTC)),  # twice in Paris: the first
    ],
)
def test_times_are_local_to_the_site_where_they_do_not_say(
    msh_time: str, obr_time: str, obx_time: str, utc: datetime
) -> None:
    lead = (MSH.replace("20240701120500", msh_time), PID, PV1, OBR.replace("20240701120000", obr_time))
    record = one(obx("NIBP_SBP", "118", time=obx_time), lead=lead)
    assert record["event_time"] == utc and "problem" not in record


@pytest.mark.parametrize("time", ["202407", "2024070112", "01/07/2024 12:00", "20240732120000", "2024070112000x"])
def test_times_that_are_none(time: str) -> None:
    record = one(obx("NIBP_SBP", "118", time=time))
    assert record["problem"] == "the time of observation is absent or no HL7 time with its day"
    assert "problem" in one(SYSTOLIC, lead=(MSH, PID, PV1, "OBR|1|||VITALS"))


@pytest.mark.parametrize(
    ("status", "reported", "known_time"),
    [
        ("F", "", None),  # the message may have been written again years later
        ("F", "20240701121000", NOON.replace(minute=10)),
        ("C", "", NOON.replace(minute=5)),  # a correction is known when it was sent
        ("C", "20240701121000", NOON.replace(minute=10)),
        ("F", "20240701", datetime(2024, 7, 1, 22, tzinfo=UTC)),  # a date: at the day's end
    ],
)
def test_when_it_was_known(status: str, reported: str, known_time: datetime | None) -> None:
    order = OBR + "|" * 15 + reported
    record = one(obx("NIBP_SBP", "118", status=status), lead=(MSH, PID, PV1, order))
    assert record.get("known_time") == known_time and "problem" not in record


def test_a_bare_date_is_known_at_the_days_end() -> None:
    record = one(obx("NIBP_SBP", "118", time="20240701"))
    day = datetime(2024, 6, 30, 22, tzinfo=UTC)
    assert (record["event_time"], record["known_time"]) == (day, day.replace(month=7, day=1))


@pytest.mark.parametrize(
    ("status", "problem"),
    [(s, None) for s in ("F", "C", "P", "R", "r", "")]
    + [
        ("D", "the observation was withdrawn (status D: deleted)"),
        ("W", "the observation was withdrawn (status W: sent by mistake)"),
        ("X", "the status (X) says that there is no value"),
        ("Durand", "the status is not one of table 0085"),
    ],
)
def test_status(status: str, problem: str | None) -> None:
    assert one(obx("NIBP_SBP", "118", status=status)).get("problem") == problem


def test_a_withdrawal_without_its_value_is_seen() -> None:
    record = one(obx("NIBP_SBP", "", status="D"), obx("NIBP_DBP", "", status="X"))
    assert (record["signal"], record["problem"]) == ("NIBP_SBP", "the observation was withdrawn (status D: deleted)")


def test_what_cannot_be_placed_is_a_refused_record() -> None:
    text = message(SYSTOLIC) + "BTS|1\r" + SYSTOLIC + "\r" + message(SYSTOLIC, lead=("MSH|^~\\&|x", PID))
    text += message(SYSTOLIC, lead=("MSH|^^^^|a|b|c|d|e||ORU^R01", PID)) + message(SYSTOLIC, lead=(MSH, OBR))
    records = read(text)
    assert [r.get("problem") for r in records] == [
        None,
        "the observation stands outside of a message",
        "the message has no type or no usable separators",
        "the message has no type or no usable separators",
        "the message names no patient",
    ]


def test_text_broken_over_lines_does_not_start_segments() -> None:
    assert read(message(SYSTOLIC, "OBX|2|FT|NOTE||Line one\rOBX was seen\rPID of the monitor")) == [CUFF]


def test_a_file_without_vital_signs_is_refused_and_one_without_values_is_empty() -> None:
    with pytest.raises(FileError, match="No observation of the HL7 file is a vital sign known here"):
        read(message(obx("2345-7^Glucose^LN", "97", "mg/dL")))
    assert read(message(obx("NIBP_SBP", ""))) == []


@pytest.mark.parametrize(
    "text",
    [
        message("EVN|A01", lead=(MSH.replace("ORU^R01^ORU_R01", "ADT^A01"), PID)),
        "MSHORU",
        "MSH|",
        "ORU^R01,case_id",
        "",
    ],
)
def test_other_files_are_not_known(text: str) -> None:
    assert [f.name for f in SOURCE.formats if f.recognise(Probe.of("x", text.encode()))] == []


@settings(max_examples=300)
@given(data=st.data())
def test_damaged_bytes_give_records_or_a_file_error(data: st.DataObject) -> None:
    lines = [*(MSH, PID, PV1, OBR, SYSTOLIC, obx("8867-4^^LN", "70", "/min", time="20240701120001"))] * 2
    if data.draw(st.booleans()):
        lines = data.draw(st.permutations(lines))
    content = bytearray("\r".join(lines).encode())
    marks = st.sampled_from(b"|^~\\&\r\x0b\x1c\x00\xff") | st.integers(0, 255)
    for _ in range(data.draw(st.integers(0, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(marks)
    damaged = bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    try:
        records = [r for b in HL7_ORU.read(RawFile("x", damaged), PARIS) for r in b.to_pylist()]
    except FileError:
        return
    assert [r["file_row"] for r in records] == list(range(len(records)))
