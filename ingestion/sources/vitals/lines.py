"""Lines of large text files one by one, whatever their ends and encoding, in memory that does not grow with them."""

import codecs
import io
from collections.abc import Iterator
from typing import Final

from infra.errors import FileError
from ingestion.format import RawFile

MAX_LINE: Final = 64 << 20
"""Characters. A bundle on one line is a line."""

_ERRORS = "oncolake.windows-1252"


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are no UTF-8 as Windows-1252, so that two identifiers that differ in them stay two."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(_ERRORS, _as_windows_1252)


def text_lines(raw: RawFile) -> Iterator[str]:
    """Lines without their ends (LF, CRLF or CR), blank ones left out. Raises FileError where one is too long."""
    with raw.open() as stream:
        marks = stream.read(2)
        stream.seek(0)
        encoding = "utf-16" if marks in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE} else "utf-8-sig"
        with io.TextIOWrapper(stream, encoding, errors=_ERRORS) as text:
            while line := text.readline(MAX_LINE + 1):
                if len(line) > MAX_LINE:
                    raise FileError(f"A line is longer than {MAX_LINE >> 20} million characters.")
                if line.strip():
                    yield line.rstrip("\n")


def plain(text: object) -> str | None:
    """Text without blanks around it, fit for Arrow; None for anything else, and for nothing."""
    if not isinstance(text, str):
        return None
    return text.strip().encode("utf-8", "replace").decode() or None
