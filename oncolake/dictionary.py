"""The data dictionary, written from the declarations: `python -m oncolake.dictionary docs/data-dictionary.md`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from infra.checks import sentence
from infra.table import EVENT_TIME, KNOWN_TIME, LINEAGE, Column, Table
from infra.tables import TABLES

HEAD = """# Data dictionary

Generated from the table declarations by `make docs`; `make check` fails where it is stale. Do not edit.

A row that breaks a **critical** check goes to `quarantine/<table>` with the reason; one that breaks a *warning* or
*info* check is kept and counted. Units are UCUM codes. Times are UTC. Identifiers are keyed pseudonyms.
"""


def dictionary() -> str:
    """The whole dictionary as Markdown."""
    parts = [HEAD, "## Columns of every table\n", _columns((EVENT_TIME, KNOWN_TIME, *LINEAGE))]
    parts.append("## Silver tables\n")
    for table in TABLES.values():
        parts.extend(_table(table))
    return "\n".join(parts).rstrip() + "\n"


def _table(table: Table) -> Iterator[str]:
    yield f"### {table.name}\n"
    yield f"One row is {table.grain}. {table.description}\n"
    yield f"Key: {', '.join(f'`{k}`' for k in table.key)}.\n"
    yield _columns(table.columns)


def _columns(columns: tuple[Column, ...]) -> str:
    lines = ["| column | type | unit | what it is | checks |", "|---|---|---|---|---|"]
    for c in columns:
        checks = "; ".join(f"{_strong(k.severity)} {sentence(c.name, k)}" for k in c.checks)
        lines.append(f"| `{c.name}` | {c.type} | {_code(c.unit)} | {_cell(c.description)} | {_cell(checks)} |")
    return "\n".join(lines) + "\n"


def _strong(severity: str) -> str:
    return "**critical**" if severity == "critical" else f"*{severity}*"


def _code(text: str | None) -> str:
    return f"`{text}`" if text else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    check = "--check" in arguments
    path = Path(next(a for a in arguments if not a.startswith("--")))
    text = dictionary()
    if not check:
        path.write_text(text)
        return 0
    if path.exists() and path.read_text() == text:
        return 0
    sys.stderr.write(f"{path} is not what the declarations say; run `make docs`.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
