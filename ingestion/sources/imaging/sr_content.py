"""Measurements in the content tree of a TID 1500 report (PS3.16: TID 1500, 1501, 1410, 1411, 300, 4019).

A measurement is a NUM item below "Imaging Measurements". Its group, if it has one, is the region:

- `region_uid` is the group's tracking UID, which stays the same through time. Where several groups of a report share
  one, the image or segment that outlines the region is added; a group without one is named by its place in the report.
- `region` is the coded finding and its site; both may be absent.
- the series that was measured is, in this order: that of the images that the number was measured on; the source
  series of the segmentation; that of the images in which the region is outlined; the only series of images among the
  report's evidence. What refers to several series, or to an image outside the evidence, is refused and not guessed.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.errors import FileError
from ingestion.sources.imaging import sr_items as sr
from ingestion.sources.imaging.header import raw_value
from ingestion.sources.imaging.sr_items import Code, double, items, unsigned

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# Concepts as SCHEME:code, with the SNOMED-RT codes (SRT) of older reports.
_MEASUREMENTS = {"DCM:126010"}
_GROUP = {"DCM:125007"}
_TRACKING_UID = {"DCM:112040"}
_FINDING = {"DCM:121071"}
_SITE = {"SCT:363698007", "SRT:G-C0E3"}
_METHOD = {"SCT:370129005", "SRT:G-C036"}
_ALGORITHM, _VERSION = {"DCM:111001"}, {"DCM:111003"}
_SOURCE_SERIES = {"DCM:121232"}
_MAKER, _MODEL = {"DCM:121014"}, {"DCM:121015"}
_NO_IMAGES = tuple(f"1.2.840.10008.5.1.4.1.1.{part}" for part in ("66", "481.", "88.", "67", "11."))
"""Storage classes of objects that are made from images: segmentations, structures, reports, maps of values, states."""

_VALUE_TYPES = frozenset(
    ("TEXT", "NUM", "CODE", "DATETIME", "DATE", "TIME", "UIDREF", "PNAME", "COMPOSITE", "IMAGE", "WAVEFORM", "SCOORD",
     "SCOORD3D", "TCOORD", "CONTAINER", "TABLE")
)  # fmt: skip
MOST_LEVELS = 64
"""Templates nest less than ten deep."""
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class _Group:
    """What a measurement group says of all its numbers. outline: the images or segments that outline the region."""

    item: "Dataset | None"
    tracking_uid: str | None = None
    outline: str = ""


class Report:
    """One report's data set, with what its header says of the objects that it refers to."""

    def __init__(self, dataset: "Dataset") -> None:
        from pydicom.charset import convert_encodings

        self._dataset = dataset
        self._encodings = convert_encodings(dataset.get("SpecificCharacterSet"))
        self._series_of: dict[str, str] = {}
        self._image_series: set[str] = set()
        for study in [*items(dataset, sr.EVIDENCE), *items(dataset, sr.OTHER_EVIDENCE)]:
            for series in items(study, sr.SERIES_SEQUENCE):
                uid = self._text(series, sr.SERIES)
                for instance in items(series, sr.SOP_SEQUENCE):
                    reference = self._text(instance, sr.SOP_REF)
                    if uid and reference:
                        self._series_of[reference] = uid
                    if uid and not (self._text(instance, sr.SOP_CLASS_REF) or "").startswith(_NO_IMAGES):
                        self._image_series.add(uid)

    def measurements(self) -> list[dict[str, object]]:
        """Raw columns of `SR_REPORT` for each measurement, in the order of the report.

        Raises FileError where the tree is deeper than 64 levels, has an item without a value type of PS3.3 C.17.3.2.1,
        or an element that should hold items does not.
        """
        self._check(self._dataset, 0)
        numbers = [
            (number, group)
            for child in items(self._dataset, sr.CONTENT)
            if self._concept(child) in _MEASUREMENTS
            for number, group in self._numbers(child, _Group(None))
        ]
        uids = self._region_uids(list({id(group): group for _, group in numbers}.values()))
        device = self._device()
        return [self._measurement(number, group, uids[id(group)], device) for number, group in numbers]

    def _check(self, item: "Dataset", level: int) -> None:
        """Refuses items without a value type: damaged lengths make pydicom read out of step, and lose what follows."""
        if level > MOST_LEVELS:
            raise FileError(f"The content of the DICOM report is deeper than {MOST_LEVELS} levels.")
        for child in items(item, sr.CONTENT):
            if self._text(child, sr.VALUE_TYPE) not in _VALUE_TYPES and sr.BY_REFERENCE not in child:
                raise FileError("The content of the DICOM report has an item without a value type; is it damaged?")
            self._check(child, level + 1)

    def _numbers(self, container: "Dataset", group: _Group) -> "Iterator[tuple[Dataset, _Group]]":
        for child in items(container, sr.CONTENT):
            kind = self._text(child, sr.VALUE_TYPE)
            if kind == "NUM":
                yield child, group
            elif kind == "CONTAINER":
                inner = self._group(child) if self._concept(child) in _GROUP else group
                yield from self._numbers(child, inner)

    def _group(self, item: "Dataset") -> _Group:
        uid = next((self._text(c, sr.UID) for c in self._children(item, _TRACKING_UID)), None)
        outline = [
            "/".join([self._text(reference, sr.SOP_REF) or "", *self._parts(reference)])
            for reference in self._references(item)
        ]
        return _Group(item, uid, " ".join(outline))

    def _measurement(self, number: "Dataset", group: _Group, region_uid: str, device: str | None) -> dict[str, object]:
        name = self._code(number, sr.NAME)
        modifiers = [*self._modifiers(number), *(self._modifiers(group.item, _METHOD) if group.item else [])]
        meanings = [m.meaning or m.key for m in modifiers]
        series, series_problem = self._series(number, group)
        value, unit, qualifier, value_problem = self._value(number)
        problems = [
            problem
            for problem in (None if name else "the measurement has no coded name", value_problem, series_problem)
            if problem
        ]
        label = None if name is None else name.meaning or name.key
        return {
            "problem": "; ".join(problems) or None,
            "measured_series_uid": series,
            "region_uid": region_uid,
            "region": self._region(number, group),
            "measure": f"{label} ({', '.join(meanings)})" if label and meanings else label,
            "measure_code": " ".join(c.key for c in (name, *modifiers) if c) or None,
            "value": value,
            "unit": unit,
            "qualifier": qualifier,
            "algorithm": self._algorithm(number) or (self._algorithm(group.item) if group.item else None) or device,
        }

    def _region_uids(self, groups: list[_Group]) -> dict[int, str]:
        """What names the region of each group (by `id`): unique in the report, and its tracking UID if it can be."""
        shared = Counter(group.tracking_uid for group in groups)
        seen: Counter[str] = Counter()
        found = {}
        for index, group in enumerate(groups):
            if group.tracking_uid is None:
                name = f"{self._text(self._dataset, sr.SOP_INSTANCE)} {index}"
            elif shared[group.tracking_uid] > 1 and group.outline:
                name = f"{group.tracking_uid} {group.outline}"
            else:
                name = group.tracking_uid
            seen[name] += 1
            found[id(group)] = name if seen[name] == 1 else f"{name} {seen[name]}"
        return found

    def _region(self, number: "Dataset", group: _Group) -> str | None:
        finding = self._meanings(group.item, _FINDING) if group.item else []
        sites = self._meanings(number, _SITE) or (self._meanings(group.item, _SITE) if group.item else [])
        return ", ".join([*finding, *sites]) or None

    def _meanings(self, item: "Dataset", concepts: set[str]) -> list[str]:
        """Coded values of an item's children, each followed by those of its own modifiers (laterality)."""
        return [
            code.meaning or code.key
            for child in self._children(item, concepts)
            for code in (self._code(child, sr.CODE), *self._modifiers(child))
            if code
        ]

    def _modifiers(self, item: "Dataset", concepts: set[str] | None = None) -> list[Code]:
        """Coded modifiers of an item (derivation, method ...) but its site."""
        found = []
        for child in items(item, sr.CONTENT):
            concept = self._concept(child)
            is_wanted = concept in concepts if concepts is not None else concept not in _SITE
            if is_wanted and self._text(child, sr.RELATIONSHIP) == "HAS CONCEPT MOD":
                found.append(self._code(child, sr.CODE))
        return [code for code in found if code]

    def _value(self, number: "Dataset") -> tuple[str | None, str | None, str | None, str | None]:
        """(number as text, UCUM unit, qualifier, problem)."""
        measured = items(number, sr.MEASURED)
        qualifier = self._code(number, sr.NO_VALUE)
        why = None if qualifier is None else qualifier.meaning or qualifier.key
        if not measured:
            return None, None, why, None if why else "the measurement has neither a value nor a reason for none"
        if len(measured) > 1:
            return None, None, why, f"the measurement has {len(measured)} values, expected one"
        text = self._text(measured[0], sr.NUMBER)
        if text and not _DECIMAL.fullmatch(text):
            return None, None, why, "the value is no decimal number"
        exact = double(measured[0], sr.FLOAT)
        if exact is not None:
            # NumericValue has 16 characters at most; where the report gives the double too, that is the value.
            if text and not math.isclose(exact, float(text), rel_tol=1e-6, abs_tol=1e-300):
                return None, None, why, "the value as text and the value as a double differ"
            text = repr(exact)
        unit = self._code(measured[0], sr.UNITS)
        if unit is None or not unit.key.startswith("UCUM:"):
            return text, None, why, "the unit is not coded in UCUM"
        return text, unit.key.removeprefix("UCUM:"), why, None if text or why else "the measurement has no value"

    def _series(self, number: "Dataset", group: _Group) -> tuple[str | None, str | None]:
        """(series that was measured, problem)."""
        named: set[str] = set()
        for item in (number, group.item):
            if item is None:
                continue
            named = {uid for c in self._children(item, _SOURCE_SERIES) if (uid := self._text(c, sr.UID))}
            if not named:
                images = [
                    self._text(reference, sr.SOP_REF) or ""
                    for reference in self._references(item)
                    if not (self._text(reference, sr.SOP_CLASS_REF) or "").startswith(_NO_IMAGES)
                ]
                if any(image not in self._series_of for image in images):
                    return None, "the region lies in an image that is not among the report's evidence"
                named = {self._series_of[image] for image in images}
            if named:
                break
        named = named or self._image_series
        if len(named) == 1:
            return next(iter(named)), None
        return None, f"the measurement refers to {len(named)} series of images, expected one"

    def _references(self, item: "Dataset") -> "list[Dataset]":
        """References to objects by the images, segments and outlines of an item; those of its numbers left out."""
        found = []
        for child in items(item, sr.CONTENT):
            kind = self._text(child, sr.VALUE_TYPE)
            if kind in ("IMAGE", "COMPOSITE"):
                found += items(child, sr.SOP_SEQUENCE)
            elif kind in ("SCOORD", "SCOORD3D"):
                found += self._references(child)
        return found

    def _parts(self, reference: "Dataset") -> list[str]:
        """Which segment or frames of an object a reference means; empty for the whole of it."""
        segment, frames = unsigned(reference, sr.SEGMENT), self._text(reference, sr.FRAMES)
        return [str(part) for part in (segment, frames) if part is not None]

    def _algorithm(self, item: "Dataset") -> str | None:
        names = [self._text(c, sr.TEXT) for concept in (_ALGORITHM, _VERSION) for c in self._children(item, concept)]
        return " ".join(n for n in names if n) or None

    def _device(self) -> str | None:
        """Maker and model of the device that observed, if one did."""
        names = [self._text(c, sr.TEXT) for concept in (_MAKER, _MODEL) for c in self._children(self._dataset, concept)]
        return " ".join(n for n in names if n) or None

    def _children(self, item: "Dataset", concepts: set[str]) -> "list[Dataset]":
        return [child for child in items(item, sr.CONTENT) if self._concept(child) in concepts]

    def _concept(self, item: "Dataset") -> str | None:
        code = self._code(item, sr.NAME)
        return code.key if code else None

    def _code(self, item: "Dataset", tag: int) -> Code | None:
        """The first coded entry of a sequence (PS3.3 8.8), whichever of the three attributes holds its value."""
        for entry in items(item, tag)[:1]:
            value = next((v for t in (0x0008_0100, 0x0008_0119, 0x0008_0120) if (v := self._text(entry, t))), None)
            if value:
                return Code(f"{self._text(entry, 0x0008_0102) or 'URN'}:{value}", self._text(entry, 0x0008_0104))
        return None

    def _text(self, item: "Dataset", tag: int) -> str | None:
        from pydicom.charset import decode_bytes

        raw = raw_value(item, tag)
        return decode_bytes(raw, self._encodings, set()).strip("\x00 \t\r\n") or None if raw else None
