"""Progress of reading: told while it goes on, and once at its end."""

import threading
from types import SimpleNamespace

from ingestion.reading import Reading, RecordSum
from ingestion.watching import watched


def test_rows_and_files_are_told_as_they_come() -> None:
    told: list[tuple[object, ...]] = []
    halfway = threading.Event()

    def progress(step: str, done: int, total: int, *, rows: int, files: int) -> None:
        told.append((step, done, total, rows, files))
        halfway.set()

    readings = SimpleNamespace(value={("f1", "paris"): Reading(RecordSum(7))})
    with watched(readings, 2, progress, every_seconds=0.01):
        assert halfway.wait(5)
        readings.value[("f2", "paris")] = Reading(RecordSum(5))
    assert told[0] == ("reading and judging", 1, 2, 7, 1)
    assert told[-1] == ("reading and judging", 2, 2, 12, 2)
