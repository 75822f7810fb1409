"""MSD Methodical Mind (.txt): what the plate reader saw, before any fit. One raw record for each spot of each well.

    Plate #  :	1
    Barcode1 :	<*22M0TALA85N*>
    Spots Per Well:	10
    Read Time:	10/17/2024	15:06:11 EDT
    Assays   :	IL-6,TNF-α,...
    SpotID   :	all
    ==========Data====...
        1         	2         	...
    A 	       315  	       341  	...
                    3328  	      3513  	...
    ==========Processing====...

Several plates, or one plate once for each spot (then SpotID is its number), follow each other. Under a row's letter
stand its spots from 1 on. Such a file has signals and no concentration: value is null with operator 'none' and qc_flag
'not_reported', there is no unit, and the count is in ecl_signal. It does not say what is in a well: sample is null and
sample_type 'not_stated'. An assay that the header does not name is called by its spot.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Format, Probe, RawFile
from ingestion.sources.cytokine.analytes import resolve
from ingestion.sources.cytokine.msd_read_times import day_first_of, plate_barcode, read_moment
from ingestion.sources.cytokine.names import well_name
from ingestion.sources.cytokine.raw import CYTOKINE, record_batch
from ingestion.sources.cytokine.values import Numbers

LOOKED_FOR = "a header with Barcode1 and Read Time above a section '==========Data'"
_SECTION = re.compile(r"={5,}([^=]+)={5,}\s*")
_NUMBER = re.compile(r"\d{1,3}")
_KEY = re.compile(r"([A-Z][\w #.]*?)\s*:\s*(?:\\t)*(.*)")
_NAMED_AFTER_TIME = re.compile(r"(\d{4})-(\d{2})-(\d{2})-(\d{2})(\d{2})(\d{2})\.txt\s*$", re.IGNORECASE)
_READ_TIME = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})\s+(\d{1,2}):(\d{2}):(\d{2})")


@dataclass
class _Plate:
    """The header above one Data section, the section's lines of cells, and whether another section ends it."""

    header: dict[str, str]
    columns: list[str] = field(default_factory=list)
    lines: list[list[str]] = field(default_factory=list)
    is_whole: bool = False

    @property
    def barcode(self) -> str:
        return plate_barcode(self.header.get("barcode1", ""))


def is_methodical_mind(probe: Probe) -> bool:
    """Whether the head of a text has a reader's header and a Data section below it."""
    keys: set[str] = set()
    for line in probe.lines[:200]:
        if (match := _SECTION.fullmatch(line)) and match[1].strip().casefold() == "data":
            return {"barcode1", "read time"} <= keys
        if match := _KEY.match(line):
            keys.add(match[1].casefold())
    return False


def read_methodical_mind(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Raw records, by plate, row, spot and column.

    Raises FileError where the file holds no Data section or ends in one, or where a Read Time is none or can be read
    two ways.
    """
    plates = _plates(file.text)
    if not plates:
        raise FileError(f"The Methodical Mind export holds no Data section; expected {LOOKED_FOR}.")
    if not all(plate.is_whole for plate in plates):
        raise FileError("The Methodical Mind export is cut short: no other section follows its last Data section.")
    times = _times(plates, site)
    seen: dict[tuple[str, ...], int] = {}
    records: list[dict[str, object]] = []
    for plate, time in zip(plates, times, strict=True):
        of_plate = {
            "plate_id": plate.barcode or None,
            "platform": "msd",
            "sample_type": "not_stated",
            "operator": "none",
            "qc_flag": "not_reported",
            "measured_time": time,
        }
        for record in _spots(plate):
            key = (plate.barcode, str(record["well"]), str(record["assay_id"]))
            seen[key] = seen.get(key, 0) + 1
            records.append(of_plate | record | {"replicate": seen[key]})
    yield record_batch(records)


def _plates(text: str) -> list[_Plate]:
    plates: list[_Plate] = []
    header: dict[str, str] = {}
    section = ""
    for line in text.split("\n"):
        if match := _SECTION.fullmatch(line):
            if section == "data":
                plates[-1].is_whole = True
            section = match[1].strip().casefold()
            if section == "data":
                plates.append(_Plate(header))
                header = {}
        elif section == "data" and "\t" in line:  # a line of blanks between tabs is a spot without signals
            _add(plates[-1], [cell.strip() for cell in line.split("\t")])
        elif section != "data" and (match := _KEY.match(line)):
            # Sections between two plates have keys too; those of the next header come after them and count.
            header[" ".join(match[1].casefold().split())] = match[2].strip()
    return plates


def _add(plate: _Plate, cells: list[str]) -> None:
    while cells and not cells[-1]:
        cells.pop()
    if plate.columns:
        plate.lines.append(cells)
    else:
        plate.columns = cells[1:]


def _times(plates: list[_Plate], site: Site) -> list[datetime | None]:
    texts = [plate.header.get("read time") or None for plate in plates]
    if site.day_first is None:
        proofs = [
            _order(plate.header.get("filename", ""), text or "") for plate, text in zip(plates, texts, strict=True)
        ]
        if len(found := {order for order in proofs if order is not None}) == 1:
            site = site.model_copy(update={"day_first": found.pop()})
    day_first = day_first_of(texts, site)
    return [text and read_moment(text, site, day_first) for text in texts]


def _order(name: str, read_time: str) -> bool | None:
    """Whether a Read Time has the day first, where the export is named after the same moment; None: not proven."""
    named, read = _NAMED_AFTER_TIME.search(name), _READ_TIME.match(read_time)
    if named is None or read is None:
        return None
    year, month, day, *time = (int(part) for part in named.groups())
    first, second, in_year, *at = (int(part) for part in read.groups())
    if month == day or in_year != year or at != time or {first, second} != {day, month}:
        return None
    return first == day


def _spots(plate: _Plate) -> Iterator[dict[str, object]]:
    wells = list(_rows(plate))
    n_lines = Counter(letter for letter, _, _ in wells)
    n_spots = _lines_of_a_row(plate, max(n_lines.values(), default=0))
    used = {spot for _, spot, cells in wells if any(cells)}
    assays = [name.strip() for name in plate.header.get("assays", "").split(",")]
    for letter, spot, cells in wells:
        if spot not in used:  # a spot that the plate does not have: its lines are there, and blank in every well
            continue
        named = assays[int(spot) - 1] if 0 < int(spot) <= len(assays) else ""
        symbol, uniprot = resolve(named or f"Spot {spot}")
        for column, cell in zip(plate.columns, cells, strict=False):
            numbers = Numbers(".")
            well = well_name(f"{letter}{column}")
            if well is None:
                numbers.problems.append("the row or the column is none of a plate (A to P, 1 to 24)")
            if len(cells) > len(plate.columns):
                numbers.problems.append(f"the row has {len(cells)} values where there are {len(plate.columns)} columns")
            if n_lines[letter] != n_spots:
                numbers.problems.append(f"the row has {n_lines[letter]} lines where a well has {n_spots} spots")
            if not plate.barcode:
                numbers.problems.append("the plate has no barcode")
            yield {
                "well": well,
                "analyte_as_given": named or f"Spot {spot}",
                "analyte": symbol,
                "uniprot_id": uniprot,
                "assay_id": spot,
                "ecl_signal": numbers.number(cell, "the signal"),
                "problem": numbers.problem,
            }


def _lines_of_a_row(plate: _Plate, longest: int) -> int:
    """How many lines each row should have: one where the table is that of one spot, else one for each spot."""
    if _NUMBER.fullmatch(plate.header.get("spotid", "")):
        return 1
    spots = plate.header.get("spots per well", "")
    return int(spots) if _NUMBER.fullmatch(spots) else longest


def _rows(plate: _Plate) -> Iterator[tuple[str, str, list[str]]]:
    """(letter, spot, cells of the columns) of each line; a line without a letter is the next spot of its row."""
    only = plate.header.get("spotid", "")
    letter, n = "", 0
    for cells in plate.lines:
        label = cells[0] if cells else ""
        letter, n = (label, 1) if label else (letter, n + 1)
        values = cells[1:] + [""] * (len(plate.columns) - len(cells) + 1)
        yield letter, only if _NUMBER.fullmatch(only) else str(n), values


METHODICAL_MIND = Format("msd_methodical_mind", LOOKED_FOR, is_methodical_mind, read_methodical_mind, CYTOKINE)
