"""The blocks of a Luminex xPONENT CSV export (3.1, 4.x, INTELLIFLEX), before any meaning is given to them.

A header of `key, value, ...` lines ('Program', 'Batch', 'BatchStopTime' ...) is followed by blocks, each opened by a
`DataType:,<name>` line, and by `-- CRC --` as the last but one line. Every field may be quoted or none, a spreadsheet
may have padded the lines with separators, and the comma in the location "1(1,A1)" may stand inside quotes or not.
"""

import csv
import re
from dataclasses import dataclass

from infra.errors import FileError
from ingestion.format import Probe
from ingestion.text import separator_of

_OPEN_LOCATION = re.compile(r"\d+\(\d+")
_REST_OF_LOCATION = re.compile(r"[A-P]\d{1,2}\)")
_WELL = re.compile(r"[A-P]\d{1,2}")
TRAILER = "-- CRC --"
LOOKED_FOR = "a first line 'Program,xPONENT,...' and blocks that begin with 'DataType:'"

Analyte = tuple[str, int]
"""A column's analyte: its name, and how many columns of the same name stand before it (two beads may share one)."""


@dataclass(frozen=True)
class WellRow:
    """One line of a block by well. cells: of the analytes, '' where the line ends early."""

    location: str
    sample: str
    cells: list[str]
    total_events: str
    problem: str | None


@dataclass(frozen=True)
class WellBlock:
    """A block with a line a well."""

    analytes: list[Analyte]
    rows: list[WellRow]


@dataclass(frozen=True)
class Export:
    """An export taken apart: header cells by key, lines of cells by block name (in lower case)."""

    header: dict[str, list[str]]
    header_lines: list[list[str]]
    blocks: dict[str, list[list[str]]]
    has_trailer: bool

    def value(self, key: str) -> str | None:
        """The first cell behind a header key, or None where it is absent or blank."""
        cells = self.header.get(key.casefold(), [])
        return cells[0] if cells and cells[0] else None

    def well_block(self, name: str) -> WellBlock | None:
        """A block with Location and Sample columns; None where the export has none of this name."""
        lines = self.blocks.get(name.casefold())
        return _well_block(lines, name) if lines and is_by_well(lines) else None

    def by_analyte(self, name: str) -> dict[str, dict[Analyte, str]]:
        """A block with a column an analyte (Units, Per Bead Count): {row label: {analyte: cell}}."""
        lines = self.blocks.get(name.casefold(), [])
        analytes = next((numbered(line[1:]) for line in lines if _label(line) in ("analyte", "analytes")), [])
        return {_label(line): dict(zip(analytes, line[1:], strict=False)) for line in lines}

    def by_sample(self, name: str) -> dict[str, dict[Analyte, str]]:
        """A block with a line a sample and no location (Standard Expected Concentration): {sample: {analyte: cell}}."""
        lines = self.blocks.get(name.casefold(), [])
        if not lines:
            return {}
        analytes = numbered(lines[0][1:])
        return {line[0].casefold(): dict(zip(analytes, line[1:], strict=False)) for line in lines[1:]}


def is_xponent(probe: Probe) -> bool:
    """Whether one of the first lines says that xPONENT wrote the file."""
    lines = [line for line in probe.lines[:20] if line.strip(' ,;\t"')][:3]
    return any(_is_program(line) for line in lines)


def _is_program(line: str) -> bool:
    return re.match(r'\s*"?Program"?\s*[,;\t]\s*"?xPONENT', line, re.IGNORECASE) is not None


def parse_export(text: str) -> Export:
    """Takes an export apart.

    Raises FileError where it names no program or holds no block, or where a line cannot be split.
    """
    lines = text.split("\n")
    program = next((line for line in lines[:20] if _is_program(line)), None)
    if program is None:
        raise FileError(f"The file does not begin as an xPONENT export; expected {LOOKED_FOR}.")
    separator = separator_of(program)
    header_lines: list[list[str]] = []
    blocks: dict[str, list[list[str]]] = {}
    twice: list[str] = []
    current: list[list[str]] | None = None
    has_trailer = False
    for line in lines:
        cells = _cells(line, separator)
        if not cells:
            continue
        if cells[0].startswith(TRAILER):
            has_trailer = True
            break
        if cells[0].casefold() == "datatype:":
            name = cells[1].casefold() if len(cells) > 1 else ""
            if name in blocks:
                twice.append(name)
            current = blocks[name] = []
        elif current is None:
            header_lines.append(cells)
        else:
            current.append(cells)
    if not blocks:
        raise FileError("The xPONENT export holds no block; expected lines that begin with 'DataType:'.")
    if twice:
        raise FileError(f"The xPONENT export holds {len(twice)} blocks twice; expected each DataType once.")
    header: dict[str, list[str]] = {}
    for cells in header_lines:
        header.setdefault(cells[0].casefold(), cells[1:])
    return Export(header, header_lines, blocks, has_trailer)


def _cells(line: str, separator: str) -> list[str]:
    """The stripped cells of a line, without the blank ones that pad its end; the location in one piece."""
    try:
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error as error:
        raise FileError(f"A line of the xPONENT export cannot be split into cells ({error}).") from error
    while cells and not cells[-1]:
        cells.pop()
    if len(cells) > 1 and _OPEN_LOCATION.fullmatch(cells[0]) and _REST_OF_LOCATION.fullmatch(cells[1]):
        cells[:2] = [f"{cells[0]},{cells[1]}"]
    elif len(cells) > 2 and cells[0].isdigit() and _WELL.fullmatch(cells[1]) and not cells[2].isdigit():
        cells[:2] = [f"{cells[0]},{cells[1]}"]  # the same comma in Warnings/Errors: 1,A1,Warning,...
    return cells


def numbered(names: list[str]) -> list[Analyte]:
    seen: dict[str, int] = {}
    result = []
    for name in names:
        result.append((name, seen.get(name, 0)))
        seen[name] = seen.get(name, 0) + 1
    return result


def is_by_well(lines: list[list[str]]) -> bool:
    return bool(lines) and [cell.casefold() for cell in lines[0][:2]] == ["location", "sample"]


def _label(line: list[str]) -> str:
    return line[0].rstrip(":").casefold()


def _well_block(lines: list[list[str]], name: str) -> WellBlock:
    columns = lines[0]
    folded = [cell.casefold() for cell in columns]
    total = folded.index("total events") if "total events" in folded else len(columns)
    analytes = numbered(columns[2:total])
    rows = []
    for line in lines[1:]:
        problem = None
        if len(line) > len(columns) or (total < len(columns) and len(line) <= total):
            problem = f"block {name} has {len(line)} cells where its header has {len(columns)}"
        # Elsewhere blank cells at the end are values not reported.
        cells = line + [""] * (len(columns) - len(line))
        rows.append(
            WellRow(
                location=cells[0].replace(" ", ""),
                sample=cells[1],
                cells=cells[2:total],
                total_events=cells[total] if total < len(columns) else "",
                problem=problem,
            )
        )
    return WellBlock(analytes, rows)
