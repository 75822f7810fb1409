"""Wide CSV: one row a time, one column a signal (`case_id[,patient_id],time,HR,MAP,...`).

A record is one cell. Columns that the alias table does not know are not read: they may hold free text.
"""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Format, Probe, RawFile
from ingestion.problems import join_problems, where
from ingestion.sources.vitals.cells import (
    Cells,
    event_times,
    header_cells,
    numbers,
    present,
    read_cells,
)
from ingestion.sources.vitals.raw import VITAL_VALUE
from ingestion.sources.vitals.signals import device_of, signal_of, unit_of

CASE = ("case_id", "caseid")
PATIENT = ("patient_id", "subject_id")
TIME = ("time", "event_time", "datetime", "timestamp", "charttime", "date_time")
_NOT_SIGNALS = {*CASE, *PATIENT, *TIME, "signal", "value", "unit", "device"}


def header_of(probe: Probe) -> list[str]:
    """The header names of a delimited text, in lower case; empty where the file has none."""
    line = next((line for line in probe.lines if line.strip() and not line.startswith("#")), "")
    return [name.lower() for name in header_cells(line)]


def has_one(header: list[str], names: tuple[str, ...]) -> bool:
    return any(name in header for name in names)


def signal_columns(names: list[str]) -> dict[str, str]:
    """Which of the columns (lower case) are signals: {column: signal}."""
    found = {name: signal_of(name) for name in names if name not in _NOT_SIGNALS}
    return {name: signal for name, signal in found.items() if signal}


def _recognise(probe: Probe) -> bool:
    header = header_of(probe)
    return (
        has_one(header, CASE) and has_one(header, TIME) and not {"signal", "value"} <= set(header)
        and bool(signal_columns(header))
    )


def read_wide(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Yields one batch a signal column. Raises FileError where case, time or every signal is missing."""
    cells = read_cells(raw.text)
    yield from melt(cells, site, cells.need(*CASE), cells.get(*PATIENT))


def melt(cells: Cells, site: Site, case_id: pa.Array, patient_id: pa.Array | None) -> Iterator[pa.RecordBatch]:
    """Signal columns into records, one batch a column; `file_row` is row x number of signals + position."""
    signals = signal_columns(list(cells.columns))
    if not signals:
        raise FileError("No column of the table is a known vital sign; expected such as MAP, HR or SpO2.")
    times, time_problems = event_times(cells.need(*TIME), site, "time")
    for position, (column, signal) in enumerate(signals.items()):
        text = present(cells.columns[column])
        rows = pc.indices_nonzero(pc.is_valid(text))
        text = text.take(rows)
        value, is_number = numbers(text)
        not_a_number = pc.invert(is_number)
        n = len(rows)
        yield VITAL_VALUE.batch(
            file_row=pc.add(pc.multiply(rows.cast(pa.int64()), len(signals)), position),
            problem=join_problems(
                cells.problems.take(rows), time_problems.take(rows), where(not_a_number, f"{signal} is not a number")
            ),
            case_id=case_id.take(rows),
            patient_id=patient_id.take(rows) if patient_id is not None else None,
            event_time=times.take(rows),
            signal=pa.repeat(signal, n),
            value=value,
            unit=pa.repeat(unit_of(signal), n),
            device=pa.array([device_of(cells.names[column])] * n, pa.string()),
            reported=pc.if_else(not_a_number, text, None),
        )


WIDE_CSV = Format(
    name="vitals_wide_csv",
    looked_for="a CSV with columns case_id, time and signals (MAP, HR, SpO2 ...)",
    recognise=_recognise,
    read=read_wide,
    raw=VITAL_VALUE,
)
