"""How results look: tables that fit, JSON for scripts, progress on standard error as a bar or as log lines."""

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast, get_args

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from infra import logs
from infra.errors import UsageError
from infra.logs import LogFormat

if TYPE_CHECKING:
    from infra.settings import Settings

out = Console()
err = Console(stderr=True)


def print_json(value: object) -> None:
    """One JSON document on standard output, and nothing else."""
    sys.stdout.write(json.dumps(value, default=str, indent=2) + "\n")


def print_table(
    title: str,
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    right: Sequence[int] = (),
    whole: Sequence[int] = (),
) -> None:
    """A table; columns whose index is in `right` hold numbers, and those in `whole` are not folded to fit."""
    table = Table(title=Text(title), title_justify="left", title_style="bold", header_style="bold", expand=False)
    for i, name in enumerate(header):
        table.add_column(name, justify="right" if i in right else "left", overflow="fold", no_wrap=i in whole)
    for row in rows:
        table.add_row(*map(_cell, row))
    out.print(table)


def _cell(value: object) -> Text:
    if isinstance(value, Text):
        return value
    # Text, not markup: a square bracket in a file's name or in a record is itself.
    return Text("" if value is None else f"{value:,}" if isinstance(value, int) else str(value))


class Steps:
    """Progress of long work: a bar on a terminal, elsewhere JSON log lines. Callable as a pipeline's Progress."""

    def __init__(self, prefix: str = "", *, log_format: LogFormat = "auto", quiet: bool = False) -> None:
        self.prefix = prefix
        is_bar = log_format == "text" or (log_format == "auto" and err.is_terminal)
        self.is_logged = not quiet and not is_bar
        self._is_text = not quiet and is_bar and not err.is_terminal
        self._progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(),
            TextColumn("{task.fields[counts]}"), TimeElapsedColumn(),
            console=err, transient=True, disable=quiet or not (is_bar and err.is_terminal),
        )  # fmt: skip
        self._task = self._progress.add_task(prefix or "starting", total=None, counts="")
        self._said = ""
        self._began = time.monotonic()

    def __call__(self, step: str, done: int = 0, total: int = 0, **counts: object) -> None:
        """counts: `rows` and `files` so far, `batch_id`, `table`: ids, names and numbers only, never a value."""
        text = f"{self.prefix}: {step}" if self.prefix else step
        self._progress.update(
            self._task, description=text, completed=done, total=total or None, counts=self._counted(counts)
        )
        # A line when a step begins, and one whenever it says something that can be counted.
        if text != self._said or counts:
            if self.is_logged:
                logs.emit("info", "step", command=self.prefix or None, step=step, seconds=self.seconds,
                          done=done or None, total=total or None, **counts)  # fmt: skip
            elif self._is_text:
                err.print(f"[{self.seconds:6.1f} s] {text}", highlight=False, markup=False)
        self._said = text

    def event(self, level: logs.Level, name: str, **fields: object) -> None:
        """One more log line, where progress goes to a log."""
        if self.is_logged:
            logs.emit(level, name, command=self.prefix or None, seconds=self.seconds, **fields)

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self._began, 1)

    def _counted(self, counts: dict[str, object]) -> str:
        rows, files = counts.get("rows"), counts.get("files")
        parts = [f"{rows:,} rows"] if isinstance(rows, int) else []
        parts += [f"{files:,} files"] if isinstance(files, int) else []
        if isinstance(rows, int) and self.seconds > 0:
            parts.append(f"{rows / self.seconds:,.0f} rows/s")
        return ", ".join(parts)


@contextmanager
def steps(
    prefix: str = "", settings: "Settings | None" = None, log_format: str | None = None, quiet: bool = False
) -> Iterator[Steps]:
    """Shows the steps of long work while the block runs; `log_format` has the last word over the setting.

    Raises UsageError on a format that is none.
    """
    chosen = log_format or (settings.log_format if settings else "auto")
    if chosen not in get_args(LogFormat):
        raise UsageError(f"The log format is {chosen!r}; expected one of {', '.join(get_args(LogFormat))}.")
    shown = Steps(prefix, log_format=cast(LogFormat, chosen), quiet=quiet)
    logs.guard(is_shown=shown.is_logged)
    shown.event("info", "started")
    try:
        with shown._progress:
            yield shown
    except BaseException as error:
        shown.event("error", "failed", error=type(error).__name__, places=logs.places(error)[-4:])
        raise
    shown.event("info", "finished")
