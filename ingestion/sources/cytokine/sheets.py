"""Workbooks (.xlsx) as rows of cells, for every format of the source that comes in one."""

import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO

import python_calamine

from infra.errors import FileError
from ingestion.format import Probe

Cells = list[object]
MAX_UNPACKED_BYTES = 512 * 2**20
"""No plate is near it: a small file that unpacks to more is damaged or a trap."""


def content_of(probe: Probe) -> bytes | None:
    """The whole of a file that begins as a workbook; None where it does not, or where only its head is at hand."""
    if not probe.head.startswith(b"PK\x03\x04"):
        return None
    if probe.path is not None:
        return probe.path.read_bytes()
    return probe.head if len(probe.head) == probe.size else None


def sheets(content: bytes) -> Iterator[tuple[str, list[Cells]]]:
    """The sheets of a workbook in their order: (name, rows of cells).

    Raises FileError where it is no whole workbook.
    """
    # The checksums are tested first: the reader of sheets is not made for damaged archives.
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > MAX_UNPACKED_BYTES:
                raise FileError(f"The workbook unpacks to more than {MAX_UNPACKED_BYTES >> 20} MiB; expected a plate.")
            damaged = archive.testzip()
        if damaged is None:
            workbook = python_calamine.CalamineWorkbook.from_filelike(BytesIO(content))
            for name in workbook.sheet_names:
                yield name, workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
            return
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        python_calamine.CalamineError,
    ) as error:
        raise FileError("The workbook cannot be opened; expected a whole .xlsx file.") from error
    raise FileError("The workbook is damaged; expected a whole .xlsx file.")


def cell_text(cell: object) -> str:
    """A cell as stripped text; a whole number (a sample called 101) without its '.0'."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None else str(cell).strip()
