"""Text as instruments and hospitals write it: any encoding, any line end, any separator."""

import csv
import io
from collections import Counter
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from infra.errors import FileError

SEPARATORS = (",", ";", "\t", "|")
csv.field_size_limit(10_000_000)


def is_binary(head: bytes) -> bool:
    """Whether the bytes are no text: a NUL byte, unless a UTF-16 byte-order mark explains it."""
    return b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff"))


def decode(content: bytes) -> str:
    """The text with '\\n' line ends: UTF-8 or UTF-16 by their marks, else UTF-8 if valid, else Windows-1252.

    An undecodable byte never loses a file: the five bytes that Windows-1252 leaves open become U+FFFD. A UTF-8
    sequence cut at the end (a head of a file) does not turn a text that is UTF-8 before it into Windows-1252.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16", errors="replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            # Where all before it is ASCII, the last byte may as well be a letter of Windows-1252: it is kept.
            before = content[: error.start]
            cut = error.start >= len(content) - 3 and error.reason == "unexpected end of data" and not before.isascii()
            text = before.decode("utf-8-sig") if cut else content.decode("cp1252", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def separator_of(line: str) -> str:
    """The separator of a header line: the candidate that splits it (outside quotes) into the most fields."""
    return max(SEPARATORS, key=lambda s: len(cells_of(line, s)))


def cells_of(line: str, separator: str) -> list[str]:
    """The cells of one line, with quotes around those that need them. Raises FileError where a cell is beyond 10 MB."""
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error as error:
        raise FileError("A line of the text cannot be split into cells; expected cells of at most 10 MB.") from error


@dataclass(frozen=True)
class Delimited:
    """A table of text: `columns` by header name, and for each row its `problem` (None: nothing wrong).

    Cells are stripped; an empty cell is None. Rows with too few or too many cells keep what they have and say so.
    """

    columns: dict[str, list[str | None]]
    problems: list[str | None]

    @property
    def n_rows(self) -> int:
        return len(self.problems)

    def array(self, name: str) -> pa.Array:
        """A column as an Arrow string array; all null where the file has no such column."""
        return pa.array(self.columns.get(name, [None] * self.n_rows), pa.string())


def read_delimited(text: str, separator: str | None = None, skip_prefix: str | None = None) -> Delimited:
    """Reads delimited text whose first line that is neither blank nor a comment is the header.

    separator: None finds it from the header. skip_prefix: lines that start so are comments. Header names are
    stripped and kept as they are; a name given twice, or none at all, raises FileError.
    """
    lines = text.split("\n")
    start = next(
        (i for i, line in enumerate(lines) if line.strip() and not (skip_prefix and line.startswith(skip_prefix))), None
    )
    if start is None:
        raise FileError("The file holds no header line; expected names of columns and rows below them.")
    separator = separator or separator_of(lines[start])
    body = "\n".join(lines[start:])
    if skip_prefix:
        body = "\n".join(line for line in lines[start:] if not line.startswith(skip_prefix))
    # A stray quote must not swallow the rest of a tab-separated file: there, quotes are ordinary characters.
    quoting: Literal[0, 3] = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
    try:
        rows = csv.reader(io.StringIO(body), delimiter=separator, quoting=quoting)
        header = [name.strip() for name in next(rows)]
        while header and not header[-1]:
            header.pop()
        name, n = Counter(header).most_common(1)[0] if header else ("", 0)
        if n > 1:
            # By its place: in a file that lost its header this is a cell.
            at = header.index(name) + 1
            raise FileError(f"The header has the name of column {at} twice; expected each name once.")
        width = len(header)
        cells: list[list[str | None]] = []
        problems: list[str | None] = []
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            values: list[str | None] = [cell.strip() or None for cell in row]
            extra = [v for v in values[width:] if v is not None]
            problem = None
            if extra or len(values) < width:
                problem = f"the row has {len(row)} cells where the header has {width}"
            cells.append((values + [None] * width)[:width])
            problems.append(problem)
    except csv.Error as error:
        raise FileError(f"The text cannot be split into cells ({error}).") from error
    columns = {name: [row[i] for row in cells] for i, name in enumerate(header)}
    return Delimited(columns, problems)
