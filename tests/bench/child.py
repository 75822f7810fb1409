"""The other side of a measured process: `python -m tests.bench.child MODULE FUNCTION ARGUMENTS ANSWER`."""

import importlib
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from infra.settings import Settings


@contextmanager
def timed(answer: dict[str, object]) -> Iterator[None]:
    """Puts the seconds of the block into the answer: the measured part, without what leads up to it."""
    began = time.monotonic()
    yield
    answer["seconds"] = time.monotonic() - began


def settings(*, is_large: bool = False) -> "Settings":
    """Those of the command line, with a fixed key (in the environment). is_large: as for a large delivery."""
    from infra.settings import Settings
    from oncolake.commands.options import for_large

    return for_large(Settings()) if is_large else Settings()


def session(*, is_large: bool = False) -> "SparkSession":
    """The product's own session, started as the command line starts it; the same for ours and for a Spark peer."""
    from infra.spark import build_session

    return build_session(settings(is_large=is_large))


def main(module: str, function: str, arguments: str, answer: str) -> None:
    found = getattr(importlib.import_module(module), function)(**json.loads(arguments))
    Path(answer).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
