"""The type of the fixture `run`."""

from typing import Protocol


class Run(Protocol):
    """Runs `oncolake ...` in this process: exit code, standard output, standard error."""

    def __call__(self, *arguments: object) -> tuple[int, str, str]: ...
