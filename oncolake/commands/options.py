"""Options that every command shares, and what a command needs to run."""

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from infra.errors import UsageError
from infra.lake import Lake
from infra.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LakeOption = Annotated[
    str | None, typer.Option("--lake", help="Folder or URI of the lake. Default: the setting, then ./lake.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output on standard output.")]

LogOption = Annotated[
    str | None,
    typer.Option("--log-format", help="auto (a bar on a terminal, else JSON lines on standard error), text or json."),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no log lines.")]


def load_settings() -> Settings:
    """Settings from environment and file. Raises UsageError where they cannot be right."""
    from pydantic import ValidationError

    from infra.declared import explained

    try:
        return Settings()
    except ValidationError as error:
        raise UsageError(explained(error)) from error
    except ValueError as error:
        raise UsageError(f"The settings file cannot be read: {error}.") from error


def open_lake(option: str | None, settings: Settings) -> Lake:
    """The lake that the option names, else the settings'."""
    return Lake.at(option or settings.lake)


def lazy_session(settings: Settings) -> "Callable[[], SparkSession]":
    """Starts the session when it is first asked for; meanwhile Great Expectations, slow to import, is imported too."""

    lock = threading.Lock()

    @functools.cache
    def started() -> "SparkSession":
        from infra.spark import build_session

        threading.Thread(target=_import_great_expectations, daemon=True).start()
        return build_session(settings)

    def session() -> "SparkSession":
        # Two lanes may ask at once; there is one session.
        with lock:
            return started()

    return session


def for_large(settings: Settings) -> Settings:
    """For large deliveries: code that runs for minutes is worth the optimising compiler, which halves its time."""
    return settings.model_copy(update={"spark_compiler": "c2"})


def _import_great_expectations() -> None:
    import great_expectations  # noqa: F401
