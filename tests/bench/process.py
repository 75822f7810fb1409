"""Runs one measured thing in a process of its own, and watches it and all that it starts from outside."""

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from tests.bench.benchmark import Measured

ROOT = Path(__file__).resolve().parents[2]
EVERY_SECONDS = 0.1
GONE_SECONDS = 20
KEY = "5a" * 32


def environment() -> dict[str, str]:
    """The caller's, but no setting of oncolake other than a fixed pseudonym key; this checkout's code."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("ONCOLAKE_")}
    return inherited | {"PYTHONPATH": str(ROOT), "ONCOLAKE_PSEUDONYM_KEY": KEY}


def measure(command: Sequence[str], cwd: Path, answer: Path | None = None) -> Measured:
    """Runs a command to its end.

    answer: the file in which it leaves its answer as JSON; None: its standard output is the answer.
    Raises RuntimeError with the end of what it said where it fails.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.monotonic()
        with subprocess.Popen(command, cwd=cwd, env=environment(), stdout=out, stderr=err) as process:
            try:
                cpu_seconds, peak, started = _watch(process)
            except BaseException:
                _end(process)
                raise
        wall = time.monotonic() - began
        # A JVM takes a second to go: it must not disturb what is measured next.
        psutil.wait_procs(started, timeout=GONE_SECONDS)
        out.seek(0)
        err.seek(0)
        said, complained = out.read(), err.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {complained[-3000:]}")
    return Measured(wall, cpu_seconds, peak, json.loads(answer.read_text() if answer else said))


def _watch(process: "subprocess.Popen[bytes]") -> tuple[float, int, list[psutil.Process]]:
    """Waits for the end: CPU seconds of all processes as last seen, their memory at its peak, and who they were."""
    root = psutil.Process(process.pid)
    cpu: dict[psutil.Process, float] = {}
    peak = 0
    while True:
        resident = 0
        with contextlib.suppress(psutil.NoSuchProcess):
            for p in [root, *root.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied), p.oneshot():
                    times = p.cpu_times()
                    cpu[p] = times.user + times.system
                    resident += p.memory_info().rss
        peak = max(peak, resident)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(EVERY_SECONDS)
            return sum(cpu.values()), peak, [p for p in cpu if p != root]


def _end(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        for p in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                p.kill()
    process.kill()
