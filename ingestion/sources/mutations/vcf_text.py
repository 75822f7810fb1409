"""The lines of a VCF: plain, gzip or bgzip (blocks of gzip), read as a stream and never unpacked into memory."""

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from infra.errors import FileError
from ingestion.format import HEAD_BYTES, RawFile

GZIP = b"\x1f\x8b"
MAX_LINE = 1 << 24
"""Characters of a line: a cohort of 100,000 samples stays below it."""
MAX_RATIO = 500
"""Times that a file may grow when unpacked, past FREE_BYTES. VCFs grow by 5 to 50."""
FREE_BYTES = 1 << 28
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block at the end of a whole bgzip file (SAM specification, section 4.1.2)."""
_CHECK_EVERY = 4096


def head_of(head: bytes) -> str:
    """The first lines of a file as text, out of a gzip file too; empty where they cannot be unpacked."""
    if head.startswith(GZIP):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, HEAD_BYTES)
        except zlib.error:
            return ""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", errors="replace").lstrip("\ufeff")
    return head.removeprefix(b"\xef\xbb\xbf").decode("latin-1")


def lines_of(file: RawFile) -> Iterator[str]:
    """Every line without its end. Bytes that are no UTF-8 are read as Windows-1252, line by line.

    Raises FileError where the file is a damaged or cut gzip file, unpacks to too much, or has a line beyond MAX_LINE.
    """
    with file.open() as stream:
        start = stream.read(HEAD_BYTES)
        size = stream.seek(0, io.SEEK_END)
        if _is_bgzf(start):
            stream.seek(max(0, size - len(BGZF_END)))
            if stream.read() != BGZF_END:
                raise FileError("The bgzip file is cut short: it lacks the empty block that ends a whole one.")
        stream.seek(0)
        unpacked: BinaryIO = gzip.GzipFile(fileobj=stream) if start.startswith(GZIP) else stream  # type: ignore[assignment]
        is_utf16 = start.startswith((b"\xff\xfe", b"\xfe\xff"))
        encoding, errors = ("utf-16", "replace") if is_utf16 else ("utf-8", "surrogateescape")
        try:
            yield from _lines(io.TextIOWrapper(unpacked, encoding=encoding, errors=errors), unpacked, size)
        except (OSError, EOFError, zlib.error) as error:
            raise FileError("The gzip file is cut or damaged; expected a whole one.") from error


def _lines(text: io.TextIOWrapper, unpacked: BinaryIO, size: int) -> Iterator[str]:
    number = 0
    while line := text.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE and not line.endswith("\n"):
            raise FileError(f"Line {number} is longer than {MAX_LINE} characters; expected a VCF.")
        if number % _CHECK_EVERY == 0 and unpacked.tell() > FREE_BYTES + MAX_RATIO * size:
            raise FileError(f"The file unpacks to more than {MAX_RATIO} times its size; expected a VCF.")
        line = line.rstrip("\n")
        if not line.isascii():
            line = _decoded(line)
        yield line.removeprefix("\ufeff") if number == 1 else line


def _decoded(line: str) -> str:
    """A line whose bytes were no UTF-8, as Windows-1252."""
    try:
        line.encode()
    except UnicodeEncodeError:
        return line.encode(errors="surrogateescape").decode("cp1252", errors="replace")
    return line


def _is_bgzf(start: bytes) -> bool:
    """Whether the first gzip member is a block: it has the extra field BC."""
    return start.startswith(b"\x1f\x8b\x08\x04") and start[12:14] == b"BC"
