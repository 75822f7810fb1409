"""Lines of a text export as cells."""

import csv
from collections.abc import Sequence

from infra.errors import FileError
from ingestion.text import separator_of


def split_lines(lines: Sequence[str], header: str, export: str) -> list[list[str]]:
    """The stripped cells of each line; the separator is that of the header line.

    Line by line: in these exports no cell spans lines, and a stray quote must not swallow the rest. Raises FileError
    where a line cannot be split; `export` names the format in its sentence.
    """
    try:
        separator = separator_of(header)
        return [[cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])] for line in lines]
    except csv.Error as error:
        raise FileError(f"A line of the {export} cannot be split into cells ({error}).") from error
