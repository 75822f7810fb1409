"""Reads the allow-listed tags of a DICOM header as text, and nothing else: no pixels, no other tag.

Values are taken as the bytes that the file holds, past pydicom's conversion of them, so that one odd value (a
decimal string that is none) costs that value and not the file.
"""

import functools
import logging
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from infra.errors import FileError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset
    from pydicom.tag import BaseTag

TAGS: dict[str, int] = {
    "ImageType": 0x0008_0008,
    "SOPInstanceUID": 0x0008_0018,
    "StudyDate": 0x0008_0020,
    "SeriesDate": 0x0008_0021,
    "AcquisitionDate": 0x0008_0022,
    "ContentDate": 0x0008_0023,
    "AcquisitionDateTime": 0x0008_002A,
    "StudyTime": 0x0008_0030,
    "SeriesTime": 0x0008_0031,
    "AcquisitionTime": 0x0008_0032,
    "ContentTime": 0x0008_0033,
    "Modality": 0x0008_0060,
    "Manufacturer": 0x0008_0070,
    "TimezoneOffsetFromUTC": 0x0008_0201,
    "SeriesDescription": 0x0008_103E,
    "PatientID": 0x0010_0020,
    "QualityControlSubject": 0x0010_0200,
    "PatientSpeciesDescription": 0x0010_2201,
    "ContrastBolusAgent": 0x0018_0010,
    "BodyPartExamined": 0x0018_0015,
    "ScanningSequence": 0x0018_0020,
    "SliceThickness": 0x0018_0050,
    "RepetitionTime": 0x0018_0080,
    "EchoTime": 0x0018_0081,
    "InversionTime": 0x0018_0082,
    "MagneticFieldStrength": 0x0018_0087,
    "ProtocolName": 0x0018_1030,
    "DiffusionBValue": 0x0018_9087,
    "StudyInstanceUID": 0x0020_000D,
    "SeriesInstanceUID": 0x0020_000E,
    "PixelSpacing": 0x0028_0030,
}
"""The allow-list: keyword and tag (PS3.6). Tags come in ascending order in a file, so reading stops after the last."""

LAST_TAG = max(TAGS.values())
HEAD_BYTES = 1 << 15
MOST_INFLATED_BYTES = 1 << 29
DICOMDIR_CLASS = "1.2.840.10008.1.3.10"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_SILENT = logging.CRITICAL + 1
_UNDEFINED_LENGTH = 0xFFFF_FFFF
_FREE_TEXT = frozenset({"SeriesDescription", "PatientID", "ProtocolName", "PatientSpeciesDescription"})

# What pydicom raises on bytes that are no DICOM after all; anything else would be a defect worth a traceback.
_UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    NotImplementedError,
    OverflowError,
    EOFError,
    RecursionError,
    MemoryError,
    OSError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class Header:
    """The allow-listed tags that a file gives a value for, by keyword; values of several parts joined by backslash.

    is_directory: the file is a DICOMDIR. is_cut: the file ends inside its header.
    """

    values: dict[str, str]
    is_directory: bool = False
    is_cut: bool = False

    def get(self, keyword: str) -> str | None:
        """The value, stripped; None where the tag is absent or empty."""
        return self.values.get(keyword) or None

    def first(self, keyword: str) -> str | None:
        """The first part of a value of several parts; None where it is absent or empty."""
        return self.values.get(keyword, "").split("\\")[0].strip() or None


def read_header(stream: BinaryIO, size: int) -> Header:
    """The header of a DICOM file, with or without preamble, in any transfer syntax.

    stream: at the file's start, seekable. size: of the file in bytes. Raises FileError where the bytes cannot be
    read as DICOM.
    """
    with reading("header"):
        dataset, is_cut = _from_head(stream) or read_tags(stream, size, TAGS.values())
        storage = str(dataset.file_meta.get("MediaStorageSOPClassUID", ""))
        values = _values(dataset)
    return Header(values, is_directory=storage == DICOMDIR_CLASS, is_cut=is_cut)


@contextmanager
def reading(part: str) -> "Iterator[list[warnings.WarningMessage]]":
    """Turns whatever pydicom raises on damaged bytes into a FileError; gives the warnings that it hushes.

    pydicom warns and logs about values, and a value may be a name: neither reaches a log.
    """
    from pydicom.errors import BytesLengthException, InvalidDicomError

    log = logging.getLogger("pydicom")
    if log.level != _SILENT:  # setting it empties a cache of the whole process
        log.setLevel(_SILENT)
    with warnings.catch_warnings(record=True) as hushed:
        warnings.simplefilter("always")
        try:
            yield hushed
        except (InvalidDicomError, BytesLengthException, *_UNREADABLE) as error:
            raise FileError(
                f"The DICOM {part} cannot be read ({type(error).__name__}); "
                "expected data elements as in DICOM PS3.10 (is the file cut short?)."
            ) from error


def _from_head(stream: BinaryIO) -> "tuple[FileDataset, bool] | None":
    """As `read_tags`, from the first HEAD_BYTES alone; None, with the stream at its start, where they do not decide.

    They do where an element beyond the last wanted one begins in them: then nothing before it is cut. Twice as fast,
    since each look at the position of a file is a call of the operating system. No deflated file is opened here.
    """
    from pydicom.errors import BytesLengthException, InvalidDicomError
    from pydicom.filereader import read_partial

    start = stream.tell()
    head = stream.read(HEAD_BYTES)
    stream.seek(start)
    if _DEFLATED.encode() in head:
        return None
    memory = BytesIO(head)
    is_stopped = False

    def stop(tag: "BaseTag", vr: str | None, length: int) -> bool:
        nonlocal is_stopped
        is_stopped = int(tag) > LAST_TAG
        return is_stopped

    try:
        dataset = read_partial(memory, stop, force=True, specific_tags=_wanted())
        str(dataset.file_meta.get("TransferSyntaxUID", ""))
    except (InvalidDicomError, BytesLengthException, *_UNREADABLE):
        # Whether the file or only its head is at fault, the whole of it tells.
        return None
    return (dataset, False) if is_stopped else None


@functools.cache
def _wanted() -> "list[BaseTag]":
    """TAGS as pydicom's own objects, which it would make of them for each file."""
    from pydicom.tag import Tag

    return [Tag(tag) for tag in TAGS.values()]


def read_tags(stream: BinaryIO, size: int, tags: Iterable[int]) -> "tuple[FileDataset, bool]":
    """The data set with those of `tags` that the file has, read up to the largest of them; and whether it is cut there.

    Within `reading`. Raises FileError where a deflated file is larger than `MOST_INFLATED_BYTES` when inflated.
    """
    from pydicom.filereader import read_partial

    wanted = list(tags)
    _refuse_bomb(stream)
    watch = _Watch(stream, size, max(wanted))
    dataset = read_partial(stream, watch.stop, force=True, specific_tags=wanted)
    # Positions in a deflated file say nothing about the inflated header.
    is_cut = str(dataset.file_meta.get("TransferSyntaxUID", "")) != _DEFLATED and watch.is_cut
    return dataset, is_cut


def _refuse_bomb(stream: BinaryIO) -> None:
    """Raises FileError for a deflated file that would fill the memory, since pydicom inflates it whole."""
    from pydicom.filereader import _read_file_meta_info, read_preamble

    start = stream.tell()
    if stream.read(132)[128:] == b"DICM":
        stream.seek(start)
        read_preamble(stream, force=True)
        meta = _read_file_meta_info(stream)
        if str(meta.get("TransferSyntaxUID", "")) == _DEFLATED:
            inflating, inflated = zlib.decompressobj(-zlib.MAX_WBITS), 0
            while (chunk := stream.read(1 << 16)) and inflated <= MOST_INFLATED_BYTES:
                while chunk and inflated <= MOST_INFLATED_BYTES:
                    inflated += len(inflating.decompress(chunk, 1 << 20))
                    chunk = inflating.unconsumed_tail
            if inflated > MOST_INFLATED_BYTES:
                raise FileError(
                    f"The deflated DICOM file inflates to more than {MOST_INFLATED_BYTES >> 20} MiB; "
                    "expected an object that fits into memory."
                )
    stream.seek(start)


class _Watch:
    """Stops the reader after the last wanted tag, and sees whether the file ended before an element did."""

    def __init__(self, stream: BinaryIO, size: int, last_tag: int) -> None:
        self._stream = stream
        self._size = size
        self._last_tag = last_tag
        self._end_of_element: int | None = None
        self.is_stopped = False

    def stop(self, tag: "BaseTag", vr: str | None, length: int) -> bool:
        self.is_stopped = int(tag) > self._last_tag
        self._end_of_element = None if length == _UNDEFINED_LENGTH else self._stream.tell() + length
        return self.is_stopped

    @property
    def is_cut(self) -> bool:
        """Whether the last element before the wanted end runs past the end of the file, or stops short of it."""
        return not self.is_stopped and self._end_of_element is not None and self._end_of_element != self._size


def _values(dataset: "Dataset") -> dict[str, str]:
    from pydicom.charset import convert_encodings, decode_bytes

    encodings = convert_encodings(dataset.get("SpecificCharacterSet"))
    values = {}
    elements = dict(dataset.items())
    for keyword, tag in zip(TAGS, _wanted(), strict=True):
        raw = elements[tag].value if tag in elements else None
        if not isinstance(raw, bytes):
            continue
        if keyword == "DiffusionBValue":
            order = "<" if dataset.original_encoding[1] is not False else ">"
            text = str(struct.unpack(f"{order}d", raw[:8])[0]) if len(raw) >= 8 else ""
        elif keyword in _FREE_TEXT:
            text = decode_bytes(raw, encodings, set())
        else:
            text = raw.decode("ascii", errors="replace")
        values[keyword] = text.strip("\x00 \t\r\n")
    return values


def raw_value(dataset: "Dataset", tag: int) -> bytes | None:
    """An element's bytes; None where it is absent, empty, or no plain value."""
    value = dataset.get_item(tag).value if tag in dataset else None
    return value if isinstance(value, bytes) else None
