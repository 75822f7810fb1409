"""FHIR R4 Observations: ndjson (bulk export) and Bundles as JSON, https://hl7.org/fhir/R4/bundle.html.

A record is a value of a vital sign: an Observation, or one of its components, that carries a code of ours (`codes.py`)
and a value. Laboratory Observations and resources of other kinds are no records of ours, and neither is a value that
is absent. A line that is no JSON may have held one: it is a refused record.

Elements are taken from the JSON as they stand rather than through the models of `fhir.resources`: these take about
fifteen times as long, and refuse an Observation for a fault in an element that is not read here.
"""

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final, NoReturn
from zoneinfo import ZoneInfo

import pyarrow as pa

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Format, Probe, RawFile
from ingestion.sources.vitals.collected import Record, batches
from ingestion.sources.vitals.fhir_observation import Json, coded_parts, is_panel, records_of
from ingestion.sources.vitals.lines import MAX_LINE, text_lines
from ingestion.sources.vitals.raw import VITAL_VALUE

_KIND = re.compile(r'"resourceType"\s*:\s*"(Observation|Bundle)"')
_KEPT: Final = frozenset(
    ("resourceType", "status", "code", "subject", "encounter", "device", "method", "issued", "component",
     "dataAbsentReason")
)  # fmt: skip
_STARTS: Final = ("effective", "value")
_FIRST_LINES: Final = 20


def _recognise(probe: Probe) -> bool:
    return probe.text.lstrip("\ufeff \t\n").startswith("{") and _KIND.search(probe.text) is not None


def _reduced(value: Json) -> Json:
    """Of a resource, only what is read here, while the rest of a large bundle is still being parsed."""
    kind = value.get("resourceType")
    if kind is None or kind == "Bundle":
        return value
    if kind == "Observation":
        return {k: v for k, v in value.items() if k in _KEPT or k.startswith(_STARTS)}
    return {"resourceType": kind, "id": value.get("id")}


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are no JSON


_DECODER = json.JSONDecoder(object_hook=_reduced, parse_constant=_no_number)


def _parsed(line: str) -> Any:
    """The JSON of a line, or None where it is none."""
    try:
        return _DECODER.decode(line)
    except (ValueError, RecursionError):
        return None


def _is_resource(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("resourceType"), str)


def documents(raw: RawFile) -> Iterator[Any]:
    """One JSON document a line where one of the first lines is a resource by itself, else the file as one document.

    A line that is no JSON gives None. Raises FileError where the file is one document and no JSON.
    """
    lines = text_lines(raw)
    first: list[str] = []
    for line in lines:
        first.append(line)
        if _is_resource(_parsed(line)):
            yield from map(_parsed, chain(first, lines))
            return
        if len(first) == _FIRST_LINES:
            break
    size, held = 0, []
    for line in chain(first, lines):
        size += len(line) + 1
        if size > MAX_LINE:
            raise FileError(f"The bundle is longer than {MAX_LINE >> 20} million characters; expected ndjson.")
        held.append(line)
    document = _parsed("\n".join(held))
    if not _is_resource(document):
        raise FileError("The file is cut or damaged JSON, or no FHIR resource; expected ndjson or one Bundle.")
    yield document


def _observations(resource: Any, links: dict[str, str]) -> Iterator[tuple[Json, dict[str, str]]]:
    """Observations of a resource, with what full URLs of their bundle lead to. Bundles may hold bundles."""
    if not isinstance(resource, dict):
        return
    if resource.get("resourceType") == "Observation":
        yield resource, links
    elif resource.get("resourceType") == "Bundle":
        listed = resource.get("entry")
        entries = [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []
        links = dict(pair for e in entries for pair in _link(e))
        for entry in entries:
            yield from _observations(entry.get("resource"), links)


def _link(entry: Json) -> Iterator[tuple[str, str]]:
    """('urn:uuid:...', 'Patient/7') of an entry whose resource has an identifier of its own."""
    url, resource = entry.get("fullUrl"), entry.get("resource")
    if isinstance(url, str) and url.startswith("urn:") and isinstance(resource, dict) and resource.get("id"):
        yield url, f"{resource.get('resourceType')}/{resource['id']}"


def _records(raw: RawFile, zone: ZoneInfo) -> Iterator[Record]:
    is_vital = False
    for document in documents(raw):
        if not _is_resource(document):
            yield Record(problem="the line is no JSON" if document is None else "the line is no FHIR resource")
            continue
        for observation, links in _observations(document, {}):
            parts = coded_parts(observation)
            is_vital = is_vital or bool(parts) or is_panel(observation)
            if parts:
                yield from records_of(observation, parts, links, zone)
            elif is_panel(observation) and any(k.startswith("value") for k in observation):
                yield Record(problem="a panel of vital signs has a value of its own; expected components")
    if not is_vital:
        raise FileError(
            "No Observation of the FHIR file is a vital sign known here; expected LOINC codes such as 8480-6 or 8867-4."
        )


def read_fhir(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Yields batches of bounded size; `file_row` counts the records.

    Raises FileError where no Observation is a vital sign of ours, or one document is cut, damaged or too long.
    """
    yield from batches(_records(raw, ZoneInfo(site.time_zone)))


FHIR = Format(
    name="fhir",
    looked_for="FHIR R4 Observations, as ndjson or in a Bundle (JSON)",
    recognise=_recognise,
    read=read_fhir,
    raw=VITAL_VALUE,
)
