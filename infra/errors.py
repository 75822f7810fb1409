"""Errors sorted by whose fault they are; each message says what was found, where, and what was expected.

Only an exception that is none of these is a defect of ours, and only that may show a traceback.
A message never holds a patient's value or identifier: names of columns, positions and counts only.
"""


class OncolakeError(Exception):
    """Base of every error that a person can act on; its text is one sentence."""


class FileError(OncolakeError):
    """The file's fault: it cannot be read as what it claims to be. The file is refused, the batch goes on."""


class UsageError(OncolakeError):
    """The caller's fault: a path, name or option that cannot be right."""


class MachineError(OncolakeError):
    """The machine's or the lake's fault: no Java, no room, no right to write, a lake that is not one."""


class MissingTableError(MachineError):
    """The lake lacks a table that the caller asked for: nothing of its kind has been ingested yet."""
