"""Attributes of the content tree of a structured report (PS3.3 C.17.3), and its items and numbers in pydicom."""

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.errors import FileError
from ingestion.sources.imaging.header import raw_value

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SOP_INSTANCE, EVIDENCE, OTHER_EVIDENCE, CONTENT = 0x0008_0018, 0x0040_A375, 0x0040_A385, 0x0040_A730
VALUE_TYPE, RELATIONSHIP, NAME, CODE, TEXT, UID = (
    0x0040_A040,
    0x0040_A010,
    0x0040_A043,
    0x0040_A168,
    0x0040_A160,
    0x0040_A124,
)
MEASURED, NUMBER, FLOAT, UNITS, NO_VALUE = 0x0040_A300, 0x0040_A30A, 0x0040_A161, 0x0040_08EA, 0x0040_A301
SERIES_SEQUENCE, SOP_SEQUENCE, SERIES, SOP_CLASS_REF, SOP_REF = (
    0x0008_1115,
    0x0008_1199,
    0x0020_000E,
    0x0008_1150,
    0x0008_1155,
)
SEGMENT, FRAMES, BY_REFERENCE = 0x0062_000B, 0x0008_1160, 0x0040_DB73


@dataclass(frozen=True)
class Code:
    """A coded term: SCHEME:code, and its meaning in words."""

    key: str
    meaning: str | None


def items(dataset: "Dataset", tag: int) -> "list[Dataset]":
    """The items of a sequence; none where it is absent or empty. Raises FileError where it is no sequence."""
    from pydicom.sequence import Sequence

    if tag not in dataset:
        return []
    value = dataset[tag].value
    if value is None or isinstance(value, Sequence):
        return list(value or [])
    raise FileError("The content of the DICOM report has a value where a sequence of items was expected.")


def double(item: "Dataset", tag: int) -> float | None:
    """A finite FD value, in the byte order of the file; None where there is none."""
    raw = raw_value(item, tag)
    if raw is None or len(raw) != 8:
        return None
    value = float(struct.unpack(f"{_order(item, tag)}d", raw)[0])
    return value if math.isfinite(value) else None


def unsigned(item: "Dataset", tag: int) -> int | None:
    """The first US value, in the byte order of the file; None where there is none."""
    raw = raw_value(item, tag)
    return None if raw is None or len(raw) < 2 else int(struct.unpack(f"{_order(item, tag)}H", raw[:2])[0])


def _order(item: "Dataset", tag: int) -> str:
    """The byte order of an element as the file has it; items of a sequence do not know it, raw elements do."""
    return "<" if getattr(item.get_item(tag), "is_little_endian", True) else ">"
