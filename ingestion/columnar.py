"""Large delimited text into Arrow columns: pyarrow's own parser, and row by row only where a row is ragged.

A day of one patient at one value a second in ten signals is close to a million cells, and a cohort's MAF has
millions of rows: nothing here loops in Python over the cells of a regular file.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pacsv

from infra.errors import FileError
from infra.settings import Site
from ingestion.decimals import NUMBER, with_points
from ingestion.text import cells_of, read_delimited, separator_of

MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "-", "--", "---", "--.-")
"""Cells that say 'no value' in tables of numbers."""


@dataclass(frozen=True)
class TextColumns:
    """Columns of text by header name as written, and for each row its problem (null: none)."""

    columns: dict[str, pa.Array]
    problems: pa.Array

    @property
    def n_rows(self) -> int:
        return len(self.problems)

    def name_of(self, *names: str) -> str | None:
        """The file's name of the first of these columns that it has: as given, else whatever the case."""
        return find_name(list(self.columns), *names)

    def get(self, *names: str, missing: Iterable[str] = MISSING) -> pa.Array | None:
        """The first of the columns that the file has, stripped, null where it says so; None: it has none of them."""
        name = self.name_of(*names)
        return None if name is None else present(self.columns[name], missing)

    def need(self, *names: str, missing: Iterable[str] = MISSING) -> pa.Array:
        """The first of the columns that the file has. Raises FileError where it has none of them."""
        column = self.get(*names, missing=missing)
        if column is None:
            raise FileError(f"The header has no column {names[0]} among its {len(self.columns)} columns.")
        return column


def find_name(header: list[str], *names: str) -> str | None:
    """The header's name for the first of `names` that it has: an exact match first, else whatever the case."""
    for name in names:
        if name in header:
            return name
        same = next((h for h in header if h.lower() == name.lower()), None)
        if same is not None:
            return same
    return None


def header_cells(line: str) -> list[str]:
    """The cells of a header line, stripped; the separator is found from the line."""
    separator = separator_of(line)
    if separator == "\t":  # there, quotes are ordinary characters
        return [cell.strip() for cell in line.split("\t")]
    return [cell.strip() for cell in cells_of(line, separator)]


def header_of(lines: Iterable[str]) -> list[str]:
    """The cells of the first line that is neither blank nor a '#' comment; empty where there is none."""
    line = next((line for line in lines if line.strip() and not line.startswith("#")), None)
    return [] if line is None else header_cells(line)


def read_columns(text: str) -> TextColumns:
    """A delimited table into text columns; its header is the first line that is neither blank nor a '#' comment.

    Raises FileError where there is no header line, or it has a name twice or a column without one.
    """
    start = re.search(r"^(?!#)[^\n]*\S[^\n]*$", text, re.MULTILINE)
    if start is None:
        raise FileError("The file holds no header line; expected names of columns and rows below them.")
    header, body = start[0], text[start.start() :]
    separator, cells = separator_of(header), header_cells(header)
    names = cells[: max((i + 1 for i, name in enumerate(cells) if name), default=0)]
    if not names:
        raise FileError("The header line holds no names of columns.")
    if "" in names:
        raise FileError("The header has a column without a name.")
    if max(Counter(names).values()) > 1:
        raise FileError("The header has a name twice.")
    positions = [str(i) for i in range(len(cells))]
    try:
        table = pacsv.read_csv(
            pa.BufferReader(body.encode(errors="replace")),
            read_options=pacsv.ReadOptions(column_names=positions, skip_rows=1),
            # A stray quote must not swallow the rest of a tab-separated file: there, quotes are ordinary characters.
            parse_options=pacsv.ParseOptions(delimiter=separator, quote_char=False if separator == "\t" else '"'),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(positions, pa.string()), strings_can_be_null=True, null_values=[""]
            ),
        )
    except pa.ArrowInvalid:  # a ragged row, a stray quote, no rows: slower, but each row keeps what it has
        ragged = read_delimited(body, separator)
        return TextColumns({n: ragged.array(n) for n in ragged.columns}, pa.array(ragged.problems, pa.string()))
    columns = {name: table.column(i).combine_chunks() for i, name in enumerate(names)}
    return TextColumns(columns, pa.nulls(table.num_rows, pa.string()))


def present(values: pa.Array, missing: Iterable[str] = MISSING) -> pa.Array:
    """Text stripped, and null where it says that there is no value."""
    stripped = pc.utf8_trim_whitespace(values)
    return pc.if_else(pc.is_in(stripped, pa.array(["", *missing])), None, stripped)


def numbers(values: pa.Array, site: Site | None = None, column: str = "value") -> tuple[pa.Array, pa.Array]:
    """Text with decimal point or comma into doubles, and whether each given text is a number (null stays null).

    Raises FileError where the decimal mark of the column cannot be told (see `ingestion.decimals`).
    """
    site = site or Site()
    if site.decimal_mark != "," and (plain := _plain_numbers(values)) is not None:
        return plain, pc.if_else(pc.is_valid(values), True, None)
    texts = with_points(values, site, column)
    is_number = pc.match_substring_regex(texts, NUMBER)
    return pc.if_else(is_number, texts, None).cast(pa.float64()), is_number


def _plain_numbers(values: pa.Array) -> pa.Array | None:
    """All texts as doubles by Arrow's own cast, the quicker way; None where one is more than digits and a point."""
    try:
        found = values.cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    # Arrow takes 'nan', 'inf' and exponents that lead there, and blanks around: those are looked at one by one.
    is_plain = pc.all(pc.is_finite(found), min_count=0).as_py()
    return found if is_plain else None


def mapped(values: pa.Array, known: Iterable[tuple[str, str | None]]) -> pa.Array:
    """Text through a small dictionary; what it does not have becomes null."""
    pairs = list(known)
    keys, targets = pa.array([k for k, _ in pairs], pa.string()), pa.array([v for _, v in pairs], pa.string())
    return targets.take(pc.index_in(values, keys))


def distinct(values: pa.Array) -> list[str]:
    """The distinct texts of a column, without null."""
    return [v for v in pc.unique(values).to_pylist() if v is not None]
