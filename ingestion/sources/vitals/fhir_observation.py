"""One FHIR R4 Observation into records: https://hl7.org/fhir/R4/observation.html.

Only the elements named here are looked at: codes, quantities, times, status, references. Displays, notes, texts and
extensions are not. An Observation whose codes are none of ours (a laboratory value, a score) gives nothing.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from ingestion.dates import has_time_of_day, parse_time
from ingestion.sources.vitals.codes import (
    LOINC,
    LOINC_SYSTEM,
    MDC,
    MDC_SYSTEM,
    MDC_UNITS,
    PANELS,
    SNOMED_SYSTEM,
    by_method,
    most_exact,
)
from ingestion.sources.vitals.collected import Record
from ingestion.sources.vitals.lines import plain
from ingestion.sources.vitals.units import UCUM_SYSTEM, in_unit_of

Json = dict[str, Any]

VALID: Final = frozenset(("final", "amended", "corrected", "preliminary"))
WITHDRAWN: Final = frozenset(("entered-in-error", "cancelled"))
_COMPARATORS = frozenset(("<", "<=", ">=", ">"))
_DAY = timedelta(days=1)
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_BY_IDENTIFIER = re.compile(r"(\w+)\?identifier=(?:[^|]*\|)?([^|&]+)$")


@dataclass(frozen=True)
class Coded:
    """A part of an Observation (itself, or a component) that carries a code of ours. signal: null where they clash."""

    part: Json
    signal: str | None
    code: str | None


def codings(concept: object) -> Iterator[tuple[str, Json]]:
    """(system, coding) of a CodeableConcept."""
    for coding in _list(concept, "coding"):
        system = coding.get("system")
        if isinstance(system, str):
            yield system.rstrip("/"), coding


def coded_parts(observation: Json) -> list[Coded]:
    """The Observation and its components, as far as they are vital signs of ours."""
    found = []
    for part in (observation, *_list(observation, "component")):
        pairs = []
        for system, coding in codings(part.get("code")):
            if system == LOINC_SYSTEM:
                names, table = [coding.get("code")], LOINC
            elif system == MDC_SYSTEM:  # codes are numbers there; the reference identifier stands beside them
                names, table = [coding.get("code"), coding.get("display")], MDC
            else:
                continue
            pairs += [(table[name], name) for name in names if isinstance(name, str) and name in table]
        if pairs:
            signal, code = most_exact(pairs) or (None, None)
            found.append(Coded(part, signal, code))
    return found


def is_panel(observation: Json) -> bool:
    """Whether the code is one of a panel of vital signs, whose values are in its components or members."""
    return any(s == LOINC_SYSTEM and plain(c.get("code")) in PANELS for s, c in codings(observation.get("code")))


def records_of(observation: Json, parts: list[Coded], links: Mapping[str, str], zone: ZoneInfo) -> Iterator[Record]:
    """Records of the parts. A part without a value (`dataAbsentReason`, or nothing at all) is missing and gives none.

    links: full URLs in a bundle and what they lead to ('Patient/7'). zone: of times without an offset, which FHIR does
    not allow. A withdrawn value is refused, and so stays in the quarantine; the lake keeps the version before it, if
    one had come.
    """
    status = plain(observation.get("status"))
    shared = _shared(observation, links, zone)
    if status in WITHDRAWN:
        shared = shared.refused(f"the observation was withdrawn (status {status})")
    elif status not in VALID:
        shared = shared.refused("the status does not say that the value stands; expected such as final")
    methods = {str(c.get("code")) for s, c in codings(observation.get("method")) if s == SNOMED_SYSTEM}
    for part in parts:
        record = _valued(part, shared, methods)
        if record is not None:
            yield record
        elif status == "entered-in-error":
            yield replace(shared, signal=part.signal, device=part.code)


def _valued(coded: Coded, shared: Record, methods: set[str]) -> Record | None:
    """The record of one part, or None where it has no value."""
    part = coded.part
    given = [name for name, value in part.items() if name.startswith("value") and value is not None]
    quantity = part.get("valueQuantity")
    if not given or (given == ["valueQuantity"] and isinstance(quantity, dict) and quantity.get("value") is None):
        return None
    record = replace(shared, device=coded.code)
    if part.get("dataAbsentReason"):
        record = record.refused("there is a value and a reason for its absence")
    if coded.signal is None:
        return record.refused("the codes name different vital signs")
    signal = by_method(coded.signal, methods)
    record = replace(record, signal=signal)
    if given != ["valueQuantity"] or not isinstance(quantity, dict):
        return record.refused("the value is no quantity")
    number = quantity["value"]
    unit, is_ucum = _unit(quantity)
    value = _float(number)
    if value is None:
        return replace(record, unit=unit, reported=plain(number)).refused("the value is not a number")
    if quantity.get("comparator") is not None:
        comparator = plain(quantity["comparator"])
        reported = f"{comparator}{value:g}" if comparator in _COMPARATORS else None
        return replace(record, unit=unit, reported=reported).refused("the value is a limit; expected a measured one")
    value, unit, problem = in_unit_of(signal, value, unit, is_ucum)
    return replace(record, value=value, unit=unit).refused(problem)


def _float(number: object) -> float | None:
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    try:
        value = float(number)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def _unit(quantity: Json) -> tuple[str | None, bool]:
    """(unit, whether it is a UCUM code) of a Quantity."""
    code, text, system = plain(quantity.get("code")), plain(quantity.get("unit")), quantity.get("system")
    if code and system == UCUM_SYSTEM:
        return code, True
    if system == MDC_SYSTEM:
        ucum = MDC_UNITS.get(code or "") or MDC_UNITS.get(text or "")
        if ucum:
            return ucum, True
    return text or code, False


def _shared(observation: Json, links: Mapping[str, str], zone: ZoneInfo) -> Record:
    """What all values of the Observation have in common: patient, stay, times, device."""
    patient = reference_id(observation.get("subject"), ("Patient",), links)
    stay = reference_id(observation.get("encounter"), ("Encounter",), links)
    event_time, known_time, problem = _times(observation, zone)
    record = Record(
        patient_id=patient,
        case_id=stay or patient,
        event_time=event_time,
        known_time=known_time,
        device_id=reference_id(observation.get("device"), ("Device", "DeviceMetric"), links),
        problem=problem,
    )
    return record if patient else record.refused("the observation names no patient that can be told from others")


def _times(observation: Json, zone: ZoneInfo) -> tuple[datetime | None, datetime | None, str | None]:
    """(observed, known, problem). A period is observed at its end: a value over it cannot be known before."""
    period = observation.get("effectivePeriod")
    period = period if isinstance(period, dict) else {}
    effective = next(
        (
            text
            for text in (
                observation.get("effectiveDateTime"),
                observation.get("effectiveInstant"),
                period.get("end"),
                period.get("start"),
            )
            if text is not None
        ),
        None,
    )
    event_time, issued = _moment(effective, zone), observation.get("issued")
    if event_time is None:
        return None, None, "the time of observation is absent or no date with its day"
    if issued is not None:
        known_time = _moment(issued, zone)
        if known_time is None:
            return event_time, None, "issued is no time"
        return event_time, known_time if has_time_of_day(issued) else known_time + _DAY, None
    return event_time, None if has_time_of_day(effective) else event_time + _DAY, None


def _moment(text: object, zone: ZoneInfo) -> datetime | None:
    return parse_time(text, True, zone) if isinstance(text, str) and _ISO_DAY.match(text) else None


def reference_id(reference: object, kinds: tuple[str, ...], links: Mapping[str, str]) -> str | None:
    """The identifier that a Reference leads to, where it is one of these kinds of resource; else None.

    'Patient/7', 'https://host/fhir/Patient/7/_history/2' and, through `links`, 'urn:uuid:...' of a bundle are all 7.
    A contained resource ('#p1') has a name within its Observation only: there, the logical identifier must say it.
    """
    if not isinstance(reference, dict):
        return None
    address = reference.get("reference")
    if isinstance(address, str) and not address.startswith("#"):
        address = links.get(address, address).split("/_history/")[0]
        if address.startswith("urn:"):
            return plain(address.rsplit(":", 1)[-1]) if reference.get("type", kinds[0]) in kinds else None
        if by_identifier := _BY_IDENTIFIER.match(address):
            return plain(by_identifier[2]) if by_identifier[1] in kinds else None
        kind, _, name = address.rpartition("/")
        return plain(name) if kind.rsplit("/", 1)[-1] in kinds else None
    identifier = reference.get("identifier")
    return plain(identifier.get("value")) if isinstance(identifier, dict) else None


def _list(holder: object, name: str) -> list[Json]:
    """The objects in a list of a JSON object; none where it is something else."""
    values = holder.get(name) if isinstance(holder, dict) else None
    return [v for v in values if isinstance(v, dict)] if isinstance(values, list) else []
