"""Wide CSV: one row a time, one column a signal (`case_id[,patient_id],time,HR,MAP,...`).

A record is one cell. Columns that the alias table does not know are not read: they may hold free text.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import FileError
from infra.settings import Site
from infra.tables.vitals import SIGNALS
from ingestion.columnar import TextColumns, find_name, header_of, numbers, present
from ingestion.decimals import told_by
from ingestion.format import Format, Mappable, Probe, RawFile
from ingestion.problems import join_problems, where
from ingestion.site_tables import columns_of, declared_as
from ingestion.sources.vitals.raw import VITAL_VALUE
from ingestion.sources.vitals.signals import device_of, signal_of, unit_of
from ingestion.sources.vitals.times import event_times
from ingestion.sources.vitals.units import conversion_to, fraction_or_percent

NAME = "vitals_wide_csv"
CASE = ("case_id", "caseid")
PATIENT = ("patient_id", "subject_id")
TIME = ("time", "event_time", "datetime", "timestamp", "charttime", "date_time")
_NOT_SIGNALS = {*CASE, *PATIENT, *TIME, "signal", "value", "unit", "device"}


def has_one(header: list[str], names: tuple[str, ...]) -> bool:
    return find_name(header, *names) is not None


def signal_columns(header: list[str]) -> dict[str, str]:
    """Which of the columns are signals: {column: signal}."""
    found = {name: signal_of(name) for name in header if name.lower() not in _NOT_SIGNALS}
    return {name: signal for name, signal in found.items() if signal}


def _recognise(probe: Probe) -> bool:
    header = header_of(probe.lines)
    return (
        has_one(header, CASE)
        and has_one(header, TIME)
        and bool(signal_columns(header))
        and not (has_one(header, ("signal",)) and has_one(header, ("value",)))
    )


def read_wide(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Yields one batch a signal column. Raises FileError where case, time or every signal is missing."""
    table, site, declared = columns_of(raw, site, NAME)
    units = {} if declared is None else declared.units
    yield from melt(table, site, table.need(*CASE), table.get(*PATIENT), units)


def melt(
    table: TextColumns,
    site: Site,
    case_id: pa.Array,
    patient_id: pa.Array | None,
    units: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[pa.RecordBatch]:
    """Signal columns into records, one batch a column; `file_row` is row x number of signals + position.

    units: UCUM codes of columns that are not in the lake's unit. Raises FileError where one cannot be converted.
    """
    signals = signal_columns(list(table.columns))
    if not signals:
        raise FileError("No column of the table is a known vital sign; expected such as MAP, HR or SpO2.")
    times, time_problems = event_times(table.need(*TIME), site, "time")
    site = told_by((table.columns[column] for column in signals), site)
    for position, (column, signal) in enumerate(signals.items()):
        text = present(table.columns[column])
        rows = pc.indices_nonzero(pc.is_valid(text))
        text = text.take(rows)
        value, is_number = numbers(text, site, column)
        unclear = fraction_or_percent(value) if signal == "SPO2" else pa.nulls(len(rows), pa.string())
        if column in units:
            value, unclear = _converted(value, signal, units[column]), pa.nulls(len(rows), pa.string())
        not_a_number = pc.invert(is_number)
        n = len(rows)
        yield VITAL_VALUE.batch(
            file_row=pc.add(pc.multiply(rows.cast(pa.int64()), len(signals)), position),
            problem=join_problems(
                table.problems.take(rows),
                time_problems.take(rows),
                where(not_a_number, f"{signal} is not a number"),
                unclear,
            ),
            case_id=case_id.take(rows),
            patient_id=patient_id.take(rows) if patient_id is not None else None,
            event_time=times.take(rows),
            signal=pa.repeat(signal, n),
            value=value,
            unit=pa.repeat(unit_of(signal), n),
            device=pa.array([device_of(column)] * n, pa.string()),
            reported=pc.if_else(not_a_number, text, None),
        )


def _converted(value: pa.Array, signal: str, unit: str) -> pa.Array:
    conversion = conversion_to(unit_of(signal), unit)
    if conversion is None:
        raise FileError(f"The unit {unit} that the site declares for {signal} is none of {unit_of(signal)}'s kind.")
    factor, offset = conversion
    return pc.add(pc.multiply(value, float(factor)), float(offset))


WIDE_CSV = Format(
    name=NAME,
    looked_for="a CSV with columns case_id, time and signals (MAP, HR, SpO2 ...)",
    recognise=_recognise,
    read=read_wide,
    raw=VITAL_VALUE,
    version=3,
    declared=declared_as(NAME),
    mappable=Mappable(("case_id", "patient_id", "time", *SIGNALS), ("case_id", "time"), ("units",)),
)
