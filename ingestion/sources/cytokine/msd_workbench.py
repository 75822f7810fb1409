"""MSD Workbench (Discovery Workbench) plate tables: a row for each spot of each well, as CSV or in a workbook.

    Plate_2BO40AW287
    Sample,Assay,Well,Spot,Dilution,Concentration,Signal,Adjusted Signal,Mean,...,Calc. Concentration,Calc. Conc. Mean
    S001,IL-6,A01,3,,1000,...

Columns are found by name, since optional ones (Fit Statistic: RSquared, Detection Range, Calc. Conc. CV) move the rest.
The concentration of a well is 'Calc. Concentration'; the means over replicates beside it are not read. Standards are
S001, unknowns U001, controls C001, blanks B001, unless the samples were named. What 'Detection Range' says goes with
the concentration:

    Calc. Concentration  Detection Range         value  operator  qc_flag
    53.2                 In Detection Range      53.2   =         pass
    53.2                 Above Detection Range   53.2   *         outside_detection_range
    53.2                 Above Fit Curve Range   53.2   *         outside_fit_curve
    NaN                  Below Fit Curve Range          <         outside_fit_curve
    NaN                  (blank)                        none      not_calculated
    (blank)              (blank)                        none      not_reported
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import pyarrow as pa

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Format, Probe, RawFile
from ingestion.sources.cytokine.analytes import resolve
from ingestion.sources.cytokine.lines import split_lines
from ingestion.sources.cytokine.msd_read_times import ReadTimes, read_times
from ingestion.sources.cytokine.names import column_and_unit, on_plate, plate_unit, sample_type_of, well_name
from ingestion.sources.cytokine.raw import CYTOKINE, record_batch
from ingestion.sources.cytokine.sheets import cell_text, content_of, sheets
from ingestion.sources.cytokine.values import (
    OUTSIDE,
    UNREADABLE,
    Numbers,
    Reading,
    decimal_mark,
    read_number,
    read_value,
)

LOOKED_FOR = "a line 'Plate_<id>' and below it a header with Sample, Assay, Well, Spot and Signal"
_NEEDED = {"sample", "assay", "well", "spot", "signal"}
_PLATE = re.compile(r"plate[\s_:-]*(.*)", re.IGNORECASE)
_LABEL = re.compile(r"([SUCB])\d+", re.IGNORECASE)
_ROLES = {"S": "standard", "U": "unknown", "C": "control", "B": "blank"}
_NUMBERS = ("signal", "adjusted signal", "concentration", "calc. concentration", "dilution", "dilution factor")


@dataclass
class _Table:
    """One plate: its line, its columns by folded name, and the cells of its rows."""

    plate: str
    columns: dict[str, int]
    width: int
    unit: str | None
    rows: list[list[str]] = field(default_factory=list)

    def cell(self, row: list[str], *names: str) -> str:
        """The first of the columns that the table has; '' where it has none or the row ends before it."""
        position = next((self.columns[name] for name in names if name in self.columns), len(row))
        return row[position] if position < len(row) else ""


def is_workbench_csv(probe: Probe) -> bool:
    """Whether the first lines of a text are those of a plate table."""
    lines = [line for line in probe.lines[:20] if line.strip(' ,;\t"')][:3]
    if not lines or _PLATE.match(lines[0].strip(' ,;\t"')) is None:
        return False
    try:
        return any(_is_header(_split([line])) for line in lines[1:])
    except FileError:
        return False


def is_workbench_xlsx(probe: Probe) -> bool:
    """Whether the file is a workbook with a plate table in one of its sheets."""
    content = content_of(probe)
    if content is None:
        return False
    try:
        return any(_is_header([[cell_text(c) for c in row] for row in rows[:20]]) for _, rows in sheets(content))
    except FileError:
        return False


def read_workbench_csv(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Raw records of a CSV, by plate and row. Such an export has no date.

    Raises FileError where it holds no plate table, or neither it nor the site states the unit.
    """
    yield record_batch(_records(_tables(_split(file.text.split("\n"))), site, {}))


def read_workbench_xlsx(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Raw records of all sheets that hold a plate table, by sheet and row.

    Times are those of the sheet in which the reader's own header was kept ('Read Time :'), for the same plate.
    Raises FileError as `read_workbench_csv` does, and where those dates can be read two ways.
    """
    texts = [[[cell_text(cell) for cell in row] for row in rows] for _, rows in sheets(file.content)]
    tables = [table for rows in texts for table in _tables(rows, is_only=False)]
    yield record_batch(_records(tables, site, read_times(texts, site)))


def _split(lines: list[str]) -> list[list[str]]:
    header = next((line for line in lines if {"sample", "well", "spot"} <= _folded(line)), "")
    return split_lines(lines, header, "MSD Workbench export")


def _folded(line: str) -> set[str]:
    return {cell.strip(' "').casefold() for cell in re.split(r"[,;\t]", line)}


def _is_header(rows: Iterable[list[str]]) -> bool:
    return any({column_and_unit(cell)[0] for cell in row} >= _NEEDED for row in rows)


def _tables(rows: list[list[str]], is_only: bool = True) -> list[_Table]:
    """The plates of a sheet or text; `is_only`: it is refused where it holds none."""
    tables: list[_Table] = []
    plate = ""
    current: _Table | None = None
    for row in rows:
        given = [cell for cell in row if cell and not cell.startswith("Unnamed:")]  # pandas names blank headers so
        if not given:
            continue
        if len(given) == 1 and (match := _PLATE.fullmatch(given[0])):
            plate, current = match[1].strip(), None
        elif _is_header([row]):
            current = _table(plate, row)
            tables.append(current)
        elif current is not None:
            current.rows.append(row)
    if is_only and not tables:
        raise FileError(f"The MSD Workbench export holds no plate table; expected {LOOKED_FOR}.")
    return tables


def _table(plate: str, header: list[str]) -> _Table:
    if not plate:
        raise FileError("The MSD Workbench table names no plate; expected a line 'Plate_<id>' above its header.")
    while header and not header[-1]:
        header = header[:-1]
    parsed = [column_and_unit(name) for name in header]
    names = [name for name, _ in parsed]
    if any(names.count(name) > 1 for name in _NEEDED | set(_NUMBERS)):
        raise FileError("The header of the MSD Workbench table names a column twice; expected each once.")
    units = {unit for name, unit in parsed if unit and name in ("concentration", "calc. concentration")}
    if len(units) > 1:
        raise FileError("The MSD Workbench table has concentrations in two units; expected one.")
    return _Table(plate, {name: i for i, name in enumerate(names)}, len(header), next(iter(units), None))


def _records(tables: list[_Table], site: Site, times: dict[str, ReadTimes]) -> list[dict[str, object]]:
    records: list[dict[str, object]] = []
    for table in tables:
        decimal = decimal_mark(table.cell(row, name) for row in table.rows for name in _NUMBERS)
        plate = {
            "plate_id": table.plate,
            "platform": "msd",
            "unit": _unit(table, site, decimal),
            "measured_time": times[table.plate].measured if table.plate in times else None,
            "reported_time": times[table.plate].known if table.plate in times else None,
        }
        records += [plate | record for record in _plate_records(table, decimal)]
    return records


def _unit(table: _Table, site: Site, decimal: str) -> str | None:
    """The unit, where there is anything that has one: signals alone need none."""
    texts = (table.cell(row, name) for row in table.rows for name in ("concentration", "calc. concentration"))
    if not any(read_value(text, decimal).operator in ("=", "<", ">", "*") for text in texts):
        return None
    return plate_unit(table.unit, site, "msd")


def _plate_records(table: _Table, decimal: str) -> Iterator[dict[str, object]]:
    seen: dict[tuple[str, ...], int] = {}
    curves = _curves(table, decimal)
    for row in table.rows:
        name, assay, spot = (table.cell(row, column) for column in ("sample", "assay", "spot"))
        well = well_name(table.cell(row, "well"))
        state = table.cell(row, "detection range")
        calculated = table.cell(row, "calc. concentration")
        reading = _reading(calculated, state, decimal)
        numbers = Numbers(decimal, _problems(table, row, well, assay, state, reading))
        dilution = numbers.number(table.cell(row, "dilution", "dilution factor"), "the dilution")
        nominal = numbers.number(table.cell(row, "concentration"), "Concentration")
        low = numbers.number(table.cell(row, "detection limits: calc. low"), "the lower detection limit")
        high = numbers.number(table.cell(row, "detection limits: calc. high"), "the upper detection limit")
        if reading.qc_flag != "outside_detection_range" and dilution in (None, 1.0):
            curve = curves.get((assay, spot), (None, None))
            low, high = (curve[0] if low is None else low), (curve[1] if high is None else high)
        key = (table.cell(row, "well"), name, assay, spot)
        seen[key] = seen.get(key, 0) + 1
        symbol, uniprot = resolve(assay)
        label = _LABEL.fullmatch(name)
        yield {
            "sample": on_plate(name, table.plate) if label and label[1].upper() == "U" else name or None,
            "well": well,
            "replicate": seen[key],
            "sample_type": _sample_type(name, nominal),
            "analyte_as_given": assay or None,
            "analyte": symbol or None,
            "uniprot_id": uniprot,
            "assay_id": spot or None,
            "reported": calculated or None,
            "value": reading.value,
            "operator": reading.operator,
            "lloq": low,
            "uloq": high,
            "dilution_factor": dilution,
            "expected_value": nominal,
            "ecl_signal": numbers.number(table.cell(row, "signal"), "Signal"),
            "ecl_signal_adjusted": numbers.number(table.cell(row, "adjusted signal"), "Adjusted Signal"),
            "qc_flag": reading.qc_flag,
            "qc_message": state if state.casefold() in OUTSIDE else None,
            "problem": numbers.problem,
        }


def _reading(calculated: str, state: str, decimal: str) -> Reading:
    """The concentration with what 'Detection Range' says of it (see the table above)."""
    reading = read_value(calculated, decimal)
    operator, flag = OUTSIDE.get(" ".join(state.casefold().split()), (None, None))
    if reading.operator == "=" and flag:
        return replace(reading, operator="*", qc_flag=flag)
    if reading.operator == "none" and flag:
        return Reading(operator=operator, qc_flag=flag)
    if reading.qc_flag == "empty_well":  # NaN: here the spot was read, and no concentration came of it
        return replace(reading, qc_flag="not_calculated")
    return reading


def _problems(table: _Table, row: list[str], well: str | None, assay: str, state: str, reading: Reading) -> list[str]:
    problems = []
    if len(row) < table.width or any(row[table.width :]):
        problems.append(f"the row has {len(row)} cells where the header has {table.width}")
    if well is None:
        problems.append("Well is not written as A01")
    if not assay:
        problems.append("the row names no assay")
    if state and state.casefold() not in (*OUTSIDE, "in detection range", "nan", "n/a"):
        problems.append("Detection Range is none of the five states that MSD Workbench writes")
    if reading.operator is None:
        problems.append(UNREADABLE)
    return problems


def _sample_type(name: str, nominal: float | None) -> str:
    """From the label S001, U001, C001, B001, else from the name; what has a nominal concentration is no unknown."""
    label = _LABEL.fullmatch(name)
    kind = _ROLES[label[1].upper()] if label else sample_type_of(name)
    return "standard" if kind == "unknown" and nominal is not None and not label else kind


def _curves(table: _Table, decimal: str) -> dict[tuple[str, str], tuple[float, float]]:
    """The lowest and the highest standard above 0 by (assay, spot), where there are two or more."""
    standards: dict[tuple[str, str], list[float]] = {}
    for row in table.rows:
        nominal = read_number(table.cell(row, "concentration"), decimal)
        if nominal and nominal > 0 and _sample_type(table.cell(row, "sample"), nominal) == "standard":
            standards.setdefault((table.cell(row, "assay"), table.cell(row, "spot")), []).append(nominal)
    return {key: (min(values), max(values)) for key, values in standards.items() if len(set(values)) > 1}


MSD_CSV = Format("msd_workbench_csv", LOOKED_FOR, is_workbench_csv, read_workbench_csv, CYTOKINE)
MSD_XLSX = Format(
    "msd_workbench_xlsx", f"a workbook, in a sheet of it {LOOKED_FOR}", is_workbench_xlsx, read_workbench_xlsx, CYTOKINE
)
