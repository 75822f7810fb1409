"""A Bio-Plex Manager XML export taken apart, before any meaning is given to it.

The bead events of the wells, which make up nearly all of an export, are dropped while it is read.
"""

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from io import BytesIO

from infra.errors import FileError
from ingestion.format import HEAD_BYTES
from ingestion.text import decode

LOOKED_FOR = "an XML document whose root is BioPlexManager"
KINDS = {"Blank": "blank", "Control": "control", "Standard": "standard", "Unknown": "unknown"}
"""What is in the wells of an element of Samples."""

Place = tuple[str, str]
"""RowNo and ColNo as written."""


@dataclass
class Well:
    """What was read in one well. beads: (RegionCount, Median) by region."""

    plate_id: str
    acquired: str
    protocol: str
    total_events: str
    beads: dict[str, tuple[str, str]]


@dataclass
class Curve:
    """Unit and working range of one region's standard curve; the range is blank where it is not valid."""

    unit: str
    low: str
    high: str


@dataclass
class Document:
    """The parts of an export that are read. name: of the software's own file."""

    name: str = ""
    wells: dict[Place, Well] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)
    samples: list[ET.Element] = field(default_factory=list)


def parse_document(content: bytes) -> Document:
    """The parts of an export. Raises FileError where it is no whole document of the kind, or holds no samples."""
    if "<!DOCTYPE" in decode(content[:HEAD_BYTES]):
        raise FileError("The Bio-Plex export has a document type declaration; expected plain XML without entities.")
    document, root = Document(), ""
    path: list[str] = []
    try:
        for event, element in ET.iterparse(BytesIO(content), events=("start", "end")):  # noqa: S314 - no DTD gets here
            name = name_of(element)
            if event == "start":
                root = root or name
                path.append(name)
                continue
            path.pop()
            if name == "Well":
                document.wells[place_of(element)] = _well(element)
                element.clear()  # bead events make up nearly all of an export
            elif name == "Interpolator":
                document.curves[element.get("RegionNumber", "")] = _curve(element)
            elif name == "NativeDocumentName":
                document.name = (element.text or "").strip()
            elif name in KINDS and path[-2:-1] == ["Samples"]:
                document.samples.append(element)
    except (ET.ParseError, ValueError, LookupError) as error:
        raise FileError("The Bio-Plex export is no whole XML document.") from error
    if root != "BioPlexManager":
        raise FileError(f"The XML document is no Bio-Plex export; expected {LOOKED_FOR}.")
    if not document.samples:
        raise FileError("The Bio-Plex export holds no samples; expected Samples with their MemberWells.")
    return document


def name_of(element: ET.Element) -> str:
    """The element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def text_at(element: ET.Element, *path: str) -> str:
    """The text at a path of names, '' where there is none. The children carry no namespace."""
    return (element.findtext("/".join(path)) or "").strip()


def place_of(element: ET.Element) -> Place:
    """Where in the plate the element's well is."""
    return element.get("RowNo", ""), element.get("ColNo", "")


def _well(element: ET.Element) -> Well:
    return Well(
        plate_id=text_at(element, "PlateID"),
        acquired=text_at(element, "AcquisitionTime"),
        protocol=text_at(element, "RunProtocolDocumentName"),
        total_events=text_at(element, "TotalEvents"),
        beads={
            bead.get("RegionNumber", ""): (text_at(bead, "RegionCount"), text_at(bead, "Median"))
            for bead in element.iterfind("BeadRegions/BeadRegion")
        },
    )


def _curve(element: ET.Element) -> Curve:
    working = element.find("WorkingRecoveryRange")
    limits = ("", "")
    if working is not None and working.get("IsValid") == "true":
        limits = working.get("MinConc", ""), working.get("MaxConc", "")
    return Curve(text_at(element, "ConcentrationUnits"), *limits)
