"""HL7 v2 files of ORU messages (R01: unsolicited observations): one or many, bare, in MLLP frames or batch envelopes.

https://www.hl7.eu/HL7v2x/v282/std282/ch07.htm. A record is an OBX segment whose code is a vital sign of ours and that
has a value; other OBX segments (laboratory, text, waveforms) and other messages are none. What cannot be split, or
stands outside of a message, may have held one: it is a refused record. Segments of free text (NTE) are not looked at.

The package `hl7` splits the messages. Its own splitting of batches wants each of them whole, and its `unescape` logs
values and repeats a line break as often as a text says; both are done here.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Format, Probe, RawFile
from ingestion.sources.vitals.collected import Record, batches
from ingestion.sources.vitals.hl7_segments import Observations
from ingestion.sources.vitals.lines import text_lines
from ingestion.sources.vitals.raw import VITAL_VALUE

_FRAME = re.compile(r"[\x0b\x1c]")  # MLLP: VT message FS CR
_START = re.compile(r"[\ufeff\s\x0b]*(MSH|FHS|BHS)[^\w\s]")
_MSH = re.compile(r"^[\x0b\x1c]*(MSH[^\w\s].*)$", re.MULTILINE)
_ENVELOPE: Final = frozenset(("FHS", "BHS", "BTS", "FTS"))
_LEAD: Final = ("PID", "PV1", "OBR")
_LONGEST: Final = 65_536
"""Characters of a segment that are looked at. Longer ones embed documents."""
_AT_ONCE: Final = 262_144
"""Characters of a message that are split at once: what `hl7` makes of them takes a hundred times the room."""
# What `hl7` lets through where a header does not declare usable separators.
_ERRORS = (ValueError, AssertionError, LookupError, TypeError, AttributeError, RecursionError)


def _type_of(msh: str) -> str:
    """Message type (MSH-9) of a header segment as it stands, such as 'ORU^R01'; empty where there is none."""
    fields = msh.split(msh[3])
    return fields[8].strip() if len(fields) > 8 else ""


def _recognise(probe: Probe) -> bool:
    return _START.match(probe.text) is not None and any(
        _type_of(line).startswith("ORU") for line in _MSH.findall(probe.text)
    )


def messages(raw: RawFile) -> Iterator[list[str]]:
    """The segments of each message that are read here, its MSH first. Segments outside of a message come without.

    A long message comes in several parts, each with the header, patient, visit and order that hold for it.
    """
    held: list[str] = []
    lead: dict[str, str] = {}
    size = 0
    for segment in _segments(raw):
        kind = segment[:3]
        if kind == "MSH" or kind in _ENVELOPE:
            if held:
                yield held
            held = [segment] if kind == "MSH" else []
            lead = {kind: segment} if kind == "MSH" else {}
            size = len(segment)
        elif kind in _LEAD or kind == "OBX":
            if size > _AT_ONCE:
                yield held
                held, size = list(lead.values()), 0
            held.append(segment)
            size += len(segment)
            if kind == "PID":
                lead = {k: v for k, v in lead.items() if k == "MSH"}
            if kind != "OBX":
                lead[kind] = segment
    if held:
        yield held


def _segments(raw: RawFile) -> Iterator[str]:
    """Segments without the frames around messages, and without the rest of a text that was broken over lines."""
    for line in text_lines(raw):
        for piece in _FRAME.split(line):
            segment = piece.strip()
            if segment[3:4] and not segment[3].isalnum() and segment[3] != " ":
                yield segment[:_LONGEST]


def _split(segments: list[str]) -> Any:
    """The parsed message, or None where its header does not say how to split it."""
    import hl7
    from hl7.exceptions import HL7Exception

    try:
        return hl7.parse("\r".join(segments))
    except (*_ERRORS, HL7Exception):
        return None


def _records(raw: RawFile, observations: Observations) -> Iterator[Record]:
    for segments in messages(raw):
        if not segments[0].startswith("MSH"):
            for segment in segments:
                if segment.startswith("OBX"):
                    yield Record(problem="the observation stands outside of a message")
            continue
        kind = _type_of(segments[0])
        if kind and not kind.startswith("ORU"):
            continue
        message = _split(segments) if kind else None
        if message is None:
            yield Record(problem="the message has no type or no usable separators")
        else:
            yield from observations.of(message)
    if not observations.has_vital_signs:
        raise FileError(
            "No observation of the HL7 file is a vital sign known here; expected codes such as 8480-6^^LN or NIBP_SBP."
        )


def read_hl7(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Yields batches of bounded size; `file_row` counts the records. Times without an offset are the site's.

    Raises FileError where no OBX segment is a vital sign of ours.
    """
    yield from batches(_records(raw, Observations(site)))


HL7_ORU = Format(
    name="hl7_oru",
    looked_for="HL7 v2 messages ORU^R01 (MSH|^~\\&|...)",
    recognise=_recognise,
    read=read_hl7,
    raw=VITAL_VALUE,
)
