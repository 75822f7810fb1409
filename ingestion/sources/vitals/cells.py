"""Large tables of numerics into Arrow columns: pyarrow's own parser, and row by row only where a row is ragged.

A day of one patient at one value a second in ten signals is close to a million cells, so nothing here loops in
Python over cells of a regular file.
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pacsv

from infra.errors import FileError
from infra.settings import Site
from ingestion.dates import DAY_ZERO, parse_times
from ingestion.text import read_delimited, separator_of

MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "-", "--", "---", "--.-")
"""Cells that say 'no value'; they are no records."""

UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")
_NUMBER = r"^[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?$"
_LOCAL_ISO = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?$"
_OFFSET_ISO = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})$"
# Arrow's time-zone rules stop in 2037; later local times go through Python's, which do not.
_LAST_YEAR_OF_ARROW_ZONES = 2037


@dataclass(frozen=True)
class Cells:
    """Columns of text by name in lower case (`names` holds them as written), and a problem a row (null: none)."""

    columns: dict[str, pa.Array]
    names: dict[str, str]
    problems: pa.Array

    @property
    def n_rows(self) -> int:
        return len(self.problems)

    def get(self, *names: str) -> pa.Array | None:
        """The first of the columns that the file has, blank cells null; None where it has none of them."""
        return next((present(self.columns[n]) for n in names if n in self.columns), None)

    def need(self, *names: str) -> pa.Array:
        """The first of the columns that the file has. Raises FileError where it has none of them."""
        column = self.get(*names)
        if column is None:
            raise FileError(f"The header has no column {names[0]}; found {len(self.names)} other columns.")
        return column


def header_cells(line: str) -> list[str]:
    """The cells of a header line, stripped; separator found from the line."""
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator_of(line)), [])]


def read_cells(text: str) -> Cells:
    """A delimited table with one header line into text columns. Raises FileError on no or a doubled header."""
    start = re.search(r"^(?!#).*\S.*$", text, re.MULTILINE)
    if start is None:
        raise FileError("The file holds no header line; expected names of columns and rows below them.")
    header, body = start[0], text[start.start():]
    names = header_cells(header)
    width = max((i + 1 for i, name in enumerate(names) if name), default=0)
    lower = [name.lower() for name in names[:width]]
    twice = sorted({n for n in lower if lower.count(n) > 1})
    if twice:
        raise FileError(f"The header names a column {'twice' if twice[0] else 'without a name'}; expected each once.")
    separator = separator_of(header)
    try:
        table = pacsv.read_csv(
            pa.BufferReader(body.encode()),
            read_options=pacsv.ReadOptions(column_names=[str(i) for i in range(len(names))], skip_rows=1),
            parse_options=pacsv.ParseOptions(delimiter=separator),
            convert_options=pacsv.ConvertOptions(
                column_types={str(i): pa.string() for i in range(len(names))},
                strings_can_be_null=True, null_values=[""],
            ),
        )
        columns = {name: table.column(i).combine_chunks() for i, name in enumerate(lower)}
        problems = pa.nulls(table.num_rows, pa.string())
    except pa.ArrowInvalid:  # a ragged row or a stray quote: slower, but each row keeps what it has
        ragged = read_delimited(body, separator)
        columns = {name.lower(): ragged.array(name) for name in ragged.columns}
        problems = pa.array(ragged.problems, pa.string())
    return Cells(columns, dict(zip(lower, names, strict=False)), problems)


def present(values: pa.Array) -> pa.Array:
    """Text stripped, and null where it says that there is no value (`MISSING`)."""
    stripped = pc.utf8_trim_whitespace(values)
    return pc.if_else(pc.is_in(stripped, pa.array(MISSING)), None, stripped)


def numbers(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Text with decimal point or comma into doubles, and whether each given text is a number (null stays null)."""
    is_number = pc.match_substring_regex(values, _NUMBER)
    digits = pc.replace_substring(pc.if_else(is_number, values, None), ",", ".")
    return digits.cast(pa.float64()), is_number


def event_times(values: pa.Array, site: Site, column: str) -> tuple[pa.Array, pa.Array]:
    """Text into timestamps (us, UTC), and the problem of each row (null: none).

    Seconds from the start of the case (all cells numbers) count from DAY_ZERO; ISO times take Arrow's own cast;
    everything else goes through `ingestion.dates`. Raises FileError where day and month cannot be told apart.
    """
    no_problem = pa.nulls(len(values), pa.string())
    if values.null_count < len(values):
        if _all(values, r"^[+-]?\d{1,7}([.,]\d+)?([eE][+-]?\d+)?$"):
            seconds, _ = numbers(values)
            since = pc.round(pc.multiply(seconds, 1e6)).cast(pa.int64()).cast(pa.duration("us"))
            return pc.add(pa.scalar(DAY_ZERO, UTC_MICROSECONDS), since), no_problem
        times = _iso_times(values, site)
        if times is not None:
            return times, no_problem
    parsed, problems = parse_times(values, site, column)
    return parsed, pa.array(problems, pa.string())


def _all(values: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(values, pattern), min_count=0).as_py())


def _iso_times(values: pa.Array, site: Site) -> pa.Array | None:
    """ISO times by Arrow's cast; None where they are not all of one kind, or Arrow cannot place them."""
    try:
        if _all(values, _OFFSET_ISO):
            return values.cast(UTC_MICROSECONDS)
        if not _all(values, _LOCAL_ISO):
            return None
        local = values.cast(pa.timestamp("us"))
        if site.time_zone == "UTC":
            return local.cast(UTC_MICROSECONDS)
        if pc.max(pc.year(local)).as_py() > _LAST_YEAR_OF_ARROW_ZONES or ZoneInfo(site.time_zone).key == "UTC":
            return None
        return pc.assume_timezone(local, site.time_zone, ambiguous="earliest").cast(UTC_MICROSECONDS)
    except pa.ArrowInvalid:  # 31 February, or an hour that the change to summer time leaves out
        return None


def mapped(values: pa.Array, known: Iterable[tuple[str, str | None]]) -> pa.Array:
    """Text through a small dictionary; what it does not have becomes null."""
    pairs = list(known)
    keys, targets = pa.array([k for k, _ in pairs], pa.string()), pa.array([v for _, v in pairs], pa.string())
    return targets.take(pc.index_in(values, keys))
