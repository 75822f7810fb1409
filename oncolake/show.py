"""How results look on a terminal: tables that fit, progress on standard error, JSON for scripts."""

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

out = Console()
err = Console(stderr=True)


def print_json(value: object) -> None:
    """One JSON document on standard output, and nothing else."""
    sys.stdout.write(json.dumps(value, default=str, indent=2) + "\n")


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[int] = ()) -> None:
    """A table; columns whose index is in `right` hold numbers. Where output is no terminal it is as wide as needed."""
    table = Table(title=Text(title), title_justify="left", title_style="bold", header_style="bold", expand=False)
    for i, name in enumerate(header):
        table.add_column(name, justify="right" if i in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
    out.print(table)


def _cell(value: object) -> Text:
    # Text, not markup: a square bracket in a file's name or in a record is itself.
    return Text("" if value is None else f"{value:,}" if isinstance(value, int) else str(value))


class Steps:
    """A progress bar on a terminal; elsewhere one line when a step begins. Callable as a pipeline's Progress."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self._progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(),
            TimeElapsedColumn(), console=err, transient=True, disable=not err.is_terminal,
        )  # fmt: skip
        self._task = self._progress.add_task(prefix or "starting", total=None)
        self._said = ""
        self._began = time.monotonic()

    def __call__(self, step: str, done: int = 0, total: int = 0) -> None:
        text = f"{self.prefix}: {step}" if self.prefix else step
        self._progress.update(self._task, description=text, completed=done, total=total or None)
        if not err.is_terminal and text != self._said:
            err.print(f"[{time.monotonic() - self._began:6.1f} s] {text}", highlight=False, markup=False)
        self._said = text


@contextmanager
def steps(prefix: str = "") -> Iterator[Steps]:
    """Shows the steps of long work while the block runs."""
    shown = Steps(prefix)
    with shown._progress:
        yield shown
