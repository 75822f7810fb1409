"""Long CSV: one row a value (`case_id[,patient_id],time,signal,value[,unit,device]`)."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from infra.settings import Site
from infra.tables.vitals import SIGNALS
from ingestion.format import Format, Probe, RawFile
from ingestion.problems import join_problems, where
from ingestion.sources.vitals.cells import event_times, mapped, numbers, read_cells
from ingestion.sources.vitals.raw import VITAL_VALUE
from ingestion.sources.vitals.signals import device_of, signal_of, ucum, unit_of
from ingestion.sources.vitals.wide_csv import CASE, PATIENT, TIME, has_one, header_of


def _recognise(probe: Probe) -> bool:
    header = header_of(probe)
    return has_one(header, CASE) and has_one(header, TIME) and {"signal", "value"} <= set(header)


def read_long(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Yields one batch. A row without a value is no record; an unknown signal keeps its name, for the gate to refuse.

    Raises FileError where a needed column is missing or times can be read two ways.
    """
    cells = read_cells(raw.text)
    text = cells.need("value")
    rows = pc.indices_nonzero(pc.is_valid(text))
    text = text.take(rows)
    value, is_number = numbers(text)
    not_a_number = pc.invert(is_number)
    times, time_problems = event_times(cells.need(*TIME), site, "time")
    name = cells.need("signal").take(rows)
    names = [n for n in pc.unique(name).to_pylist() if n is not None]
    signal = pc.coalesce(mapped(name, [(n, signal_of(n)) for n in names]), name)
    expected_unit = mapped(signal, [(s, unit_of(s)) for s in SIGNALS])
    given = cells.get("unit")
    unit, wrong_unit = expected_unit, pa.nulls(len(rows), pa.string())
    if given is not None:
        given = given.take(rows)
        units = [u for u in pc.unique(given).to_pylist() if u is not None]
        unit = pc.coalesce(mapped(given, [(u, ucum(u)) for u in units]), expected_unit)
        wrong_unit = where(pc.not_equal(unit, expected_unit), "the unit is not the one of the signal")
    device = mapped(name, [(n, device_of(n)) for n in names])
    stated_device = cells.get("device")
    if stated_device is not None:
        device = pc.coalesce(stated_device.take(rows), device)
    patient_id = cells.get(*PATIENT)
    yield VITAL_VALUE.batch(
        file_row=rows.cast(pa.int64()),
        problem=join_problems(
            cells.problems.take(rows), time_problems.take(rows), wrong_unit,
            where(not_a_number, "value is not a number"),
        ),
        case_id=cells.need(*CASE).take(rows),
        patient_id=patient_id.take(rows) if patient_id is not None else None,
        event_time=times.take(rows),
        signal=signal,
        value=value,
        unit=unit,
        device=device,
        reported=pc.if_else(not_a_number, text, None),
    )


LONG_CSV = Format(
    name="vitals_long_csv",
    looked_for="a CSV with columns case_id, time, signal and value",
    recognise=_recognise,
    read=read_long,
    raw=VITAL_VALUE,
)
