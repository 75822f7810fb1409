"""Long CSV: one row a value (`case_id[,patient_id],time,signal,value[,unit,device]`)."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from infra.settings import Site
from infra.tables.vitals import SIGNALS
from ingestion.columnar import distinct, header_of, mapped, numbers
from ingestion.format import Format, Mappable, Probe, RawFile
from ingestion.problems import join_problems, where
from ingestion.site_tables import columns_of, declared_as
from ingestion.sources.vitals.raw import VITAL_VALUE
from ingestion.sources.vitals.signals import device_of, signal_of, ucum, unit_of
from ingestion.sources.vitals.times import event_times
from ingestion.sources.vitals.units import fraction_or_percent
from ingestion.sources.vitals.wide_csv import CASE, PATIENT, TIME, has_one

NAME = "vitals_long_csv"


def _recognise(probe: Probe) -> bool:
    header = header_of(probe.lines)
    return all(has_one(header, names) for names in (CASE, TIME, ("signal",), ("value",)))


def read_long(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Yields one batch. A row without a value is no record; an unknown signal keeps its name, for the gate to refuse.

    Raises FileError where a needed column is missing or times can be read two ways.
    """
    table, site, _ = columns_of(raw, site, NAME)
    text = table.need("value")
    rows = pc.indices_nonzero(pc.is_valid(text))
    text = text.take(rows)
    value, is_number = numbers(text, site, "value")
    not_a_number = pc.invert(is_number)
    times, time_problems = event_times(table.need(*TIME), site, "time")
    name = table.need("signal").take(rows)
    names = distinct(name)
    signal = pc.coalesce(mapped(name, [(n, signal_of(n)) for n in names]), name)
    expected_unit = mapped(signal, [(s, unit_of(s)) for s in SIGNALS])
    given = table.get("unit")
    is_stated = pc.is_valid(given.take(rows)) if given is not None else pa.repeat(False, len(rows))
    is_open = pc.and_(pc.fill_null(pc.equal(signal, "SPO2"), False), pc.invert(is_stated))
    unclear = fraction_or_percent(pc.if_else(is_open, value, None))
    unit, wrong_unit = expected_unit, pa.nulls(len(rows), pa.string())
    if given is not None:
        given = given.take(rows)
        unit = pc.coalesce(mapped(given, [(u, ucum(u)) for u in distinct(given)]), expected_unit)
        wrong_unit = where(pc.not_equal(unit, expected_unit), "the unit is not the one of the signal")
    device = mapped(name, [(n, device_of(n)) for n in names])
    stated_device = table.get("device")
    if stated_device is not None:
        device = pc.coalesce(stated_device.take(rows), device)
    patient_id = table.get(*PATIENT)
    yield VITAL_VALUE.batch(
        file_row=rows.cast(pa.int64()),
        problem=join_problems(
            table.problems.take(rows),
            time_problems.take(rows),
            wrong_unit,
            where(not_a_number, "value is not a number"),
            unclear,
        ),
        case_id=table.need(*CASE).take(rows),
        patient_id=patient_id.take(rows) if patient_id is not None else None,
        event_time=times.take(rows),
        signal=signal,
        value=value,
        unit=unit,
        device=device,
        reported=pc.if_else(not_a_number, text, None),
    )


LONG_CSV = Format(
    name=NAME,
    looked_for="a CSV with columns case_id, time, signal and value",
    recognise=_recognise,
    read=read_long,
    raw=VITAL_VALUE,
    version=3,
    declared=declared_as(NAME),
    mappable=Mappable(
        ("case_id", "patient_id", "time", "signal", "value", "unit", "device"), ("case_id", "time", "signal", "value")
    ),
)
