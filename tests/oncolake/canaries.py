"""Ingests a landing folder with every source in one process, as the command line would: `python -m ... LAKE LANDING`.

Prints a line `== ARGUMENTS -> CODE` after the output of each command.
"""

import sys
import warnings
from pathlib import Path

from oncolake.cli import end, main

SHOWN = "-- what the quarantine shows"
"""From here on the output holds refused records, whole: their values belong there, identifiers do not."""


def call(*arguments: str) -> None:
    sys.argv = ["oncolake", *arguments]
    code: object = 0
    try:
        main()
    except SystemExit as left:
        code = left.code or 0
    print("==", Path(arguments[1]).name if len(arguments) > 1 else "", "->", code, flush=True)  # noqa: T201


def run(lake: str, landing: str) -> None:
    warnings.simplefilter("always")
    for source in sorted(p.name for p in Path(landing).iterdir()):
        call("ingest", source, f"{landing}/{source}", "--site", "paris", "--lake", lake, "--json")
    call("status", "--lake", lake, "--json")
    call("quarantine", "list", "--lake", lake, "--json")
    print(SHOWN, flush=True)  # noqa: T201
    for table in ("vital_sign", "patient", "variant", "exosome_measurement"):
        call("quarantine", "show", table, "--lake", lake, "--json")


if __name__ == "__main__":
    run(*sys.argv[1:])
    end(0)
