"""Bio-Plex Manager report tables, as a workbook or as text: cells by analyte and well, before any meaning is given.

Lines 'Key: value' stand above the tables (File Name, Analyte, Acquisition Date, Plate ID ...). A table has a row a well
and begins with a header that names Type and Well; it comes in two forms, and ends with a blank row:

    one analyte (a sheet each):                      several analytes (a table for each quantity):

    Analyte: IL-6 (19)                                                        IL-6 (19)   TNF-α (45)
                                                     Type  Well  Description  Obs Conc    Obs Conc
    Type  Well   Description  FI    Obs Conc  ...    X1    C3    S-001        33.25       *4.5
    X1    C3,D3  S-001        812   33.25            X2    E3    S-002        OOR <       OOR >

A row for several wells ('C3,D3') holds means over replicates.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from infra.errors import FileError
from ingestion.sources.cytokine.lines import split_lines
from ingestion.sources.cytokine.names import column_and_unit

LOOKED_FOR = "a table with the columns Type and Well, and FI or Obs Conc"
_MEASURED = {"fi", "fi - bkgd", "obs conc"}
_OF_THE_WELL = ("type", "well", "description", "outlier", "dilution", "group", "sampling errors", "analyte")
_HEADER_LINE = re.compile(r"([^:]+):\s*(.*)")
_REGION = re.compile(r"(.+?)\s*\((\d+)\)")

Analyte = tuple[str, str]
"""(name as given, bead region or '')."""
Place = tuple[Analyte, str, str]
"""(analyte, type, wells as written)."""


@dataclass
class Row:
    """What the tables say of one analyte in one well, or in several (then they are means). cells: by folded column."""

    analyte: Analyte
    type: str
    wells: list[str]
    cells: dict[str, str] = field(default_factory=dict)
    problem: str | None = None

    def cell(self, *names: str) -> str:
        return next((self.cells[name] for name in names if self.cells.get(name)), "")


@dataclass
class Report:
    """Header values by folded key, rows in the order in which they first appear, and the unit that a column states."""

    header: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    unit: str | None = None
    _by_place: dict[Place, list[Row]] = field(default_factory=dict)
    _passed: dict[tuple[Place, frozenset[str]], int] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Adds a row, or its cells to the first one of the same analyte, type and wells that does not have them yet."""
        place = (row.analyte, row.type, ",".join(row.wells))
        same = self._by_place.setdefault(place, [])
        # A row that had these columns once has them for good: it is not looked at again, or a file that repeats a
        # line many thousand times takes minutes.
        asked = (place, frozenset(row.cells.keys() - set(_OF_THE_WELL)))
        for i in range(self._passed.get(asked, 0), len(same)):
            if not same[i].cells.keys() & asked[1]:
                same[i].cells |= row.cells
                same[i].problem = same[i].problem or row.problem
                self._passed[asked] = i
                return
        self._passed[asked] = len(same)
        same.append(row)
        self.rows.append(row)


def text_rows(lines: list[str]) -> list[list[str]]:
    """The cells of the lines of a text; the separator is that of the first table's header."""
    header = next((line for line in lines if _is_table([cell.strip(' "') for cell in _loose(line)])), "")
    return split_lines(lines, header, "Bio-Plex report")


def _loose(line: str) -> list[str]:
    return re.split(r"[,;\t|]", line)


def has_table(rows: list[list[str]]) -> bool:
    return any(_is_table(row) for row in rows)


def parse_report(sheets: list[tuple[str, list[list[str]]]]) -> Report:
    """The report of all sheets (name, rows of cells). Raises FileError where none holds a table."""
    report = Report()
    for name, rows in sheets:
        header = _header(rows)
        report.header = {**header, **report.header}
        for start in (i for i, row in enumerate(rows) if _is_table(row)):
            _read_table(report, rows, start, header.get("analyte") or name)
    if not any(has_table(rows) for _, rows in sheets):
        raise FileError(f"The Bio-Plex report holds no table; expected {LOOKED_FOR}.")
    return report


def _is_table(row: list[str]) -> bool:
    names = {column_and_unit(cell)[0] for cell in row}
    return {"type", "well"} <= names and bool(names & {*_MEASURED, "exp conc", "bead count", "beadcount"})


def _header(rows: list[list[str]]) -> dict[str, str]:
    """The 'Key: value' lines above the first table; a value that the separator split is joined again."""
    header: dict[str, str] = {}
    for row in rows:
        if _is_table(row):
            break
        if match := _HEADER_LINE.fullmatch(", ".join(cell for cell in row if cell)):
            header.setdefault(match[1].strip().casefold(), match[2].strip())
    return header


def _read_table(report: Report, rows: list[list[str]], start: int, sheet_analyte: str) -> None:
    columns = [column_and_unit(cell) for cell in rows[start]]
    names = [name for name, _ in columns]
    width = max((i + 1 for i, name in enumerate(names) if name), default=0)
    report.unit = report.unit or next((unit for name, unit in columns if unit and name == "obs conc"), None)
    above = rows[start - 1] if start else []
    analytes = _analytes(names[:width], above + [""] * width, sheet_analyte)
    for row in _body(rows, start):
        cells = dict(zip(names, row, strict=False))
        wells = [well for well in re.split(r"[,\s;]+", cells.get("well", "")) if well]
        problem = None
        if len(row) < width:
            problem = f"the row has {len(row)} cells where its header has {width}"
        for given, positions in analytes.items():
            name = given or cells.get("analyte", "")
            own = {names[i]: row[i] for i in positions if i < len(row)}
            own |= {key: cells[key] for key in _OF_THE_WELL if key in cells}
            report.add(Row(_analyte(name), cells.get("type", ""), wells, own, problem))


def _analytes(names: list[str], above: list[str], sheet_analyte: str) -> dict[str, list[int]]:
    """Positions of the columns of each analyte; under '' where each row names its own."""
    positions = [i for i, name in enumerate(names) if name and name not in _OF_THE_WELL]
    if any(above[i] for i in positions):
        result: dict[str, list[int]] = {}
        for i in positions:
            if above[i]:
                result.setdefault(above[i], []).append(i)
        return result
    return {"" if "analyte" in names else sheet_analyte: positions}


def _analyte(text: str) -> Analyte:
    match = _REGION.fullmatch(text.strip())
    return (match[1], match[2]) if match else (text.strip(), "")


def _body(rows: list[list[str]], start: int) -> Iterator[list[str]]:
    for i in range(start + 1, len(rows)):
        # The line of analytes above the next table is none of this one.
        if not any(rows[i]) or any(_is_table(row) for row in rows[i : i + 2]):
            return
        yield rows[i]
