"""Luminex INTELLIFLEX results (CSV of its own software, 1.x and 2.x): a row a well, columns by region and reporter.

    INSTRUMENT TYPE,..,PLATE NAME,PLATE START,WELL LOCATION,SAMPLE ID,R25: RP1 MEDIAN,R25: RP1 COUNT,R25: RP2 MEDIAN,..

Which columns there are is the user's choice. An instrument with two reporters (DR-SE) gives two readings of one bead
region; they are two records, told apart by assay_id ('25/RP1', '25/RP2'). The export has fluorescence and counts but no
concentration: value is null with qc_flag 'not_reported'. AVERAGE columns are means over replicate wells and are not
read. What INTELLIFLEX writes in the form of xPONENT is read as that.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pyarrow as pa

from infra.errors import FileError
from infra.settings import Site
from ingestion.dates import EXPECTED, is_day_first, parse_time
from ingestion.format import Format, Probe, RawFile
from ingestion.sources.cytokine.analytes import resolve
from ingestion.sources.cytokine.lines import split_lines
from ingestion.sources.cytokine.names import sample_type_of, well_name
from ingestion.sources.cytokine.raw import CYTOKINE, record_batch
from ingestion.sources.cytokine.values import NOT_MEASURED, Numbers, decimal_mark

LOOKED_FOR = "a header with PLATE NAME, WELL LOCATION, SAMPLE ID and columns such as 'R25: RP1 MEDIAN'"
_NEEDED = {"PLATE NAME", "WELL LOCATION", "SAMPLE ID"}
_READING = re.compile(r"R(\d+)\s*:\s*RP([12])\s+(.+)")
_TRAILER = "--DOCUMENT SIGNATURE--"
_WELL_TYPE = re.compile(r"([USCB])\d*")
_ROLES = {"U": "unknown", "S": "standard", "C": "control", "B": "blank"}
_FINE = {"", "completed", "complete", "n/a"}
_TIMES = ("PLATE END", "PLATE START")


@dataclass(frozen=True)
class _Assay:
    """A bead region under one reporter: its columns by what they hold, and the analyte's name."""

    region: str
    reporter: str
    columns: dict[str, int]
    name: str

    def cell(self, row: list[str], what: str) -> str:
        position = self.columns.get(what, len(row))
        return row[position] if position < len(row) else ""


def is_intelliflex(probe: Probe) -> bool:
    """Whether the first line that is not blank is such a header."""
    line = next((line for line in probe.lines[:5] if line.strip()), "")
    if "WELL LOCATION" not in line.upper():
        return False
    try:
        (names,) = split_lines([line], line, "INTELLIFLEX export")
    except FileError:
        return False
    return {name.upper() for name in names} >= _NEEDED and any(_READING.fullmatch(name.upper()) for name in names)


def read_intelliflex(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Raw records, by well and then by region and reporter.

    Raises FileError where the header is not whole or names a column twice, or where dates can be read two ways.
    """
    header, rows = _table(file.text)
    assays = _assays(header, rows)
    if not assays:
        raise FileError(f"The INTELLIFLEX export has no column of a bead region; expected {LOOKED_FOR}.")
    decimal = decimal_mark(cell for row in rows for assay in assays for cell in (assay.cell(row, "MEDIAN"),))
    times = _times(header, rows, site)
    seen: dict[tuple[str, str], int] = {}
    records = []
    for row, time in zip(rows, times, strict=True):
        key = (_of(header, row, "PLATE NAME"), _of(header, row, "WELL LOCATION"))
        seen[key] = seen.get(key, 0) + 1
        well = _well(header, row) | {"measured_time": time, "replicate": seen[key]}
        problems = _problems(header, row, well)
        records += [well | _reading(header, row, assay, decimal, problems) for assay in assays]
    yield record_batch(records)


def _table(text: str) -> tuple[dict[str, int], list[list[str]]]:
    """(positions of the columns by name in capitals, cells of the rows above the signature)."""
    lines = [line for line in text.split("\n") if line.strip(' ,;\t"')]
    if not lines:
        raise FileError(f"The INTELLIFLEX export is empty; expected {LOOKED_FOR}.")
    end = next((i for i, line in enumerate(lines) if line.lstrip(' "').startswith(_TRAILER)), len(lines))
    cells = split_lines(lines[:end], lines[0], "INTELLIFLEX export")
    names = [name.upper() for name in cells[0]] if cells else []
    while names and not names[-1]:
        names.pop()
    if len(set(names)) < len(names):
        raise FileError("The header of the INTELLIFLEX export names a column twice; expected each once.")
    if missing := _NEEDED - set(names):
        raise FileError(f"The header of the INTELLIFLEX export has no column {min(missing)}.")
    return {name: i for i, name in enumerate(names)}, cells[1:]


def _of(header: dict[str, int], row: list[str], name: str) -> str:
    position = header.get(name, len(row))
    return row[position] if position < len(row) else ""


def _assays(header: dict[str, int], rows: list[list[str]]) -> list[_Assay]:
    """The assays in the order of their columns. A well that was not measured names no analyte: any row may."""
    columns: dict[tuple[str, str], dict[str, int]] = {}
    for name, position in header.items():
        if match := _READING.fullmatch(name):
            columns.setdefault((match[1], match[2]), {})[match[3].strip()] = position
    assays = []
    for (region, reporter), found in columns.items():
        assay = _Assay(region, reporter, found, f"R{region}")
        names = (assay.cell(row, "ANALYTE NAME") for row in rows)
        name = next((name for name in names if name.casefold() not in NOT_MEASURED), assay.name)
        assays.append(replace(assay, name=name))
    return assays


def _times(header: dict[str, int], rows: list[list[str]], site: Site) -> list[datetime | None]:
    """When each row's plate was read, in UTC: its end, else its start."""
    texts = [next((text for name in _TIMES if (text := _of(header, row, name))), None) for row in rows]
    dates = [_of(header, row, name) or None for row in rows for name in _TIMES]
    day_first, zone = is_day_first(dates, site, "PLATE START"), ZoneInfo(site.time_zone)
    times = [None if text is None else parse_time(text, day_first, zone) for text in texts]
    if any(text and time is None for text, time in zip(texts, times, strict=True)):
        raise FileError(f"The time of a plate in the INTELLIFLEX export is not {EXPECTED}.")
    return times


def _well(header: dict[str, int], row: list[str]) -> dict[str, object]:
    sample, status = _of(header, row, "SAMPLE ID"), _of(header, row, "WELL STATUS")
    declared = _WELL_TYPE.fullmatch(_of(header, row, "WELL TYPE").upper())
    kind = _ROLES[declared[1]] if declared else "unknown"
    return {
        "plate_id": _of(header, row, "PLATE NAME") or None,
        "sample": sample or None,
        "well": well_name(_of(header, row, "WELL LOCATION")),
        # The layout calls every well an unknown until someone says otherwise; then its name may.
        "sample_type": kind if kind != "unknown" else sample_type_of(sample),
        "panel": _of(header, row, "PROTOCOL NAME") or None,
        "platform": "intelliflex",
        "qc_message": None if status.casefold() in _FINE else status,
    }


def _problems(header: dict[str, int], row: list[str], well: dict[str, object]) -> list[str]:
    problems = []
    if len(row) < len(header) or any(row[len(header) :]):
        problems.append(f"the row has {len(row)} cells where the header has {len(header)}")
    if well["well"] is None:
        problems.append("WELL LOCATION is not written as A1")
    if well["plate_id"] is None:
        problems.append("the row names no plate")
    return problems


def _reading(
    header: dict[str, int], row: list[str], assay: _Assay, decimal: str, problems: list[str]
) -> dict[str, object]:
    numbers = Numbers(decimal, list(problems))
    symbol, uniprot = resolve(assay.name)
    is_empty = assay.cell(row, "MEDIAN").casefold() == "nan"
    return {
        "analyte_as_given": assay.name,
        "analyte": symbol,
        "uniprot_id": uniprot,
        "assay_id": f"{assay.region}/RP{assay.reporter}",
        "operator": "none",
        "dilution_factor": numbers.number(_of(header, row, "DILUTION"), "the dilution"),
        "median_fluorescence": numbers.number(assay.cell(row, "MEDIAN"), "MEDIAN"),
        "net_fluorescence": numbers.number(assay.cell(row, "NET MEDIAN"), "NET MEDIAN"),
        "bead_count": numbers.count(assay.cell(row, "COUNT"), "COUNT"),
        "total_events": numbers.count(_of(header, row, "TOTAL EVENTS"), "TOTAL EVENTS"),
        "qc_flag": "empty_well" if is_empty else "not_reported",
        "problem": numbers.problem,
    }


INTELLIFLEX = Format("luminex_intelliflex", LOOKED_FOR, is_intelliflex, read_intelliflex, CYTOKINE)
