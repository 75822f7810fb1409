"""Ingests a folder in a process of its own, which kills itself at a named point: `python -m tests.ingestion.child`."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra import delta
from infra.lake import Lake
from infra.settings import Settings
from infra.spark import build_session
from ingestion import pipeline
from tests.ingestion.lakes import KEY, deliver


def killed_after(function: Callable[..., Any]) -> Callable[..., Any]:
    def call_and_die(*arguments: Any, **named: Any) -> None:
        function(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    return call_and_die


def main(lake: str, landing: str, point: str) -> None:
    # What Great Expectations says is shown elsewhere; its import alone takes longer than all of this.
    pipeline.validate = lambda *_: []  # type: ignore[assignment]
    if point == "after the first append":
        delta.commit_files = killed_after(delta.commit_files)
    settings = Settings(pseudonym_key=KEY, spark_master="local[1]", spark_memory="800m")
    deliver(Lake.at(lake), [Path(landing)], lambda: build_session(settings))


if __name__ == "__main__":
    main(*sys.argv[1:])
