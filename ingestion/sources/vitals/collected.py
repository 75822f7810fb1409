"""Records one by one into batches of bounded size, for formats whose values lie scattered in messages or packets."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime

import pyarrow as pa

from ingestion.sources.vitals.raw import VITAL_VALUE

BATCH_RECORDS = 20_000


@dataclass(frozen=True, slots=True)
class Record:
    """One value as a reader found it: the columns of `VITAL_VALUE` but `file_row`. Times in UTC."""

    problem: str | None = None
    case_id: str | None = None
    patient_id: str | None = None
    event_time: datetime | None = None
    known_time: datetime | None = None
    signal: str | None = None
    value: float | None = None
    unit: str | None = None
    device: str | None = None
    device_id: str | None = None
    reported: str | None = None

    def refused(self, *problems: str | None) -> "Record":
        """The record with these problems added to its own; null ones say nothing."""
        said = [p for p in (self.problem, *problems) if p]
        return replace(self, problem="; ".join(dict.fromkeys(said)) or None)


_COLUMNS = tuple(f.name for f in fields(Record))


def batches(records: Iterable[Record]) -> Iterator[pa.RecordBatch]:
    """Batches of at most BATCH_RECORDS records; `file_row` counts the records of the file."""
    held: list[Record] = []
    first = 0
    for record in records:
        held.append(record)
        if len(held) == BATCH_RECORDS:
            yield _batch(held, first)
            first += len(held)
            held = []
    if held:
        yield _batch(held, first)


def _batch(records: list[Record], first: int) -> pa.RecordBatch:
    columns = {name: [getattr(r, name) for r in records] for name in _COLUMNS}
    return VITAL_VALUE.batch(file_row=pa.array(range(first, first + len(records)), pa.int64()), **columns)
