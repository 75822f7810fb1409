"""The watchdog itself: a hang, a crash and a leak are seen. Readers that do so stand in for ours."""

import time

import pytest

from tests.ingestion.fuzz import watchdog
from tests.ingestion.fuzz.watchdog import Worker

STANDS_IN = """
import json, os, sys, time
for line in sys.stdin:
    print("ready", flush=True)
    what = json.loads(line)["format"]
    while what == "hangs":
        pass
    if what == "sleeps":
        time.sleep(60)
    if what == "dies":
        os.abort()
    print(json.dumps({"records": 1}), flush=True)
"""


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    started = Worker()
    monkeypatch.setattr(watchdog, "COMMAND", ["-c", STANDS_IN])
    monkeypatch.setattr(watchdog, "SECONDS", 0.5)
    monkeypatch.setattr(watchdog, "WALL_SECONDS", 5.0)
    return started


@pytest.mark.parametrize(
    ("what", "failure"), [("hangs", "more than 0.5 s"), ("sleeps", "more than 0.5 s"), ("dies", "the process died")]
)
def test_a_reader_that_hangs_or_dies_is_seen_and_the_next_file_is_read(worker: Worker, what: str, failure: str) -> None:
    started = time.monotonic()
    with worker:
        outcome = worker.run({"format": what})
        assert [failure in f for f in outcome.failures] == [True]
        assert time.monotonic() - started < 30
        assert worker.run({"format": "reads"}).records == 1
