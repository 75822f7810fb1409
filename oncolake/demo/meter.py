"""Time and memory of a run: what it took, as anyone can see it from outside."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


class Meter:
    """Seconds by stage, and the peak of the resident memory of this process and all its children (JVM, workers)."""

    def __init__(self, every_seconds: float = 0.5) -> None:
        self.stages: dict[str, float] = {}
        self.peak_bytes = 0
        self._began = time.monotonic()
        self._every = every_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def __enter__(self) -> "Meter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.stages[name] = self.stages.get(name, 0.0) + time.monotonic() - began

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(self._every):
            self.peak_bytes = max(self.peak_bytes, _resident(me))


def _resident(process: psutil.Process) -> int:
    total = 0
    for p in [process, *process.children(recursive=True)]:
        try:
            total += p.memory_info().rss
        except psutil.NoSuchProcess:
            continue  # it ended between the list and the question
    return total
