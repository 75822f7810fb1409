"""Segments of one HL7 v2 ORU message into records: PID and PV1 say whose, OBR and OBX what and when.

Fields by number as in chapter 7 of the standard; OBX-11 by table 0085. Devices report mostly with status R (entered,
not verified), and such values count (IHE PCD-01).
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from infra.settings import Site
from ingestion.dates import parse_time
from ingestion.sources.vitals.codes import LOINC, MDC, MDC_UNITS, by_method, most_exact
from ingestion.sources.vitals.collected import Record
from ingestion.sources.vitals.lines import plain
from ingestion.sources.vitals.signals import device_of, signal_of
from ingestion.sources.vitals.units import in_unit_of

WITHDRAWN: Final = {"D": "deleted", "W": "sent by mistake"}
NO_VALUE: Final = frozenset("INOX")
"""Pending, not asked for, order only, cannot be obtained."""
CORRECTED: Final = frozenset("AC")
VALID: Final = frozenset(("", *"ABCFPRSUV"))
"""Final, corrected, preliminary, not verified and the like. Many monitors leave the status out."""
_LOINC_SYSTEMS = frozenset(("LN", "LOINC", ""))  # a LOINC code cannot be taken for another's: it ends in a check digit
_HL7_NULL = '""'
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")
_LIMIT = re.compile(r"(<|>|<=|>=)\^([+-]?\d+(?:\.\d+)?)")
_TIME = re.compile(r"\d{8}(\d{4}(?:\d{2}(?:\.\d{1,9})?)?)?([+-]\d{4})?")
_OFFSET = re.compile(r"[+-]\d{4}$")
_DAY = timedelta(days=1)
_ESCAPED = "FSRTE"  # what stands for the separators of fields, components, repetitions, sub-components, and itself


@dataclass(frozen=True)
class _Context:
    """What the segments before an OBX say."""

    offset: str | None = None
    message_time: str | None = None
    patient_id: str | None = None
    case_id: str | None = None
    observed: str | None = None
    reported: str | None = None


class _Texts:
    """Fields of the segments of one message as plain text, escapes resolved."""

    def __init__(self, message: Any) -> None:
        field, repetition, component, sub = message.separators[1:5]
        escape: str = message.esc
        self._resolved: dict[str, str] = dict(zip(_ESCAPED, (field, component, repetition, sub, escape), strict=True))
        self._pattern = re.compile(f"{re.escape(escape)}([^{re.escape(escape)}]*){re.escape(escape)}")

    def _unescaped(self, match: re.Match[str]) -> str:
        sequence = match[1]
        if re.fullmatch(r"X(?:[0-9A-Fa-f]{2})+", sequence):
            content = bytes.fromhex(sequence[1:])
            try:
                return content.decode()
            except UnicodeDecodeError:
                return content.decode("cp1252", "replace")
        return self._resolved.get(sequence, "")  # the others are for fonts and layout

    def text(self, value: object) -> str:
        return plain(self._pattern.sub(self._unescaped, str(value))) or ""

    def repetitions(self, segment: Any, number: int) -> list[list[str]]:
        """Repetitions of a field, each its components; none where the field is empty."""
        if number >= len(segment):
            return []
        parts = [[r] if isinstance(r, str) else list(r) for r in segment[number]]
        found = [[self.text(c) for c in components] for components in parts]
        return [components for components in found if any(components)]

    def components(self, segment: Any, number: int, n: int = 6) -> list[str]:
        """The first n components of the first repetition, empty ones included."""
        found = self.repetitions(segment, number)
        return ((found[0] if found else []) + [""] * n)[:n]

    def first(self, segment: Any, number: int) -> str | None:
        return self.components(segment, number, 1)[0] or None


class Observations:
    """Reads messages of one file, and knows whether any observation in them was a vital sign of ours."""

    def __init__(self, site: Site) -> None:
        self.zone = ZoneInfo(site.time_zone)
        self.has_vital_signs = False

    def of(self, message: Any) -> Iterator[Record]:
        """Records of a message, in its order. A message may hold several patients, each with several orders."""
        texts, context = _Texts(message), _Context()
        for segment in message:
            kind = str(segment[0])
            if kind == "MSH":
                time = texts.first(segment, 7)
                offset = _OFFSET.search(time or "")
                context = _Context(offset=offset[0] if offset else None, message_time=time)
            elif kind == "PID":
                context = _Context(context.offset, context.message_time, patient_id=_patient(texts, segment))
            elif kind == "PV1":
                context = replace(context, case_id=texts.first(segment, 19))
            elif kind == "OBR":
                context = replace(context, observed=texts.first(segment, 7), reported=texts.first(segment, 22))
            elif kind == "OBX":
                record = self._record(texts, segment, context)
                if record is not None:
                    yield record

    def _record(self, texts: _Texts, obx: Any, context: _Context) -> Record | None:
        """The record of an OBX, or None where it is no vital sign of ours or has no value."""
        found = _signals(texts.components(obx, 3))
        if not found:
            return None
        self.has_vital_signs = True
        status = (texts.first(obx, 11) or "").upper()
        values = [v for v in texts.repetitions(obx, 5) if v != [_HL7_NULL]]
        if not values and status not in WITHDRAWN:
            return None
        signal, name = most_exact(found) or (None, None)
        event_time, known_time, problem = self._times(texts.first(obx, 14), context, status in CORRECTED)
        record = Record(
            case_id=context.case_id or context.patient_id,
            patient_id=context.patient_id,
            event_time=event_time,
            known_time=known_time,
            signal=signal,
            device=device_of(name) if name else None,
            device_id=texts.first(obx, 18),
        ).refused(problem)
        if context.patient_id is None:
            record = record.refused("the message names no patient")
        if status in WITHDRAWN:
            record = record.refused(f"the observation was withdrawn (status {status}: {WITHDRAWN[status]})")
        elif status in NO_VALUE:
            record = record.refused(f"the status ({status}) says that there is no value")
        elif status not in VALID:
            record = record.refused("the status is not one of table 0085")
        if not values or signal is None:
            return record if signal else record.refused("the codes name different vital signs")
        methods = {c[0] for c in texts.repetitions(obx, 17) if c[2:3] in (["SCT"], ["SNM3"])}
        record = replace(record, signal=by_method(signal, methods))
        return _valued(record, texts.first(obx, 2), values, *_unit(texts.components(obx, 6, 3)))

    def _times(
        self, observed: str | None, context: _Context, is_corrected: bool
    ) -> tuple[datetime | None, datetime | None, str | None]:
        """(observed, known, problem): OBX-14, else OBR-7; known when reported (OBR-22).

        When the message was written (MSH-7) says when a correction could be known. For other values it does not, since
        messages may be written again years later; these are known after the site's delay.
        """
        text = observed or context.observed
        event_time = self._moment(text, context.offset)
        if text is None or event_time is None:
            return None, None, "the time of observation is absent or no HL7 time with its day"
        report = context.reported or (context.message_time if is_corrected else None)
        if report is None:
            return event_time, None if _has_time_of_day(text) else event_time + _DAY, None
        known_time = self._moment(report, context.offset)
        if known_time is None:
            return event_time, None, "the time of the report is no HL7 time"
        return event_time, known_time if _has_time_of_day(report) else known_time + _DAY, None

    def _moment(self, text: str | None, offset: str | None) -> datetime | None:
        """An HL7 time in UTC. Without an offset it is the message's (MSH-7), else local to the site."""
        if text is None or not _TIME.fullmatch(text):
            return None
        return parse_time(text if _OFFSET.search(text) or not offset else text + offset, True, self.zone)


def _has_time_of_day(text: str) -> bool:
    return text[8:9].isdigit()


def _patient(texts: _Texts, pid: Any) -> str | None:
    """Of the identifiers in PID-3 the medical record number, else the first; PID-2 in older messages."""
    listed = [(*c, "", "", "", "")[:5] for c in texts.repetitions(pid, 3) if c[0]]
    for wanted in ("MR", "PI"):
        for identifier in listed:
            if identifier[4] == wanted:
                return identifier[0]
    return listed[0][0] if listed else texts.first(pid, 2)


def _signals(identifier: list[str]) -> list[tuple[str, str]]:
    """[(signal, name)] of a coded identifier: code, text, coding system, and the same of its alternative.

    Names that are no standard's (NIBP_SBP) are taken where the system is the site's own or not said.
    """
    found = []
    for code, text, system in (identifier[:3], identifier[3:6]):
        if system in _LOINC_SYSTEMS and code in LOINC:
            found.append((LOINC[code], code))
        elif standard := next((name for name in (text, code) if name in MDC), None):
            found.append((MDC[standard], standard))
        elif (not system or system == "L" or system.startswith("99")) and (signal := signal_of(code)):
            found.append((signal, code))
    return found


def _unit(units: list[str]) -> tuple[str | None, bool]:
    """(unit, whether it is a UCUM code) of OBX-6."""
    code, text, system = units
    reference = MDC_UNITS.get(text) or MDC_UNITS.get(code)
    if reference:
        return reference, True
    return code or text or None, system == "UCUM"


def _valued(record: Record, kind: str | None, values: list[list[str]], unit: str | None, is_ucum: bool) -> Record:
    """The record with its value and unit; refused where OBX-5 is not one number of type NM."""
    signal = record.signal
    assert signal is not None
    record = replace(record, unit=unit)
    if len(values) > 1:
        return record.refused("there is more than one value")
    if kind == "SN" and (limit := _LIMIT.fullmatch("^".join(values[0]))):
        return replace(record, reported=limit[1] + limit[2]).refused("the value is a limit; expected a measured one")
    if kind != "NM":
        return record.refused("the value is of another type than NM")
    text = "^".join(values[0])
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        return replace(record, reported=text).refused("the value is not a number")
    value, unit, problem = in_unit_of(signal, value, unit, is_ucum)
    return replace(record, value=value, unit=unit).refused(problem)
