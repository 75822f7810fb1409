"""Bio-Plex Manager XML export (schema Bio-Plex_5, Bio-Rad): one raw record for each analyte in each well of the layout.

    bpm:BioPlexManager
      Wells/Well[@RowNo @ColNo]                       what was read: PlateID, AcquisitionTime, TotalEvents,
        BeadRegions/BeadRegion[@RegionNumber]         RegionCount, Median
      StandardCurves/Interpolators/Interpolator[@RegionNumber]
        ConcentrationUnits, WorkingRecoveryRange[@IsValid @MinConc @MaxConc]
      Samples/{Blanks,Controls,Standards,Unknowns}/*  Label, Description, Dilution,
        Analytes/Analyte[@RegionNumber]               means over the replicate wells, and ExpectedConc
        MemberWells/MemberWell[@RowNo @ColNo]/MWAnalytes/MWAnalyte[@RegionNumber]
          AnalyteName, Reading[@Valid @Code @OutlierType], MWObsConc[@ReadingOK @ReadError @RecoveryRange]

The concentration of a well is MWObsConc, and only where ReadingOK is true: a field that was not set holds 0. Outside
the working range it is extrapolated ('*'); an outlier set by hand and an invalid reading have no value. What is known
of the form comes from published exports; a ReadError that is not known is kept in qc_message with qc_flag 'fail'.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pyarrow as pa

from infra.errors import FileError
from infra.settings import Site
from ingestion.dates import EXPECTED, is_day_first, parse_time
from ingestion.format import Format, Probe, RawFile
from ingestion.sources.cytokine.analytes import resolve
from ingestion.sources.cytokine.bioplex_document import (
    KINDS,
    LOOKED_FOR,
    Curve,
    Document,
    Place,
    Well,
    name_of,
    parse_document,
    place_of,
    text_at,
)
from ingestion.sources.cytokine.names import on_plate, plate_unit, well_name
from ingestion.sources.cytokine.raw import CYTOKINE, record_batch
from ingestion.sources.cytokine.values import Numbers, Reading, read_number

_READING_CODES = {
    "1": "Low bead number",
    "2": "Aggregated beads",
    "3": "Classify efficiency",
    "4": "Region selection",
    "5": "Platform temperature",
}
_NOT_SET = "9"
_HEAD = 4096


def is_bioplex_xml(probe: Probe) -> bool:
    """Whether the head of a text opens such a document."""
    head = probe.text[:_HEAD].lstrip()
    return head.startswith("<") and (":BioPlexManager" in head or "<BioPlexManager" in head)


def read_bioplex_xml(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Raw records, by sample, well and analyte. A time without an offset is local to the site.

    Raises FileError where the file is no whole document of the kind, names no plate or several, or states no unit for
    its concentrations (then the site may).
    """
    document = parse_document(file.content)
    plates = {well.plate_id for well in document.wells.values() if well.plate_id} or {document.name} - {""}
    if len(plates) != 1:
        raise FileError(f"The Bio-Plex export names {len(plates)} plates in its wells; expected one PlateID.")
    plate = _Plate(plates.pop(), document, site)
    records = [record for sample in document.samples for record in plate.of_sample(sample)]
    yield record_batch(records)


class _Plate:
    """The samples of one plate, with what was read in their wells and the curves of the bead regions."""

    def __init__(self, plate_id: str, document: Document, site: Site) -> None:
        self.plate_id = plate_id
        self.wells = document.wells
        self.curves = document.curves
        self.site = site
        self.times = {place: time for place, well in self.wells.items() if (time := _time(well.acquired, site))}
        self.last = max(self.times.values(), default=None)
        self.nominal = _nominal(document.samples)
        self.seen: dict[tuple[Place, str], int] = {}

    def of_sample(self, sample: ET.Element) -> Iterator[dict[str, object]]:
        label, kind = text_at(sample, "Label"), KINDS[name_of(sample)]
        name = text_at(sample, "Description") or (
            on_plate(label, self.plate_id) if kind == "unknown" and label else label
        )
        for member in sample.iterfind("MemberWells/MemberWell"):
            place = place_of(member)
            read = self.wells.get(place, Well("", "", "", "", {}))
            for analyte in member.iterfind("MWAnalytes/MWAnalyte"):
                region = analyte.get("RegionNumber", "")
                self.seen[place, region] = self.seen.get((place, region), 0) + 1
                well = _well_of(member)
                numbers = Numbers(".", [] if well else ["the well has no row and column of a plate"])
                of_well = {
                    "plate_id": self.plate_id,
                    "sample": name or None,
                    "well": well,
                    "replicate": self.seen[place, region],
                    "sample_type": kind,
                    "panel": read.protocol or None,
                    "platform": "bioplex",
                    "dilution_factor": numbers.number(text_at(sample, "Dilution"), "the dilution"),
                    "total_events": numbers.count(read.total_events, "TotalEvents"),
                    "measured_time": self.times.get(place, self.last),
                }
                curve = self.curves.get(region, Curve("", "", ""))
                nominal = self.nominal.get((kind, label, region), "")
                yield of_well | _of_analyte(analyte, region, read, curve, nominal, numbers, self.site)


def _nominal(samples: list[ET.Element]) -> dict[tuple[str, str, str], str]:
    """ExpectedConc of standards and controls by (kind, label, region).

    0 stands for what was not entered: in a control, and in the standards of a region where all of them have it.
    """
    given: dict[tuple[str, str, str], str] = {}
    for sample in samples:
        kind = KINDS[name_of(sample)]
        for analyte in sample.iterfind("Analytes/Analyte") if kind in ("standard", "control") else ():
            text = text_at(analyte, "ExpectedConc")
            if text and _is_set(analyte.find("ExpectedConcValidationFlag")):
                given[kind, text_at(sample, "Label"), analyte.get("RegionNumber", "")] = text
    entered = {region for (kind, _, region), text in given.items() if kind == "standard" and read_number(text) != 0}
    return {
        (kind, label, region): text
        for (kind, label, region), text in given.items()
        if (region in entered if kind == "standard" else read_number(text) != 0)
    }


def _of_analyte(
    analyte: ET.Element, region: str, read: Well, curve: Curve, nominal: str, numbers: Numbers, site: Site
) -> dict[str, object]:
    name = text_at(analyte, "AnalyteName")
    concentration, fluorescence = analyte.find("MWObsConc"), analyte.find("Reading")
    reading, message = _reading(concentration, fluorescence, numbers)
    count, median = read.beads.get(region, ("", text_at(analyte, "Reading")))
    expected = numbers.number(nominal, "ExpectedConc")
    symbol, uniprot = resolve(name)
    if not name:
        numbers.problems.append("the bead region names no analyte")
    return {
        "analyte_as_given": name or None,
        "analyte": symbol or None,
        "uniprot_id": uniprot,
        "assay_id": region or None,
        "reported": None if reading.qc_flag == "not_reported" else text_at(analyte, "MWObsConc") or None,
        "value": reading.value,
        "operator": reading.operator,
        "lloq": numbers.number(curve.low, "MinConc"),
        "uloq": numbers.number(curve.high, "MaxConc"),
        "unit": _unit(curve, site, reading.operator != "none" or expected is not None),
        "expected_value": expected,
        "median_fluorescence": numbers.number(median, "the fluorescence"),
        "bead_count": numbers.count(count, "RegionCount"),
        "qc_flag": reading.qc_flag,
        "qc_message": message,
        "problem": numbers.problem,
    }


def _reading(
    concentration: ET.Element | None, fluorescence: ET.Element | None, numbers: Numbers
) -> tuple[Reading, str | None]:
    """(reading, words of the software) of one analyte in one well (see the module's description)."""
    given = fluorescence.attrib if fluorescence is not None else {}
    words = _READING_CODES.get(given.get("Code", "0"))
    if given.get("OutlierType", "None") != "None":
        return Reading(operator="none", qc_flag="outlier"), words
    if given.get("Valid", "true") != "true":
        return Reading(operator="none", qc_flag="malfunction"), words
    if concentration is None or concentration.get("ReadErrorCode") == _NOT_SET:
        return Reading(operator="none", qc_flag="not_reported"), words
    if concentration.get("ReadingOK") != "true":
        return _error(concentration.get("ReadError", "")), concentration.get("ReadError") or words
    return _value(concentration, words, numbers), words


def _value(concentration: ET.Element, words: str | None, numbers: Numbers) -> Reading:
    value = read_number((concentration.text or "").strip())
    if value is None:
        numbers.problems.append("MWObsConc is said to be a value and is no number")
        return Reading()
    if concentration.get("RecoveryRange", "").replace(" ", "").casefold() != "inrange":
        return Reading(value, "*", None, "extrapolated")
    return Reading(value, "=", None, "warning" if words else "pass")


def _error(words: str) -> Reading:
    """A concentration that could not be read off the curve; its side is taken from the words where they name one."""
    text = words.casefold()
    below = "<" in text or "below" in text
    above = ">" in text or "above" in text
    if below != above:
        return Reading(operator="<" if below else ">", qc_flag="out_of_range")
    return Reading(operator="none", qc_flag="fail")


def _is_set(flag: ET.Element | None) -> bool:
    """Whether a field beside such a flag was set: Code 9 says 'Data field has not been set', and the field holds 0."""
    return flag is None or flag.get("Code") != _NOT_SET


def _well_of(member: ET.Element) -> str | None:
    row, column = place_of(member)
    if not re.fullmatch(r"\d{1,2}", row) or not 1 <= int(row) <= 16:
        return None
    return well_name(f"{'ABCDEFGHIJKLMNOP'[int(row) - 1]}{column}")


def _time(text: str, site: Site) -> datetime | None:
    if not text:
        return None
    time = parse_time(text, is_day_first([text], site, "AcquisitionTime"), ZoneInfo(site.time_zone))
    if time is None:
        raise FileError(f"The AcquisitionTime of a well in the Bio-Plex export is not {EXPECTED}.")
    return time


def _unit(curve: Curve, site: Site, is_needed: bool) -> str | None:
    return plate_unit(curve.unit, site, "bioplex") if curve.unit or is_needed else None


BIOPLEX_XML = Format("bioplex_xml", LOOKED_FOR, is_bioplex_xml, read_bioplex_xml, CYTOKINE)
