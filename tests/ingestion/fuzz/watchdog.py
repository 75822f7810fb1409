"""Runs cases in worker processes and ends those that take too long: C code does not listen to alarms."""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.ingestion.fuzz.cases import SECONDS, Outcome

ROOT = Path(__file__).resolve().parents[3]
WALL_SECONDS = 120.0
"""On a busy machine a file may wait for the processor; what it uses of it is held to SECONDS."""
PREPARING_SECONDS = 240.0
COMMAND = ["-m", "tests.ingestion.fuzz.worker"]
TICKS = os.sysconf("SC_CLK_TCK")


class Worker:
    """One worker process at a time; a new one where the last had to be ended or died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._said = b""

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def run(self, asked: dict[str, Any]) -> Outcome:
        """asked: format, and number and seed, or path and site (a number in SITES)."""
        process = self._started()
        assert process.stdin is not None
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        process.stdin.flush()
        if self._answer(PREPARING_SECONDS, None) != b"ready":
            # Not the reader's fault: the mutation itself failed.
            code = self._end()
            raise RuntimeError(f"the case {asked} could not be made (worker ended with {code})")
        answer = self._answer(WALL_SECONDS, _cpu_seconds(process.pid) + 1.2 * SECONDS)
        if answer is None:
            self._end()
            return Outcome(failures=(f"it took more than {SECONDS:g} s and was ended",), seconds=SECONDS)
        if not answer:
            code = self._end()
            return Outcome(failures=(f"the process died ({code})",))
        said = json.loads(answer)
        return Outcome(**{k: tuple(v) if isinstance(v, list) else v for k, v in said.items()})

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self._said = b""
            frugal = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
            self._process = subprocess.Popen(
                [sys.executable, *COMMAND],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | frugal,
            )
        return self._process

    def _answer(self, wall: float, cpu: float | None) -> bytes | None:
        """The worker's next line; empty where it died, None where it was too slow."""
        process = self._process
        assert process is not None and process.stdout is not None
        until = time.monotonic() + wall
        # Read without a buffer of Python's: select sees only what is still in the pipe.
        while b"\n" not in self._said:
            if select.select([process.stdout], [], [], 0.5)[0]:
                more = os.read(process.stdout.fileno(), 1 << 16)
                if not more:
                    return b""
                self._said += more
            elif time.monotonic() > until or (cpu is not None and _cpu_seconds(process.pid) > cpu):
                return None
        line, _, self._said = self._said.partition(b"\n")
        return line

    def _end(self) -> int:
        if self._process is None:
            return 0
        self._process.kill()
        code = self._process.wait()
        self._process = None
        return code


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process, all threads."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS
