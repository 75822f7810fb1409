"""Log lines for programs: one JSON object a line on standard error, and never a patient's value in it.

The only text that a line may carry is our own: event names, names of tables and columns, counts, batch and file ids.
What other libraries log or warn may quote a cell of a file, so of theirs only the place is passed on.
"""

import json
import logging
import sys
import traceback
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TextIO

LogFormat = Literal["auto", "text", "json"]
Level = Literal["info", "warning", "error"]

ROOMS = Path(__file__).resolve().parents[1]


def line(level: Level, event: str, **fields: object) -> str:
    """One log line: `time` (UTC, ISO 8601), `level`, `event`, then the fields that have a value."""
    head = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, "event": event}
    return json.dumps(head | {k: v for k, v in fields.items() if v is not None}, default=str)


def emit(level: Level, event: str, **fields: object) -> None:
    """Writes one log line to standard error. Fields are counts, ids and names of ours; never a value of a file."""
    sys.stderr.write(line(level, event, **fields) + "\n")
    sys.stderr.flush()


def places(error: BaseException) -> list[str]:
    """Where in our code an error passed, innermost last, without its message."""
    found = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_relative_to(ROOMS) and "site-packages" not in path.parts:
            found.append(f"{path.relative_to(ROOMS)}:{frame.lineno} in {frame.name}")
    return found


class _Foreign(logging.Handler):
    """Passes on who said something and where, at warning or above, and not what."""

    def emit(self, record: logging.LogRecord) -> None:
        level: Level = "error" if record.levelno >= logging.ERROR else "warning"
        emit(level, "library_message", logger=record.name, place=f"{record.module}:{record.lineno}")


def guard(*, is_shown: bool) -> None:
    """From here on no library writes its own words to standard error: its message may quote a file.

    is_shown: whether its place is logged in their stead (as JSON), or nothing is.
    """

    def silenced(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if is_shown:
            emit("warning", "library_warning", category=category.__name__, place=f"{Path(filename).name}:{lineno}")

    warnings.showwarning = silenced
    root = logging.getLogger()
    root.handlers = [_Foreign(logging.WARNING) if is_shown else logging.NullHandler()]
    # Some libraries bring handlers of their own (pydicom to standard error): theirs would print the message.
    for name in ("pydicom", "highdicom", "wfdb", "great_expectations", "feast", "openlineage"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
