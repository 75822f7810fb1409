"""Bio-Plex Manager reports (.xlsx, and the same as text): one raw record for each analyte in each well.

Obs Conc is the concentration, with the software's marks ('OOR <', '*12.3', '***', '---') or LabKey's ('<< 12.3').
Rows that hold means over replicate wells are left out where the wells stand on their own; where they do not, they are
records with a problem: a mean is no value of a well.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import PureWindowsPath
from zoneinfo import ZoneInfo

import pyarrow as pa

from infra.errors import FileError
from infra.settings import Site
from ingestion.dates import EXPECTED, is_day_first, parse_time
from ingestion.format import Format, Probe, RawFile
from ingestion.sources.cytokine.analytes import resolve
from ingestion.sources.cytokine.bioplex_table import (
    LOOKED_FOR,
    Analyte,
    Report,
    Row,
    has_table,
    parse_report,
    text_rows,
)
from ingestion.sources.cytokine.names import on_plate, plate_unit, well_name
from ingestion.sources.cytokine.raw import CYTOKINE, record_batch
from ingestion.sources.cytokine.sheets import cell_text, content_of, sheets
from ingestion.sources.cytokine.values import UNREADABLE, Numbers, Reading, decimal_mark, read_number, read_value

_TYPE = re.compile(r"(B|ES|S|C|X|U)\d*", re.IGNORECASE)
_KINDS = {"B": "blank", "S": "standard", "ES": "standard", "C": "control", "X": "unknown", "U": "unknown"}
_NUMBERS = ("fi", "fi - bkgd", "obs conc", "exp conc", "dilution")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMED_MONTH = re.compile(r"(\d{1,2})[\s.-]+([A-Za-z]{3})[a-z]*[\s.-]+(\d{4}),?\s*(.*)")


def is_bioplex_text(probe: Probe) -> bool:
    """Whether the head of a text has the header of a table."""
    try:
        return "well" in probe.text.casefold() and has_table(text_rows(probe.lines[:400]))
    except FileError:
        return False


def is_bioplex_xlsx(probe: Probe) -> bool:
    """Whether the file is a workbook with such a table."""
    content = content_of(probe)
    if content is None:
        return False
    try:
        return any(has_table([[cell_text(cell) for cell in row] for row in rows]) for _, rows in sheets(content))
    except FileError:
        return False


def read_bioplex_text(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Raw records of a text report, by table and row.

    Raises FileError where it holds no table or only means, names no plate, states no date that can be read, or states
    no unit (then the site may).
    """
    yield record_batch(_records(parse_report([("", text_rows(file.text.split("\n")))]), site))


def read_bioplex_xlsx(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Raw records of all sheets of a workbook. Raises FileError as `read_bioplex_text` does."""
    texts = [(name, [[cell_text(cell) for cell in row] for row in rows]) for name, rows in sheets(file.content)]
    yield record_batch(_records(parse_report(texts), site))


def _records(report: Report, site: Site) -> list[dict[str, object]]:
    single = {(row.analyte, well) for row in report.rows if len(row.wells) == 1 for well in row.wells}
    rows = [row for row in report.rows if len(row.wells) < 2 or not {(row.analyte, w) for w in row.wells} <= single]
    if not single and any(row.wells for row in rows):
        raise FileError("The Bio-Plex report holds only means over replicate wells; expected a row for each well.")
    plate_id = _plate_id(report)
    decimal = decimal_mark(row.cell(name) for row in rows for name in _NUMBERS)
    readings = [_reading(row, decimal) for row in rows]
    plate = {
        "plate_id": plate_id,
        "platform": "bioplex",
        "unit": _unit(report, rows, readings, site),
        "measured_time": _time(report, site),
    }
    limits = _limits(rows, decimal)
    seen: dict[tuple[Analyte, str, str], int] = {}
    records = []
    for row, reading in zip(rows, readings, strict=True):
        key = (row.analyte, ",".join(row.wells), row.type)
        seen[key] = seen.get(key, 0) + 1
        record = _record(row, reading, decimal, plate_id, limits.get(row.analyte, (None, None)))
        records.append(plate | record | {"replicate": seen[key]})
    return records


def _plate_id(report: Report) -> str:
    """Plate ID, else the name of the software's own file."""
    named = report.header.get("plate id") or PureWindowsPath(report.header.get("file name", "")).stem
    if not named:
        raise FileError("The Bio-Plex report names no plate; expected a line 'Plate ID: ...' or 'File Name: ...'.")
    return named


def _unit(report: Report, rows: list[Row], readings: list[Reading], site: Site) -> str | None:
    """The unit, where there is anything that has one: fluorescence alone needs none."""
    is_needed = any(r.value is not None or r.limit is not None or r.operator in ("<", ">") for r in readings)
    if not is_needed and not any(row.cell("exp conc") for row in rows):
        return None
    stated = report.unit or report.header.get("concentration units") or report.header.get("units")
    return plate_unit(stated, site, "bioplex")


def _time(report: Report, site: Site) -> datetime | None:
    """Acquisition Date in UTC ('21-Jan-2024, 06:00 PM'); None where there is none."""
    text = report.header.get("acquisition date")
    if not text:
        return None
    if (match := _NAMED_MONTH.fullmatch(text)) and match[2].casefold() in _MONTHS:
        text = f"{match[3]}-{_MONTHS.index(match[2].casefold()) + 1:02}-{int(match[1]):02} {match[4]}".strip()
    else:
        text = text.replace(",", " ")
    time = parse_time(text, is_day_first([text], site, "Acquisition Date"), ZoneInfo(site.time_zone))
    if time is None:
        raise FileError(f"The Acquisition Date of the Bio-Plex report is not {EXPECTED}.")
    return time


def _reading(row: Row, decimal: str) -> Reading:
    reading = read_value(row.cell("obs conc"), decimal)
    if reading.operator is not None and (read_number(row.cell("outlier")) or 0) != 0:
        return Reading(operator="none", qc_flag="outlier")
    if reading.qc_flag == "pass" and row.cell("sampling errors"):
        return Reading(reading.value, reading.operator, reading.limit, "warning")
    return reading


def _kind(row: Row) -> str | None:
    match = _TYPE.fullmatch(row.type)
    return _KINDS[match[1].upper()] if match else None


def _record(
    row: Row, reading: Reading, decimal: str, plate_id: str, limits: tuple[float | None, float | None]
) -> dict[str, object]:
    kind = _kind(row)
    well = well_name(row.wells[0]) if len(row.wells) == 1 else None
    numbers = Numbers(decimal, _problems(row, reading, kind, well))
    given, region = row.analyte
    symbol, uniprot = resolve(given)
    # Dilutions are written 4 or 1:4.
    dilution = numbers.number(re.sub(r"^1\s*:\s*", "", row.cell("dilution")), "the dilution")
    low, high = limits if dilution in (None, 1.0) else (None, None)
    name = row.cell("description")
    label = on_plate(row.type, plate_id) if kind == "unknown" and row.type else row.type
    return {
        "sample": name or label or None,
        "well": well,
        "sample_type": kind or "not_stated",
        "analyte_as_given": given or None,
        "analyte": symbol or None,
        "uniprot_id": uniprot,
        "assay_id": region or None,
        "reported": row.cell("obs conc") or None,
        "value": reading.value,
        "operator": reading.operator,
        "lloq": reading.limit if reading.operator == "<" and reading.limit is not None else low,
        "uloq": reading.limit if reading.operator == ">" and reading.limit is not None else high,
        "dilution_factor": dilution,
        "expected_value": numbers.number(row.cell("exp conc"), "Exp Conc"),
        "median_fluorescence": numbers.number(row.cell("fi"), "FI"),
        "net_fluorescence": numbers.number(row.cell("fi - bkgd"), "FI - Bkgd"),
        "bead_count": numbers.count(row.cell("bead count", "beadcount"), "Bead Count"),
        "qc_flag": reading.qc_flag,
        "qc_message": row.cell("sampling errors") or None,
        "problem": numbers.problem,
    }


def _problems(row: Row, reading: Reading, kind: str | None, well: str | None) -> list[str]:
    problems = [] if row.problem is None else [row.problem]
    if len(row.wells) > 1:
        problems.append(f"the row is a mean over {len(row.wells)} wells that do not stand on their own")
    elif well is None:
        problems.append("Well is not written as A1")
    if kind is None:
        problems.append("Type is none of B, S, ES, C, X and U with a number")
    if not row.analyte[0]:
        problems.append("the row names no analyte")
    if reading.operator is None:
        problems.append(UNREADABLE)
    return problems


def _limits(rows: list[Row], decimal: str) -> dict[Analyte, tuple[float, float]]:
    """The lowest and the highest standard above 0 of each analyte, where there are two or more."""
    standards: dict[Analyte, set[float]] = {}
    for row in rows:
        nominal = read_number(row.cell("exp conc"), decimal)
        if nominal and nominal > 0 and _kind(row) == "standard":
            standards.setdefault(row.analyte, set()).add(nominal)
    return {analyte: (min(values), max(values)) for analyte, values in standards.items() if len(values) > 1}


BIOPLEX_TEXT = Format("bioplex_text", f"{LOOKED_FOR}, as text", is_bioplex_text, read_bioplex_text, CYTOKINE)
BIOPLEX_XLSX = Format("bioplex_xlsx", f"a workbook, in it {LOOKED_FOR}", is_bioplex_xlsx, read_bioplex_xlsx, CYTOKINE)
