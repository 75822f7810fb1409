"""DICOM files: one raw record a file, from its header alone.

- A DICOMDIR only lists files that are ingested themselves: it is recognised and gives no record.
- A file whose pixel data are cut short has an intact header, and the header is all that is read: it is accepted.
- A file cut short inside its header is refused: which values are missing, and which are absent, cannot be told.
  (A cut exactly between two elements after the UIDs leaves a valid object without pixels, and is read as one.)
- Missing preamble, big-endian, compressed and deflated transfer syntaxes, and objects without pixels are read.
"""

import re
import struct
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pyarrow as pa

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Format, Probe, RawFile
from ingestion.sources.imaging.header import Header, read_header
from ingestion.sources.imaging.raw import DICOM_INSTANCE
from ingestion.sources.imaging.sequence import CONTRAST_MODALITIES, MrTags, contrast_of, sequence_type_of
from ingestion.sources.imaging.species import PHANTOM_WORD, species_of
from ingestion.sources.imaging.times import (
    NO_IMAGE_MODALITIES,
    Instant,
    date_time_instant,
    instant,
    observed_and_available,
)

_PREFIX = slice(128, 132)
_FIRST_VRS = (b"UL", b"OB", b"UI", b"CS", b"SH", b"LO", b"DA", b"TM")
# SOP class in the file meta (0002,0002) or the data set (0008,0016), in any of the three encodings.
_SOP_CLASS = re.compile(
    rb"(?:\x02\x00\x02\x00UI..|\x08\x00\x16\x00(?:UI..|..\x00\x00)|\x00\x08\x00\x16UI..)(1\.2\.840\.10008\.[0-9.]{1,50})",
    re.DOTALL,
)
_REPORT_CLASSES = b"1.2.840.10008.5.1.4.1.1.88."
_KEY_OBJECTS = _REPORT_CLASSES + b"59"  # lists of key images: a document without measurements, and of another modality
_MANDATORY = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
_DATES = ("AcquisitionDateTime", "AcquisitionDate", "SeriesDate", "StudyDate")


def is_dicom(probe: Probe) -> bool:
    """'DICM' after a preamble of 128 bytes, or a head that is a data element of group 0002 or 0008."""
    return (probe.head[_PREFIX] == b"DICM" or _starts_with_element(probe.head)) and not is_report(probe)


def is_report(probe: Probe) -> bool:
    """DICOM whose first SOP class is a structured report; those are read by their own format (`sr.py`)."""
    is_dicom_file = probe.head[_PREFIX] == b"DICM" or _starts_with_element(probe.head)
    first = _SOP_CLASS.search(probe.head) if is_dicom_file else None
    return first is not None and first[1].startswith(_REPORT_CLASSES) and first[1] != _KEY_OBJECTS


def _starts_with_element(head: bytes) -> bool:
    """Whether the first 8 bytes are a plausible first data element, in any of the three encodings (PS3.5 7.1)."""
    if len(head) < 8:
        return False
    for order in "<>":
        group, element = struct.unpack(f"{order}HH", head[:4])
        is_first = (group == 0x0002 and element <= 0x0102) or (group == 0x0008 and element <= 0x0018)
        if not is_first:
            continue
        # Implicit encoding is little-endian only; a first element of these groups is short.
        if head[4:6] in _FIRST_VRS or (order == "<" and struct.unpack("<L", head[4:8])[0] <= 256):
            return True
    return False


def read_dicom(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """The header of one DICOM file as one raw record; none for a DICOMDIR.

    Raises FileError where the header cannot be read, is cut short, or lacks a UID that every object must have.
    """
    header = checked_header(file)
    if header.is_directory:
        return
    yield DICOM_INSTANCE.record(0, instance_record(header, site))


def checked_header(file: RawFile) -> Header:
    """The whole header of a DICOM object with its UIDs, or that of a DICOMDIR. Raises FileError (see `read_dicom`)."""
    with file.open() as stream:
        size = stream.seek(0, 2)
        stream.seek(0)
        header = read_header(stream, size)
    if header.is_directory:
        return header
    missing = [keyword for keyword in _MANDATORY if not header.get(keyword)]
    if header.is_cut:
        raise FileError(
            f"The DICOM header is cut short: the file ends after {size:,} bytes, inside a data element; "
            "expected a complete header."
        )
    if missing:
        raise FileError(
            f"The DICOM header has no {', '.join(missing)}; expected the UIDs of study, series and instance "
            "(is the file cut short?)."
        )
    return header


def instance_record(header: Header, site: Site) -> dict[str, object]:
    """A header's values by raw column of `DICOM_INSTANCE`."""
    modality = header.get("Modality")
    text = " ".join(t for t in (header.get("SeriesDescription"), header.get("ProtocolName")) if t)
    contrast = contrast_of(text if modality in CONTRAST_MODALITIES else None, header.get("ContrastBolusAgent"))
    observed, available = _times(header, site, modality)
    problem = None
    if observed is None and any(header.get(d) for d in _DATES):
        problem = "no date of acquisition, series or study can be read as a DICOM date (YYYYMMDD)"
    return {
        "problem": problem,
        "patient_id": header.get("PatientID"),
        "study_uid": header.get("StudyInstanceUID"),
        "series_uid": header.get("SeriesInstanceUID"),
        "instance_uid": header.get("SOPInstanceUID"),
        "modality": modality,
        "manufacturer": header.get("Manufacturer"),
        "sequence_type": sequence_type_of(text, contrast, _mr_tags(header)) if modality == "MR" else None,
        "contrast": contrast,
        "species": species_of(
            body_part=header.get("BodyPartExamined"),
            species_description=header.get("PatientSpeciesDescription"),
            quality_control=header.get("QualityControlSubject"),
            is_named_phantom=bool(re.search(PHANTOM_WORD, f"{header.get('PatientID') or ''} {text}")),
        ),
        "is_derived": _is_derived(header, modality),
        "observed_time": observed,
        "available_time": available,
        "field_strength": header.first("MagneticFieldStrength"),
        "echo_time": header.first("EchoTime"),
        "repetition_time": header.first("RepetitionTime"),
        "slice_thickness": header.first("SliceThickness"),
        "pixel_spacing": header.first("PixelSpacing"),
    }


def _is_derived(header: Header, modality: str | None) -> bool | None:
    if modality in NO_IMAGE_MODALITIES:
        return True
    image_type = header.get("ImageType")
    return None if image_type is None else "DERIVED" in [part.strip() for part in image_type.split("\\")]


def _times(header: Header, site: Site, modality: str | None) -> tuple[object, object]:
    zone, offset = ZoneInfo(site.time_zone), header.first("TimezoneOffsetFromUTC")

    def of(name: str) -> Instant | None:
        return instant(header.first(f"{name}Date"), header.first(f"{name}Time"), offset, zone)

    acquired = date_time_instant(header.first("AcquisitionDateTime"), offset, zone) or of("Acquisition")
    return observed_and_available(acquired, of("Series"), of("Study"), modality)


def _mr_tags(header: Header) -> MrTags:
    return MrTags(
        scanning_sequence=frozenset((header.get("ScanningSequence") or "").replace(" ", "").split("\\")),
        echo_time_ms=_number(header.first("EchoTime")),
        repetition_time_ms=_number(header.first("RepetitionTime")),
        inversion_time_ms=_number(header.first("InversionTime")),
        b_value=_number(header.first("DiffusionBValue")),
    )


def _number(text: str | None) -> float | None:
    """A decimal string (PS3.5 6.2, VR DS), or None."""
    return float(text) if text and re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) else None


DICOM = Format(
    name="dicom",
    looked_for="'DICM' at byte 128, or DICOM data elements from the first byte on",
    recognise=is_dicom,
    read=read_dicom,
    raw=DICOM_INSTANCE,
)
