"""Finds a Java that Spark can run on, or says in one sentence what to install."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from infra.errors import MachineError

OLDEST = 17


def java_command() -> str:
    """Path of the Java launcher: JAVA_HOME's, else the first on the PATH.

    Raises MachineError where there is none, or an older one than Java 17.
    """
    home = os.environ.get("JAVA_HOME")
    command = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not command or not Path(command).exists():
        raise MachineError(f"No Java was found (JAVA_HOME or PATH); install Java {OLDEST}, for example OpenJDK 17.")
    version = _release(Path(command)) or _answered(command)
    if version < OLDEST:
        raise MachineError(f"{command} is Java {version or 'of unknown version'}; Spark needs Java {OLDEST} or newer.")
    return command


def _release(command: Path) -> int:
    """The major version in the `release` file of the Java that a launcher belongs to (no JVM starts); 0: none."""
    path = command.resolve().parent.parent / "release"
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return 0
    match = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', text, re.MULTILINE)
    return int(match[1]) if match else 0


def _answered(command: str) -> int:
    """The major version that a launcher gives; 0 where it gives none."""
    answer = subprocess.run([command, "-version"], capture_output=True, text=True, check=False)
    match = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    return int(match[1]) if match else 0


if __name__ == "__main__":
    # Part of the set-up, before any package is installed: needs nothing but Python.
    import sys

    try:
        java_command()
    except MachineError as error:
        sys.exit(str(error))
