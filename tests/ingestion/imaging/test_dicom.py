"""DICOM files: what is recognised, what is read, what is refused."""

import logging
import warnings
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Probe, RawFile
from ingestion.sources.imaging.dicom import DICOM
from ingestion.sources.imaging.header import HEAD_BYTES, _from_head, raw_value, read_tags, reading
from ingestion.sources.imaging.header import TAGS as TAGS_READ
from tests.ingestion.imaging.generated import TAGS, dicom_bytes

PARIS = Site(site_id="paris", time_zone="Europe/Paris")


def read(content: bytes, site: Site = PARIS) -> list[dict[str, object]]:
    return [row for batch in DICOM.read(RawFile("file", content), site) for row in batch.to_pylist()]


def shipped(name: str) -> bytes:
    """A file that lies in the installed pydicom package."""
    path = get_testdata_file(name, download=False)
    assert path is not None, f"{name} does not ship with pydicom"
    return Path(str(path)).read_bytes()


def test_one_file_is_one_record_with_allow_listed_values_only() -> None:
    [record] = read(dicom_bytes())
    assert record == {
        "file_row": 0, "problem": None,
        "patient_id": "HOSP-0042", "study_uid": "1.2.3.4.5", "series_uid": "1.2.3.4.5.6",
        "instance_uid": "1.2.3.4.5.6.1",
        "modality": "MR", "manufacturer": "SIEMENS", "sequence_type": "T1GD", "contrast": True, "species": "human",
        "is_derived": False,
        "observed_time": datetime(2024, 3, 28, 8, 50, 0, 500_000, tzinfo=UTC),
        "available_time": datetime(2024, 3, 28, 8, 50, 0, 500_000, tzinfo=UTC),
        "field_strength": "3", "echo_time": "9.5", "repetition_time": "600", "slice_thickness": "1.0",
        "pixel_spacing": "0.5",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "modality", "sequence_type"),
    [
        ("MR_small.dcm", "MR", "T2"),  # explicit little-endian
        ("MR_small_implicit.dcm", "MR", "T2"),
        ("MR_small_bigendian.dcm", "MR", "T2"),
        ("MR_small_RLE.dcm", "MR", "T2"),
        ("MR_small_jp2klossless.dcm", "MR", "T2"),
        ("MR_small_jpeg_ls_lossless.dcm", "MR", "T2"),
        ("MR_small_padded.dcm", "MR", "T2"),
        ("MR_truncated.dcm", "MR", "T2"),  # pixels cut short, header intact
        ("image_dfl.dcm", "OT", None),  # deflated
        ("JPEG-lossy.dcm", "NM", None),
        ("CT_small.dcm", "CT", None),
        ("ExplVR_BigEndNoMeta.dcm", "RTPLAN", None),
        ("ExplVR_LitEndNoMeta.dcm", "RTPLAN", None),
        ("badVR.dcm", "RTDOSE", None),
        ("rtplan_truncated.dcm", "RTPLAN", None),
        ("liver_1frame.dcm", "SEG", None),
    ],
)
def test_files_that_pydicom_ships(name: str, modality: str, sequence_type: str | None) -> None:
    content = shipped(name)
    assert DICOM.recognise(Probe.of("IM000001", content))
    [record] = read(content)
    assert (record["modality"], record["sequence_type"], record["problem"]) == (modality, sequence_type, None)
    assert all(record[uid] for uid in ("study_uid", "series_uid", "instance_uid"))


def test_the_same_image_in_seven_transfer_syntaxes_gives_the_same_record() -> None:
    names = (
        "MR_small",
        "MR_small_implicit",
        "MR_small_bigendian",
        "MR_small_RLE",
        "MR_small_jp2klossless",
        "MR_small_jpeg_ls_lossless",
        "MR_small_expb",
    )
    [first, *others] = [read(shipped(f"{name}.dcm")) for name in names]
    assert all(other == first for other in others)


@pytest.mark.parametrize("name", ["DICOMDIR", "DICOMDIR-bigEnd", "DICOMDIR-implicit", "DICOMDIR-empty.dcm"])
def test_a_directory_of_files_is_recognised_and_gives_no_record(name: str) -> None:
    content = shipped(f"dicomdirtests/{name}")
    assert DICOM.recognise(Probe.of("DICOMDIR", content))
    assert read(content) == []


@pytest.mark.parametrize(
    ("syntax", "preamble"),
    [
        (ExplicitVRLittleEndian, True),
        (ImplicitVRLittleEndian, True),
        (ExplicitVRBigEndian, True),
        (DeflatedExplicitVRLittleEndian, True),
        (ExplicitVRLittleEndian, False),
        (ImplicitVRLittleEndian, False),
        (ExplicitVRBigEndian, False),
    ],
)
def test_encodings_with_and_without_preamble(syntax: UID, preamble: bool) -> None:
    content = dicom_bytes(syntax=syntax, preamble=preamble)
    assert DICOM.recognise(Probe.of("no extension", content))
    assert read(content) == read(dicom_bytes())


def test_a_header_cut_short_is_refused_and_cut_pixels_are_not() -> None:
    content = dicom_bytes()
    pixels_start = content.index(bytes([0xE0, 0x7F, 0x10, 0x00]))
    last_uid_end = content.index(b"1.2.3.4.5.6\0", content.index(bytes([0x20, 0x00, 0x0E, 0x00]))) + 12
    spacing_end = content.index(b"0.5\\0.5") + len(b"0.5\\0.5 ")
    accepted = []
    for end in range(132, spacing_end):
        try:
            accepted += [end for _ in read(content[:end])]
        except FileError as refused:
            assert str(refused).startswith("The DICOM header") and str(refused).count(". ") == 0
    # Between two elements after the UIDs a cut file cannot be told from one that has no further elements: Samples per
    # Pixel, Photometric Interpretation, Rows and Columns come before the spacing, and that makes five such places.
    assert len(accepted) == 5 and min(accepted) == last_uid_end
    for end in range(pixels_start, len(content)):
        assert len(read(content[:end])) == 1


@pytest.mark.parametrize("uid", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
def test_a_file_without_a_mandatory_uid_is_refused(uid: str) -> None:
    with pytest.raises(FileError, match=uid):
        read(dicom_bytes({uid: None}))


@pytest.mark.parametrize(
    ("tags", "observed", "available"),
    [
        # local time of the site, unless the header gives its offset
        ({"TimezoneOffsetFromUTC": "-0400"}, datetime(2024, 3, 28, 13, 50, 0, 500_000), None),
        ({"AcquisitionTime": None}, datetime(2024, 3, 27, 23), datetime(2024, 3, 28, 23)),
        ({"AcquisitionDate": ""}, datetime(2024, 3, 28, 8, 45), None),
        ({"AcquisitionDate": "", "SeriesDate": ""}, datetime(2024, 3, 28, 8, 30), None),
        ({"AcquisitionDate": "27040229", "SeriesDate": "27040229"}, datetime(2704, 2, 29, 8, 50, 0, 500_000), None),
        ({"AcquisitionDateTime": "20240327120000+0000"}, datetime(2024, 3, 27, 12), datetime(2024, 3, 28, 8, 45)),
    ],
)
def test_times(tags: dict[str, object], observed: datetime, available: datetime | None) -> None:
    [record] = read(dicom_bytes(tags))
    assert record["observed_time"] == observed.replace(tzinfo=UTC)
    assert record["available_time"] == (available or observed).replace(tzinfo=UTC)


def test_dates_that_are_none_are_a_problem_of_the_record_and_absent_dates_are_not() -> None:
    none = {"AcquisitionDate": None, "SeriesDate": None, "StudyDate": None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of the date that this test wants to be wrong
        [record] = read(dicom_bytes({**none, "StudyDate": "2024"}))
    assert record["observed_time"] is None and "date" in str(record["problem"])
    [record] = read(dicom_bytes(none))
    assert record["observed_time"] is None and record["problem"] is None


@pytest.mark.parametrize(
    ("tags", "column", "value"),
    [
        ({"ImageType": ["DERIVED", "SECONDARY"]}, "is_derived", True),
        ({"ImageType": None}, "is_derived", None),
        ({"Modality": "SEG"}, "is_derived", True),
        ({"Modality": "CT"}, "sequence_type", None),
        ({"SeriesDescription": "t1 axial"}, "sequence_type", "T1"),
        ({"SeriesDescription": "t1 axial", "ContrastBolusAgent": "Dotarem"}, "sequence_type", "T1GD"),
        ({"SeriesDescription": None}, "sequence_type", "T1"),
        ({"SeriesDescription": None, "ProtocolName": "T2 FLAIR"}, "sequence_type", "FLAIR"),
        ({"SeriesDescription": "ep2d", "DiffusionBValue": 800.0}, "sequence_type", "DWI"),
        ({"BodyPartExamined": "PHANTOM"}, "species", "phantom"),
        ({"PatientID": "ACR Phantom 3"}, "species", "phantom"),
        ({"PatientSpeciesDescription": "Canis lupus"}, "species", "animal"),
        ({"SpecificCharacterSet": "ISO_IR 100", "PatientID": "Müller-7"}, "patient_id", "Müller-7"),
        ({"SpecificCharacterSet": "ISO_IR 192", "PatientID": "Müller-7"}, "patient_id", "Müller-7"),
        ({"SpecificCharacterSet": "\\ISO 2022 IR 87", "PatientID": "山田-7"}, "patient_id", "山田-7"),
        ({"PatientID": None}, "patient_id", None),
    ],
)
def test_values_that_are_read_out_of_tags(tags: dict[str, object], column: str, value: object) -> None:
    if "SpecificCharacterSet" in tags:
        tags = {**tags, "SpecificCharacterSet": str(tags["SpecificCharacterSet"]).split("\\")}
    [record] = read(dicom_bytes(tags))
    assert record[column] == value


def test_no_name_and_no_free_text_leaves_the_reader() -> None:
    content = dicom_bytes(
        {
            "SeriesDescription": "t1 CANARY^Jane",
            "ProtocolName": "CANARY",
            "PatientName": "CANARY",
            "StudyDescription": "CANARY",
            "InstitutionName": "CANARY",
            "PatientComments": "CANARY",
        }
    )
    assert "CANARY" not in repr(read(content))


def test_odd_values_neither_warn_nor_log(caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder) -> None:
    content = dicom_bytes({"SpecificCharacterSet": "ISO_IR 100"}).replace(b"ISO_IR 100", b"NO_SUCH_CS")
    content = content.replace(b"HOSP-0042", b"HOSP-\xff\x8142").replace(b"SIEMENS ", b"SIEM\xffNS ")
    with caplog.at_level(logging.DEBUG):
        [record] = read(content)
    assert record["modality"] == "MR"
    assert not caplog.records and not recwarn.list


@settings(max_examples=400)
@given(
    flips=st.lists(st.tuples(st.integers(0, 1_400), st.integers(0, 255)), max_size=12),
    end=st.integers(0, 1_500),
    syntax=st.sampled_from(
        [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
    ),
    preamble=st.booleans(),
)
def test_damaged_files_give_records_or_one_clear_refusal(
    flips: list[tuple[int, int]], end: int, syntax: UID, preamble: bool
) -> None:
    if syntax == DeflatedExplicitVRLittleEndian:
        preamble = True
    content = bytearray(dicom_bytes(syntax=syntax, preamble=preamble))
    for position, byte in flips:
        content[position % len(content)] = byte
    damaged = bytes(content[:end])
    DICOM.recognise(Probe.of("x", damaged))
    try:
        records = read(damaged)
    except FileError as refused:
        assert str(TAGS["PatientID"]) not in str(refused)
    else:
        assert len(records) <= 1


@settings(max_examples=400)
@given(
    flips=st.lists(st.tuples(st.integers(0, 1_400), st.integers(0, 255)), max_size=6),
    end=st.integers(300, 1_500),
    syntax=st.sampled_from([ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]),
)
def test_what_the_head_decides_the_whole_file_decides_alike(
    flips: list[tuple[int, int]], end: int, syntax: UID
) -> None:
    content = bytearray(dicom_bytes(syntax=syntax))
    for position, byte in flips:
        content[position % len(content)] = byte
    damaged = bytes(content[:end])
    with reading("header"):
        decided = _from_head(BytesIO(damaged))
        if decided is not None:
            whole = read_tags(BytesIO(damaged), len(damaged), TAGS_READ.values())
            assert [raw_value(decided[0], t) for t in TAGS_READ.values()] == [
                raw_value(whole[0], t) for t in TAGS_READ.values()
            ]
            assert decided[1] == whole[1]


def test_a_header_longer_than_the_head_is_read_whole() -> None:
    """An enhanced object's functional groups can take megabytes before the last wanted tag."""
    long = dicom_bytes({"LongCodeValue": "x" * (HEAD_BYTES + 1_000)})
    with reading("header"):
        assert _from_head(BytesIO(long)) is None
        assert _from_head(BytesIO(dicom_bytes())) is not None
    (record,) = read(long)
    assert record == read(dicom_bytes())[0]
