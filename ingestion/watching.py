"""How far the reading of a batch is, told while Spark works."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from ingestion.reading import FileKey, Reading

EVERY_SECONDS = 5.0


class Readings(Protocol):
    """Readings by file so far; a Spark accumulator is one."""

    @property
    def value(self) -> Mapping[FileKey, Reading]: ...


@contextmanager
def watched(
    readings: Readings, n_files: int, progress: Callable[..., None], every_seconds: float = EVERY_SECONDS
) -> Iterator[None]:
    """Tells `progress` every few seconds how many files and records were read; a task reports when it ends.

    At the end of the block it says so once more, whatever the time.
    """
    ended = threading.Event()

    def tell() -> None:
        # A copy: tasks that end meanwhile add to it.
        found = dict(readings.value)
        rows = sum(r.records.n for r in found.values())
        progress("reading and judging", len(found), n_files, rows=rows, files=len(found))

    def watch() -> None:
        while not ended.wait(every_seconds):
            tell()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
    tell()
