"""FHIR Observations: a real bulk export, and written ones in ndjson and bundles."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Probe, RawFile, recognise
from ingestion.sources.vitals import SOURCE
from ingestion.sources.vitals import lines as lines_module
from ingestion.sources.vitals.fhir import FHIR
from tests.ingestion.vitals import messages
from tests.ingestion.vitals.messages import bundle, coded, ndjson, observation, pressure, quantity

SEEN, ISSUED = datetime(2024, 3, 28, 10, tzinfo=UTC), datetime(2024, 3, 28, 10, 5, tzinfo=UTC)
SYSTOLIC = {
    "case_id": "E1", "patient_id": "P1", "event_time": SEEN, "known_time": ISSUED, "signal": "BP_SBP", "value": 118.0,
    "unit": "mm[Hg]", "device": "8480-6",
}  # fmt: skip
DIASTOLIC = SYSTOLIC | {"signal": "BP_DBP", "value": 76.0, "device": "8462-4"}
LAB = observation("2345-7", valueQuantity=quantity(97, "mg/dL"))
PATIENT = {"resourceType": "Patient", "id": "7", "name": [{"family": "Durand"}], "birthDate": "1960-01-01"}


def read(content: str | bytes, site: Site | None = None) -> list[dict[str, Any]]:
    return messages.read(content, FHIR, site)


def one(**more: Any) -> dict[str, Any]:
    """The only record of a heart rate of 70 with these elements replaced."""
    (record,) = read(ndjson(observation("8867-4", **({"valueQuantity": quantity(70, "/min")} | more))))
    return record


def test_what_these_tests_write_is_fhir() -> None:
    from fhir.resources.R4B.bundle import Bundle

    heart_rate = observation("8867-4", valueQuantity=quantity(70, "/min"))
    made = Bundle.model_validate_json(json.dumps(bundle(PATIENT, pressure(), heart_rate, LAB)))
    assert [type(e.resource).__name__ for e in made.entry] == ["Patient", "Observation", "Observation", "Observation"]


def test_a_real_export_holds_its_blood_pressures(shared_data: Path) -> None:
    path = shared_data / "vitals/fhir/Observation.ndjson"
    records = read(path.read_bytes())
    expected: Counter[tuple[Any, ...]] = Counter()
    for line in path.read_text().splitlines():
        found = json.loads(line)
        for part in found.get("component", ()):
            signal = {"8480-6": "BP_SBP", "8462-4": "BP_DBP"}[part["code"]["coding"][0]["code"]]
            people = found["subject"]["reference"].split("/")[1], found["encounter"]["reference"].split("/")[1]
            times = [datetime.fromisoformat(found[k]) for k in ("effectiveDateTime", "issued")]
            expected[signal, part["valueQuantity"]["value"], *people, *times] += 1
    names = ("signal", "value", "patient_id", "case_id", "event_time", "known_time")
    assert Counter(tuple(r[n] for n in names) for r in records) == expected
    assert len(records) == 166 and len({r["patient_id"] for r in records}) == 9
    assert {r["unit"] for r in records} == {"mm[Hg]"} and not any("problem" in r for r in records)


def test_real_patients_are_no_vital_signs(shared_data: Path) -> None:
    path = shared_data / "vitals/fhir/Patient.ndjson"
    assert recognise(SOURCE.formats, Probe.at(path)) is None
    with pytest.raises(FileError, match="No Observation of the FHIR file is a vital sign"):
        list(FHIR.read(RawFile.at(path), Site()))


@pytest.mark.parametrize("code", ["85354-9", "55284-4"])
def test_a_blood_pressure_is_a_record_a_component(code: str) -> None:
    assert read(ndjson(pressure(code=coded(code)))) == [SYSTOLIC, DIASTOLIC]


@pytest.mark.parametrize("kind", ["collection", "searchset", "transaction"])
@pytest.mark.parametrize("indent", [None, 2])
def test_bundles_of_any_kind_and_layout(kind: str, indent: int | None) -> None:
    made = bundle(PATIENT, pressure(), LAB, kind=kind)
    made["entry"].append({"request": {"method": "DELETE", "url": "Observation/9"}})
    assert read(json.dumps(made, indent=indent)) == [SYSTOLIC, DIASTOLIC]


def test_a_bundle_a_line_and_mixed_resources() -> None:
    text = ndjson(bundle(pressure()), PATIENT, LAB, pressure(120))
    assert read(text) == [SYSTOLIC, DIASTOLIC, SYSTOLIC | {"value": 120.0}, DIASTOLIC]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_line_ends_and_encodings(end: str, encoding: str) -> None:
    assert read(ndjson(pressure(), pressure(), end=end).encode(encoding)) == [SYSTOLIC, DIASTOLIC] * 2


def test_a_byte_that_is_no_utf_8_keeps_identifiers_apart() -> None:
    made = [pressure(subject={"identifier": {"value": v}}, encounter=None) for v in ("P\xe9", "P\xe8")]
    text = "".join(json.dumps(o, ensure_ascii=False) + "\n" for o in made)
    assert [r["patient_id"] for r in read(text.encode("cp1252"))] == ["P\xe9"] * 2 + ["P\xe8"] * 2


def test_a_lone_surrogate_is_no_end() -> None:
    assert one(subject={"reference": "Patient/\ud800"})["patient_id"] == "?"


def test_a_line_that_is_no_json_is_a_refused_record() -> None:
    text = ndjson(pressure()) + '{"resourceType":"Observation","stat\n[1]\n{"value":NaN}\n' + "[" * 100_000 + "\n"
    problems = [r.get("problem") for r in read(text)]
    assert problems == [None, None, "the line is no JSON", "the line is no FHIR resource", *["the line is no JSON"] * 2]


@pytest.mark.parametrize("content", ['{"resourceType":"Bundle","entry":[', '{"a":\n"resourceType":"Bundle"}'])
def test_a_cut_bundle_is_refused(content: str) -> None:
    with pytest.raises(FileError, match="cut or damaged JSON"):
        read(content)


def test_a_bundle_beyond_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(bundle(*[pressure()] * 3), indent=1)
    monkeypatch.setattr("ingestion.sources.vitals.fhir.MAX_LINE", 1000)
    with pytest.raises(FileError, match="expected ndjson"):
        read(text)
    monkeypatch.setattr(lines_module, "MAX_LINE", 1000)
    with pytest.raises(FileError, match="line is longer"):
        read(ndjson(pressure(note=[{"text": "x" * 1000}])))


def test_a_file_without_vital_signs_is_refused_and_one_without_values_is_empty() -> None:
    with pytest.raises(FileError, match="No Observation of the FHIR file is a vital sign known here"):
        read(ndjson(LAB))
    assert read(ndjson(LAB, observation("8867-4", dataAbsentReason=coded("unknown", system="http://x")))) == []


def test_what_is_absent_is_missing_and_zero_is_a_value() -> None:
    absent = pressure(0)
    del absent["component"][1]["valueQuantity"]
    absent["component"][1]["dataAbsentReason"] = coded("not-performed", system="http://x")
    empty = observation("8867-4", valueQuantity={"unit": "/min"})
    assert read(ndjson(absent, empty)) == [SYSTOLIC | {"value": 0.0}]


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"valueQuantity": quantity(1.5, "Hz")}, {"value": 90.0, "unit": "/min"}),
        ({"valueQuantity": {"value": 70, "unit": "bpm"}}, {"value": 70.0, "unit": "/min"}),
        ({"valueQuantity": quantity(13.3322, "kPa"), "code": coded("8478-0")}, {"value": 100.0, "unit": "mm[Hg]"}),
        ({"valueQuantity": quantity(98.6, "[degF]"), "code": coded("8310-5")}, {"value": 37.0, "unit": "Cel"}),
        ({"valueQuantity": quantity(70, None)}, {"problem": "the value has no unit"}),
        ({"valueQuantity": quantity(70, "mg/dL")},
         {"problem": "the unit is not the one of the signal", "unit": "mg/dL"}),
        ({"valueQuantity": quantity(70, "/min", comparator="<")},
         {"problem": "the value is a limit; expected a measured one", "reported": "<70"}),
        ({"valueQuantity": quantity("7O", "/min")}, {"problem": "the value is not a number", "reported": "7O"}),
        ({"valueQuantity": quantity(True, "/min")}, {"problem": "the value is not a number"}),
        ({"valueQuantity": quantity(10**400, "/min")}, {"problem": "the value is not a number"}),
        ({"valueQuantity": None, "valueString": "Mrs Miller: 70"}, {"problem": "the value is no quantity"}),
        ({"dataAbsentReason": coded("error")},
         {"problem": "there is a value and a reason for its absence", "value": 70.0}),
        ({"code": coded("8867-4", "8889-8")}, {"problem": "the codes name different vital signs"}),
        ({"code": coded("2708-6", "59408-5"), "valueQuantity": quantity(97, "%")},
         {"signal": "SPO2", "device": "2708-6"}),
        ({"method": coded("77938009", system="http://snomed.info/sct"), "code": coded("8478-0"),
          "valueQuantity": quantity(70)}, {"signal": "MAP"}),
        ({"code": {"coding": [{"system": "urn:iso:std:iso:11073:10101", "code": "150037",
                               "display": "MDC_PRESS_BLD_ART_ABP_SYS"}]},
          "valueQuantity": {"value": 120, "system": "urn:iso:std:iso:11073:10101", "code": "266016",
                            "unit": "MDC_DIM_MMHG"}},
         {"signal": "SBP", "value": 120.0, "unit": "mm[Hg]", "device": "MDC_PRESS_BLD_ART_ABP_SYS"}),
        ({"device": {"reference": "Device/d1", "display": "Durand's bed"}}, {"device": "8867-4", "device_id": "d1"}),
    ],
)  # fmt: skip
def test_values_units_and_codes(elements: dict[str, Any], expected: dict[str, Any]) -> None:
    record = one(**elements)
    assert {k: record.get(k) for k in expected} == pytest.approx(expected)
    assert ("problem" in record) == ("problem" in expected)
    assert "Miller" not in str(record) and "Durand" not in str(record)


@pytest.mark.parametrize(
    ("elements", "event_time", "known_time"),
    [
        ({}, SEEN, ISSUED),
        ({"issued": None}, SEEN, None),
        ({"effectiveDateTime": "2024-03-28T12:00:00+02:00"}, SEEN, ISSUED),
        ({"effectiveDateTime": None, "effectiveInstant": "2024-03-28T10:00:00.250Z"}, SEEN.replace(microsecond=250_000),
         ISSUED),
        ({"effectiveDateTime": None,
          "effectivePeriod": {"start": "2024-03-28T09:00:00Z", "end": "2024-03-28T10:00:00Z"}}, SEEN, ISSUED),
        # A date is its first moment, and known at the day's end.
        ({"effectiveDateTime": "2024-03-28", "issued": None}, datetime(2024, 3, 28, tzinfo=UTC),
         datetime(2024, 3, 29, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_times(elements: dict[str, Any], event_time: datetime, known_time: datetime | None) -> None:
    record = one(**elements)
    assert (record["event_time"], record.get("known_time")) == (event_time, known_time)
    assert "problem" not in record


@pytest.mark.parametrize(
    ("elements", "problem"),
    [
        ({"effectiveDateTime": None}, "the time of observation is absent or no date with its day"),
        ({"effectiveDateTime": "2024-03"}, "the time of observation is absent or no date with its day"),
        ({"effectiveDateTime": "28/03/2024"}, "the time of observation is absent or no date with its day"),
        ({"issued": "soon"}, "issued is no time"),
    ],
)
def test_times_that_are_none(elements: dict[str, Any], problem: str) -> None:
    assert one(**elements)["problem"] == problem


@pytest.mark.parametrize(
    ("elements", "patient", "case"),
    [
        ({}, "P1", "E1"),
        ({"encounter": None}, "P1", "P1"),
        ({"subject": {"reference": "https://h.org/fhir/Patient/P1/_history/3"}}, "P1", "E1"),
        ({"subject": {"reference": "urn:uuid:0c3151bd"}}, "0c3151bd", "E1"),
        ({"subject": {"reference": "Patient?identifier=https://h.org|MR7"}}, "MR7", "E1"),
        ({"subject": {"identifier": {"value": "MR7"}}}, "MR7", "E1"),
        ({"subject": {"reference": "#p1", "identifier": {"value": "MR7"}}}, "MR7", "E1"),
    ],
)
def test_whose_it_is(elements: dict[str, Any], patient: str, case: str) -> None:
    record = one(**elements)
    assert (record["patient_id"], record["case_id"]) == (patient, case)
    assert "problem" not in record


@pytest.mark.parametrize("subject", [None, {"reference": "Group/5"}, {"reference": "#p1"}, {"display": "Durand"}, "P1"])
def test_a_patient_that_cannot_be_told_from_others(subject: Any) -> None:
    record = one(subject=subject)
    assert "patient_id" not in record
    assert record["problem"] == "the observation names no patient that can be told from others"


def test_full_urls_of_a_bundle_lead_to_the_patient() -> None:
    stay = {"resourceType": "Encounter", "id": "e7"}
    made = pressure(subject={"reference": "urn:uuid:aa"}, encounter={"reference": "urn:uuid:bb"})
    records = read(
        json.dumps(bundle(PATIENT, stay, made, kind="transaction", **{"7": "urn:uuid:aa", "e7": "urn:uuid:bb"}))
    )
    assert {(r["patient_id"], r["case_id"]) for r in records} == {("7", "e7")}


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        ("final", None),
        ("amended", None),
        ("corrected", None),
        ("preliminary", None),
        ("entered-in-error", "the observation was withdrawn (status entered-in-error)"),
        ("cancelled", "the observation was withdrawn (status cancelled)"),
        ("unknown", "the status does not say that the value stands; expected such as final"),
        (None, "the status does not say that the value stands; expected such as final"),
        (["final"], "the status does not say that the value stands; expected such as final"),
    ],
)
def test_status(status: Any, problem: str | None) -> None:
    assert one(status=status).get("problem") == problem


def test_a_withdrawal_without_its_value_is_seen() -> None:
    withdrawn, cancelled = (observation("8867-4", status=s) for s in ("entered-in-error", "cancelled"))
    assert [(r["signal"], r["problem"]) for r in read(ndjson(withdrawn, cancelled))] == [
        ("HR", "the observation was withdrawn (status entered-in-error)")
    ]


def test_a_panel_written_as_text_is_refused_without_it() -> None:
    assert read(ndjson(observation("55284-4", valueString="118/76 Durand"))) == [
        {"problem": "a panel of vital signs has a value of its own; expected components"}
    ]


def test_no_name_and_no_free_text_leaves_the_reader() -> None:
    made = pressure(
        text={"status": "generated", "div": "<div>Durand</div>"},
        note=[{"text": "Durand woke up"}],
        performer=[{"display": "Dr Miller"}],
        subject={"reference": "Patient/P1", "display": "Durand"},
        contained=[PATIENT],
    )
    records = read(json.dumps(bundle(PATIENT, made)))
    assert records == [SYSTOLIC, DIASTOLIC]


NAMES = ["coding", "value", "code", "system", "reference", "identifier", "unit", "end", "type", "display"]
LEAVES = st.sampled_from([None, True, 70, 1.5, 10**400, "", "x", "8867-4", "Patient/1", "http://loinc.org", "\ud800"])
SOME = LEAVES | st.lists(LEAVES, max_size=2) | st.dictionaries(st.sampled_from(NAMES), LEAVES, max_size=3)
SOME |= st.lists(SOME, max_size=2) | st.dictionaries(st.sampled_from(NAMES), SOME, max_size=2)
ELEMENTS = sorted([*pressure(), "valueQuantity", "effectivePeriod", "device", "method", "dataAbsentReason"])


@settings(max_examples=300)
@given(outside=st.dictionaries(st.sampled_from(ELEMENTS), SOME, max_size=3), inside=st.dictionaries(
    st.sampled_from(["code", "valueQuantity", "dataAbsentReason"]), SOME, max_size=2))  # fmt: skip
def test_elements_of_any_shape_give_records(outside: dict[str, Any], inside: dict[str, Any]) -> None:
    made = pressure()
    made["component"][1] |= inside
    content = ndjson(pressure(), made | outside).encode()
    records = [r for b in FHIR.read(RawFile("x", content), Site()) for r in b.to_pylist()]
    assert [r["value"] for r in records[:2]] == [118.0, 76.0]


@settings(max_examples=200)
@given(data=st.data())
def test_damaged_bytes_give_records_or_a_file_error(data: st.DataObject) -> None:
    made = [PATIENT, pressure(), LAB, observation("8867-4", valueQuantity=quantity(70, "/min"))]
    text = (
        ndjson(*made)
        if data.draw(st.booleans())
        else json.dumps(bundle(*made), indent=data.draw(st.sampled_from([None, 1])))
    )
    content = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        records = [r for b in FHIR.read(RawFile("x", damaged), Site()) for r in b.to_pylist()]
    except FileError:
        return
    assert [r["file_row"] for r in records] == list(range(len(records)))
