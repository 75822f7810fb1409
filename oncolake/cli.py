"""The command line: `oncolake --help`. Exit codes: 0 done, 1 something asked for failed, 2 wrong usage."""

import sys

import click
import typer

from infra.errors import OncolakeError, UsageError
from oncolake.commands import demo, features, ingestion, privacy, training, ui

app = typer.Typer(
    name="oncolake",
    help="A data lakehouse and feature store for oncology omics.\n\nStart with `oncolake demo`, then `oncolake status`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
demo.register(app)
ingestion.register(app)
features.register(app)
training.register(app)
privacy.register(app)
ui.register(app)


def main() -> None:
    """Runs the command line. An error that a person can act on is one sentence; only a defect shows a traceback."""
    try:
        app(standalone_mode=False)
    except UsageError as error:
        _leave(str(error), 2)
    except OncolakeError as error:
        _leave(str(error), 1)
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except click.Abort:
        _leave("Interrupted; run the same command again to go on.", 130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)


def _leave(sentence: str, code: int) -> None:
    sys.stderr.write(f"oncolake: {sentence}\n")
    sys.exit(code)
