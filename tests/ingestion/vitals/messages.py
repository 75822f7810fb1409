"""FHIR Observations and HL7 v2 messages for tests, written as their standards say."""

import json
from typing import Any

from infra.settings import Site
from ingestion.format import Format, Probe, RawFile, recognise
from ingestion.sources.vitals import SOURCE

UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"


def read(content: str | bytes, format_: Format, site: Site | None = None) -> list[dict[str, Any]]:
    """Records without their null columns and without `file_row`, which counts them."""
    data = content.encode() if isinstance(content, str) else content
    assert recognise(SOURCE.formats, Probe.of("x", data)) is format_
    records = [r for b in format_.read(RawFile("x", data), site or Site()) for r in b.to_pylist()]
    assert [r.pop("file_row") for r in records] == list(range(len(records)))
    return [{k: v for k, v in r.items() if v is not None} for r in records]


def quantity(value: Any, unit: str | None = "mm[Hg]", **more: Any) -> dict[str, Any]:
    coded = {"unit": unit, "system": UCUM, "code": unit} if unit else {}
    return {"value": value} | coded | more


def coded(*codes: str, system: str = LOINC) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": c} for c in codes]}


def observation(*codes: str, **more: Any) -> dict[str, Any]:
    """A final Observation of patient P1 in stay E1; `more` replaces elements, and None leaves one out."""
    made = {
        "resourceType": "Observation",
        "status": "final",
        "code": coded(*codes),
        "subject": {"reference": "Patient/P1"},
        "encounter": {"reference": "Encounter/E1"},
        "effectiveDateTime": "2024-03-28T10:00:00Z",
        "issued": "2024-03-28T10:05:00.000Z",
    } | more
    return {k: v for k, v in made.items() if v is not None}


def pressure(systolic: Any = 118, diastolic: Any = 76, **more: Any) -> dict[str, Any]:
    parts = [{"code": coded(c), "valueQuantity": quantity(v)} for c, v in (("8480-6", systolic), ("8462-4", diastolic))]
    return observation("85354-9", component=parts, **more)


def bundle(*resources: dict[str, Any], kind: str = "collection", **urls: str) -> dict[str, Any]:
    """urls: full URL by resource identifier, with '_' for '-'."""
    entries: list[dict[str, Any]] = []
    for resource in resources:
        url = urls.get(str(resource.get("id")))
        entries.append(({"fullUrl": url} if url else {}) | {"resource": resource})
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def ndjson(*resources: Any, end: str = "\n") -> str:
    return "".join(json.dumps(r) + end for r in resources)


MSH = "MSH|^~\\&|MONITOR|ICU|LAKE|H|20240701120500||ORU^R01^ORU_R01|1|P|2.6"
PID = "PID|1||X9^^^OTHER^PI~P1^^^H^MR||Durand^Marie||19600101|F"
PV1 = "PV1|1|I|ICU^1^2" + "|" * 16 + "V1"
OBR = "OBR|1|||VITALS|||20240701120000"


def obx(
    code: str, value: str, unit: str = "mmHg", status: str = "F", time: str = "", kind: str = "NM", **more: str
) -> str:
    """more: method (17), equipment (18)."""
    fields = ["OBX", "1", kind, code, "", value, unit, "", "", "", "", status, "", "", time, "", ""]
    return "|".join([*fields, more.get("method", ""), more.get("equipment", "")])


def message(*segments: str, lead: tuple[str, ...] = (MSH, PID, PV1, OBR), end: str = "\r") -> str:
    return "".join(s + end for s in (*lead, *segments))
