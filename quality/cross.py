"""Checks between tables over the lake's present state: who is missing, and which times cannot be.

Counts of patients or samples only, never who they are. Small tables (patients, specimens, treatments, outcomes) are
read as their current view; large ones as they lie, in the two columns that matter, reduced to one number a patient or
sample as they stream by. Reports give days and monitors seconds, so a time contradicts another only by a day or more.

What a row shows alone is the gate's: a treatment that stops before it starts never gets here.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infra import delta
from infra.checks import Severity
from infra.current import current_arrow
from infra.lake import Lake
from infra.tables import TABLES
from quality.drift import BatchCheck
from quality.scanning import all_files, coded_batches, codes, file_system, is_text, micros

DAY: Final = 86_400_000_000
"""In microseconds, as all times here."""
_LAST: Final = np.iinfo(np.int64).max

LABORATORY: Final = tuple(
    t.name for t in TABLES.values() if not t.is_timed and any(c.name == "sample_id" for c in t.columns)
)
"""Tables whose rows belong to samples."""
OF_PATIENTS: Final = tuple(
    t.name for t in TABLES.values() if t.name != "patient" and any(c.name == "patient_id" for c in t.columns)
)


@dataclass(frozen=True)
class CrossCheck:
    """A check between tables. table: where what it counts lies; words: what is counted.

    needs: the other tables, without which there is nothing to say; also: one that need not be there, and matters.
    """

    definition: str
    severity: Severity
    table: str
    needs: tuple[str, ...]
    words: str
    count: "Callable[[_Now, str], int]"
    also: tuple[str, ...] = ()


class _Now:
    """What is in the lake, each part read once and only when asked for."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    @cached_property
    def deaths(self) -> dict[str, int]:
        return self._outcomes("OS")

    @cached_property
    def progressions(self) -> dict[str, int]:
        return self._outcomes("PFS")

    @cached_property
    def _outcome_rows(self) -> pa.Table:
        return current_arrow(self.lake, "outcome")

    def _outcomes(self, endpoint: str) -> dict[str, int]:
        """By patient when it happened; of several assessments the earliest."""
        rows = self._outcome_rows.filter((pc.field("endpoint") == endpoint) & pc.field("is_event"))
        return _reduced(rows, "patient_id", "outcome_time", "min")

    @cached_property
    def specimens(self) -> pa.Table:
        return current_arrow(self.lake, "specimen").select(["sample_id", "patient_id", "collected_time"])

    @cached_property
    def collected(self) -> dict[str, int]:
        """By sample, when it was collected."""
        return _reduced(self.specimens, "sample_id", "collected_time", "min")

    @cached_property
    def treatments(self) -> pa.Table:
        return current_arrow(self.lake, "treatment").select(["patient_id", "kind", "start_time"])

    def distinct(self, table: str, column: str) -> set[str]:
        """Values of a column; of samples only patients' (no standards, controls, blanks)."""
        found: set[str] = set()
        for part in self._stream(table, [column]):
            texts = part[column].dictionary.to_pylist()
            # A dictionary holds what is there; only where rows were left out does it hold more.
            if "sample_type" in part.schema.names:
                used = np.bincount(codes(part[column]), minlength=len(texts) + 1)
                texts = [text for text, n in zip(texts, used.tolist(), strict=False) if n]
            found.update(texts)
        return found

    def extremes(self, table: str, key: str, time: str, how: str, after: int | None = None) -> dict[str, int]:
        """By key the least or greatest time (us). after: where only later ones matter, files are skipped by it."""
        found: dict[str, int] = {}
        for part in self._stream(table, [key, time], after):
            _reduce(found, part[key], micros(part[time]), how)
        return found

    def _stream(self, table: str, columns: list[str], after: int | None = None) -> Iterator[pa.RecordBatch]:
        path = self.lake.silver(table)
        limit = None if after is None else pa.scalar(after, pa.timestamp("us", tz="UTC")).as_py()
        is_plate = any(c.name == "sample_type" for c in TABLES[table].columns)
        files = file_system(path)
        for name in all_files(path, limit):
            for part in coded_batches(files, name, [*columns, "sample_type"] if is_plate else columns):
                yield part.filter(pa.array(is_text(part["sample_type"], "unknown"))) if is_plate else part


def _reduce(found: dict[str, int], keys: pa.DictionaryArray, times: pa.Array, how: str) -> None:
    """Adds to `found` by key the `min` or `max` of the times. Holds one number a key, whatever the rows."""
    best, start = (np.minimum, _LAST) if how == "min" else (np.maximum, -_LAST)
    texts = keys.dictionary.to_pylist()
    ends = np.full(len(texts) + 1, start, np.int64)
    best.at(ends, codes(keys), times.fill_null(start).to_numpy(zero_copy_only=False))
    for text, end in zip(texts, ends[:-1].tolist(), strict=True):
        if end != start:
            found[text] = int(best(end, found.get(text, end)))


def _reduced(rows: pa.Table, key: str, time: str, how: str) -> dict[str, int]:
    """By key the `min` or `max` of a time, in microseconds."""
    found: dict[str, int] = {}
    for part in rows.select([key, time]).to_batches():
        _reduce(found, part[key].dictionary_encode(), micros(part[time]), how)
    return found


def _later(times: dict[str, int], limits: dict[str, int], by: int = DAY) -> int:
    """How many have a time that lies more than `by` beyond their limit."""
    return sum(1 for key, time in times.items() if key in limits and time > limits[key] + by)


def _orphans(now: _Now, table: str) -> int:
    known = set(now.collected) if delta.exists(now.lake.silver("specimen")) else set()
    return len(now.distinct(table, "sample_id") - known)


def _undeclared(now: _Now, table: str) -> int:
    return len(now.distinct(table, "patient_id") - now.distinct("patient", "patient_id"))


def _specimen_after_death(now: _Now, table: str) -> int:
    return _later(_reduced(now.specimens, "patient_id", "collected_time", "max"), now.deaths)


def _treatment_after_death(now: _Now, table: str) -> int:
    return _later(_reduced(now.treatments, "patient_id", "start_time", "max"), now.deaths)


def _event_after_death(now: _Now, table: str) -> int:
    if not now.deaths:
        return 0
    first = min(now.deaths.values()) + DAY
    return _later(now.extremes(table, "patient_id", "event_time", "max", after=first), now.deaths)


def _progression_after_death(now: _Now, table: str) -> int:
    return _later(now.progressions, now.deaths)


def _fraction_after_progression(now: _Now, table: str) -> int:
    fractions = now.treatments.filter(pc.field("kind") == "radiotherapy_fraction")
    return _later(_reduced(fractions, "patient_id", "start_time", "min"), now.progressions)


def _report_before_collection(now: _Now, table: str) -> int:
    reported = now.extremes(table, "sample_id", "known_time", "min")
    return sum(1 for sample, time in reported.items() if time < now.collected.get(sample, time) - DAY)


CROSS_CHECKS: Final[tuple[CrossCheck, ...]] = (
    *(
        CrossCheck("orphans.specimen/1", "info", t, (), "samples wait for their specimen", _orphans, ("specimen",))
        for t in LABORATORY
    ),
    *(
        CrossCheck("orphans.patient/1", "warning", t, ("patient",), "patients are not declared", _undeclared)
        for t in OF_PATIENTS
    ),
    *(
        CrossCheck(
            "order.report-before-collection/1", "warning", t, ("specimen",),
            "samples were reported before they were collected", _report_before_collection,
        )
        for t in LABORATORY
    ),
    CrossCheck("order.specimen-after-death/1", "warning", "specimen", ("outcome",),
               "patients have a specimen collected after death", _specimen_after_death),
    CrossCheck("order.treatment-after-death/1", "warning", "treatment", ("outcome",),
               "patients have a treatment that starts after death", _treatment_after_death),
    CrossCheck("order.vital-sign-after-death/1", "warning", "vital_sign", ("outcome",),
               "patients have a vital sign after death", _event_after_death),
    CrossCheck("order.image-after-death/1", "warning", "imaging_series", ("outcome",),
               "patients have an image after death", _event_after_death),
    CrossCheck("order.progression-after-death/1", "warning", "outcome", (),
               "patients have a progression after death", _progression_after_death),
    # Re-irradiation follows a progression by intent: to be looked at, and mostly right.
    CrossCheck("order.fraction-after-progression/1", "info", "treatment", ("outcome",),
               "patients have their first radiotherapy fraction after a progression", _fraction_after_progression),
)  # fmt: skip


def cross_checks(lake: Lake, touched: Collection[str] | None = None) -> list[BatchCheck]:
    """The checks between tables that are in the lake; touched: only those that one of these tables may have changed.

    Memory grows with patients and samples, not with rows.
    """
    there = {name for name in TABLES if delta.exists(lake.silver(name))}
    now = _Now(lake)
    found = []
    for check in CROSS_CHECKS:
        involved = {check.table, *check.needs, *check.also}
        if not {check.table, *check.needs} <= there or (touched is not None and not involved & set(touched)):
            continue
        n = check.count(now, check.table)
        found.append(
            BatchCheck(check.table, "", "", "", check.definition, check.severity, n == 0, float(n), 0.0, 1,
                       f"{n:,} {check.words}.")
        )  # fmt: skip
    return found
