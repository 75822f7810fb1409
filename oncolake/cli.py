"""The command line: `oncolake --help`. Exit codes: 0 done, 1 something asked for failed, 2 wrong usage."""

import atexit
import gc
import os
import sys
from typing import NoReturn

import typer

from infra.errors import OncolakeError, UsageError
from infra.logs import places
from infra.storage import fault
from oncolake.commands import (
    demo,
    features,
    ingestion,
    lineage,
    maintain,
    models,
    privacy,
    runs,
    schedule,
    training,
    ui,
)

INTERRUPTED = 130

UNWRITTEN = 1

app = typer.Typer(
    name="oncolake",
    help="A data lakehouse and feature store for oncology omics.\n\n"
    "Start with `oncolake demo`, then `oncolake status`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
demo.register(app)
ingestion.register(app)
maintain.register(app)
schedule.register(app)
features.register(app)
training.register(app)
runs.register(app)
models.register(app)
lineage.register(app)
privacy.register(app)
ui.register(app)


def script() -> None:
    """The console script: `main`, and the end of the process at once with its exit code."""
    code = 0
    try:
        main()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    end(code)


def end(code: int) -> NoReturn:
    """Ends the process at once, with all that was said written out.

    Taking the interpreter apart takes three seconds after Great Expectations was imported. And it may end in an abort
    although all was done: threads of libraries that let go of what Python gave them meet a Python that is gone.
    """
    # What libraries have to finish: logs to flush, temporary files to remove.
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # an answer that could not be written is no success
        code = code or UNWRITTEN
    os._exit(code)


def main() -> None:
    """Runs the command line. An error that a person can act on is one sentence; a defect shows its places."""
    # Imports make half a million objects that stay: looking for garbage among them takes a second of a start.
    gc.set_threshold(50_000, 20, 50)
    try:
        app()
    except UsageError as error:
        _leave(str(error), 2)
    except OncolakeError as error:
        _leave(str(error), 1)
    except Exception as error:
        if disk := fault(error, "The lake"):
            _leave(str(disk), 1)
        # The message of a foreign exception may quote a cell of a file: its kind and the places are what is reported.
        where = "".join(f"\n  {place}" for place in places(error))
        _leave(f"This is a defect of oncolake: {type(error).__name__}, raised at{where or ' an unknown place'}", 1)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            _leave("Interrupted; run the same command again to go on.", INTERRUPTED)
        raise


def _leave(sentence: str, code: int) -> None:
    sys.stderr.write(f"oncolake: {sentence}\n")
    sys.exit(code)
