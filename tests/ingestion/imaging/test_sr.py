"""Structured reports: what a measurement becomes, which series it is of, what is refused."""

import logging
import random
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
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
from ingestion.sources.imaging import header
from ingestion.sources.imaging.dicom import DICOM
from ingestion.sources.imaging.sr import DICOM_SR
from tests.ingestion.imaging.generated import dicom_bytes
from tests.ingestion.imaging.reports import (
    DIAMETER,
    IMAGE_SERIES,
    INTENSITY,
    MEAN,
    MM,
    MM3,
    VOLUME,
    Group,
    Measured,
    report_bytes,
)
from tests.ingestion.imaging.test_dicom import shipped

PARIS = Site(site_id="paris", time_zone="Europe/Paris")
SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
SHOWN = ("region_uid", "region", "measure", "measure_code", "value", "unit", "qualifier", "algorithm")


def read(content: bytes) -> list[dict[str, Any]]:
    return [r for b in DICOM_SR.read(RawFile("file", content), PARIS) for r in b.to_pylist()]


def changed(change: Callable[[Dataset, list[Dataset]], object]) -> bytes:
    """The report with `change` made to (data set, its measurement groups)."""
    dataset = dcmread(BytesIO(report_bytes()))
    change(dataset, list(dataset.ContentSequence[-1].ContentSequence))
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def numbers(group: Dataset) -> list[Dataset]:
    return [item for item in group.ContentSequence if item.ValueType == "NUM"]


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_report_is_one_record_and_each_measurement_another(syntax: UID) -> None:
    report, *measured = read(report_bytes(syntax=syntax))
    assert (report["is_report"], report["modality"], report["series_uid"]) == (True, "SR", "1.2.3.4.5.8")
    assert [tuple(m[name] for name in SHOWN) for m in measured] == [
        ("2.25.101", "Enhancing Lesion, Brain", "Volume", "SCT:118565006", "0.0", "mm3", None, "tumour-net 2.1"),
        ("2.25.101", "Enhancing Lesion, Brain", "Maximum 3D Diameter", "IBSI:L0JK", "31.5", "mm", None,
         "tumour-net 2.1"),
        ("2.25.102", "Edema, Brain", "Volume", "SCT:118565006", "8200.25", "mm3", None, "tumour-net 2.1"),
        ("2.25.102", "Edema, Brain", "Attenuation Coefficient (Mean)", "DCM:112031 SCT:373098007", "-12.5",
         "[hnsf'U]", None, "tumour-net 2.1"),
    ]  # fmt: skip
    assert {m["measured_series_uid"] for m in measured} == {IMAGE_SERIES}
    assert {m["patient_id"] for m in measured} == {"HOSP-0042"}
    assert {m["observed_time"] for m in measured} == {datetime(2024, 3, 28, 8, 30, tzinfo=UTC)}
    assert {m["reported_time"] for m in measured} == {datetime(2024, 4, 1, 7, tzinfo=UTC)}
    assert [m["problem"] for m in measured] == [None] * 4
    assert [m["file_row"] for m in (report, *measured)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", ["reportsi.dcm", "reportsi_with_empty_number_tags.dcm", "test-SR.dcm"])
def test_reports_of_other_templates_are_objects_without_measurements(name: str) -> None:
    content = shipped(name)
    probe = Probe.of("x", content)
    assert DICOM_SR.recognise(probe) and not DICOM.recognise(probe)
    [record] = read(content)
    assert record["is_report"] and record["modality"] == "SR" and record["problem"] is None


def test_no_name_and_no_free_text_leaves_the_reader() -> None:
    assert "CANARY" not in repr(read(report_bytes())) and "Doe" not in repr(read(report_bytes()))


def test_groups_of_one_tracking_uid_are_told_apart_by_their_outline() -> None:
    same = (
        Group("2.25.7", (Measured(VOLUME, 1, MM3),)),
        Group("2.25.7", (Measured(VOLUME, 2, MM3),), is_planar=True),
    )
    _, first, second = read(report_bytes(same))
    assert first["region_uid"] != second["region_uid"]
    assert first["region_uid"].startswith("2.25.7 ") and second["region_uid"] == "2.25.7 1.2.3.4.5.6.1"


def test_groups_that_nothing_tells_apart_are_still_two_regions() -> None:
    same = [Group("2.25.7", (Measured(VOLUME, n, MM3), Measured(DIAMETER, n, MM)), is_planar=True) for n in (1, 2)]
    _, *measured = read(report_bytes(same))
    outlined = "2.25.7 1.2.3.4.5.6.1"
    assert [m["region_uid"] for m in measured] == [outlined, outlined, f"{outlined} 2", f"{outlined} 2"]


def test_a_group_without_a_tracking_uid_is_named_by_its_place() -> None:
    def untracked(dataset: Dataset, groups: list[Dataset]) -> None:
        for group in groups:
            group.ContentSequence = [
                i for i in group.ContentSequence if i.ConceptNameCodeSequence[0].CodeValue != "112040"
            ]

    _, *measured = read(changed(untracked))
    first, second = "1.2.3.4.5.8.1 0", "1.2.3.4.5.8.1 1"
    assert [m["region_uid"] for m in measured] == [first, first, second, second]


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_segment_is_named_alike_in_every_byte_order(syntax: UID) -> None:
    same = [Group("2.25.7", (Measured(VOLUME, n, MM3),), is_planar=n == 1) for n in (1, 2)]
    assert read(report_bytes(same, syntax=syntax))[2]["region_uid"] == "2.25.7 1.2.3.4.5.7.1/1"


def test_the_device_stands_in_for_an_algorithm() -> None:
    _, measured = read(report_bytes((Group("2.25.7", (Measured(VOLUME, 1, MM3),), algorithm=None),)))
    assert measured["algorithm"] == "Maker Workstation 7"


def test_a_derivation_makes_another_measure() -> None:
    both = (Measured(INTENSITY, 1, MM), Measured(INTENSITY, 2, MM, MEAN))
    _, plain, mean = read(report_bytes((Group("2.25.7", both),)))
    assert (plain["measure"], mean["measure"]) == ("Attenuation Coefficient", "Attenuation Coefficient (Mean)")


def no_value(dataset: Dataset, groups: list[Dataset]) -> None:
    number = numbers(groups[0])[0]
    number.MeasuredValueSequence = []
    reason = Dataset()
    reason.CodeValue, reason.CodingSchemeDesignator, reason.CodeMeaning = "114006", "DCM", "Measurement failure"
    number.NumericValueQualifierCodeSequence = [reason]


def test_a_reason_for_no_value_is_kept() -> None:
    _, first, *_ = read(changed(no_value))
    assert (first["value"], first["qualifier"], first["problem"]) == (None, "Measurement failure", None)


def _value(group: Dataset) -> Dataset:
    return numbers(group)[0].MeasuredValueSequence[0]


def _set(item: Dataset, keyword: str, value: object) -> None:
    setattr(item, keyword, value)


def _another_series(dataset: Dataset, keep_first: bool) -> None:
    study = dataset.CurrentRequestedProcedureEvidenceSequence[0]
    other = Dataset()
    other.update(study.ReferencedSeriesSequence[0])
    other.SeriesInstanceUID = "1.2.3.4.5.66"
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", "1.2.3.4.5.66.1"
    other.ReferencedSOPSequence = [reference]
    study.ReferencedSeriesSequence.append(other)
    if not keep_first:
        del study.ReferencedSeriesSequence[0]


def _drop_source_series(group: Dataset) -> None:
    group.ContentSequence = [i for i in group.ContentSequence if i.ConceptNameCodeSequence[0].CodeValue != "121232"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda d, g: _set(numbers(g[0])[0], "MeasuredValueSequence", []), "neither a value nor a reason"),
        (lambda d, g: _set(_value(g[0]).MeasurementUnitsCodeSequence[0], "CodingSchemeDesignator", "99X"), "UCUM"),
        (lambda d, g: _set(_value(g[0]), "FloatingPointValue", 5.0), "differ"),
        (lambda d, g: _set(numbers(g[0])[0], "ConceptNameCodeSequence", []), "no coded name"),
    ],
)
def test_a_bad_measurement_is_a_problem_and_the_rest_goes_on(change: Any, problem: str) -> None:
    _, bad, *good = read(changed(change))
    assert problem in bad["problem"]
    assert [g["problem"] for g in good] == [None] * 3


def test_a_value_that_is_no_number() -> None:
    content = report_bytes().replace(b"31.5", b"Jane")
    records = read(content)
    assert records[2]["problem"] == "the value is no decimal number" and "Jane" not in repr(records)


def test_the_series_is_named_or_refused() -> None:
    def only_evidence(dataset: Dataset, groups: list[Dataset]) -> None:
        _drop_source_series(groups[0])

    def two_series(dataset: Dataset, groups: list[Dataset]) -> None:
        _drop_source_series(groups[0])
        _another_series(dataset, keep_first=True)

    def not_in_evidence(dataset: Dataset, groups: list[Dataset]) -> None:
        _another_series(dataset, keep_first=False)

    assert {m["measured_series_uid"] for m in read(changed(only_evidence))[1:]} == {IMAGE_SERIES}
    _, a, b, c, d = read(changed(two_series))
    assert "2 series of images" in a["problem"] and a["measured_series_uid"] is None and b["problem"] == a["problem"]
    assert c["measured_series_uid"] == d["measured_series_uid"] == IMAGE_SERIES
    _, a, b, c, d = read(changed(not_in_evidence))
    assert a["problem"] is None and "not among the report's evidence" in c["problem"]


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_report_cut_short_is_refused_wherever_it_ends(syntax: UID) -> None:
    content = report_bytes(syntax=syntax)
    # The last byte of a deflated file may pad it to an even length, and says nothing.
    for end in range(132, len(content) - 1):
        with pytest.raises(FileError):
            read(content[:end])


def test_an_item_without_a_value_type_is_refused() -> None:
    content = report_bytes()
    groups = content.index(b"125007")
    number = content.index(b"NUM ", groups)
    with pytest.raises(FileError, match="without a value type"):
        read(content[:number] + b"MUN " + content[number + 4 :])


def test_a_deep_tree_is_refused() -> None:
    def deepen(dataset: Dataset, groups: list[Dataset]) -> None:
        item = groups[0]
        for _ in range(100):
            inner = Dataset()
            inner.ValueType = "CONTAINER"
            item.ContentSequence = [inner]
            item = inner

    with pytest.raises(FileError, match=r"levels|cannot be read"):
        read(changed(deepen))


def test_a_deflated_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "MOST_INFLATED_BYTES", 1 << 20)
    content = dicom_bytes(syntax=DeflatedExplicitVRLittleEndian)
    start = 132 + 12 + int.from_bytes(content[140:144], "little")
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bomb = content[:start] + deflate.compress(bytes(1 << 23)) + deflate.flush()
    with pytest.raises(FileError, match="inflates to more than 1 MiB"):
        list(DICOM.read(RawFile("x", bomb), PARIS))
    assert DICOM.read(RawFile("x", content), PARIS)


def test_odd_values_neither_warn_nor_log(caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder) -> None:
    content = report_bytes().replace(b"HOSP-0042", b"HOSP-\xff\x8142").replace(b"31.5", b"Jane")
    with caplog.at_level(logging.DEBUG):
        assert len(read(content)) == 5
    assert not caplog.records and not recwarn.list


@settings(max_examples=1_000)
@given(
    flips=st.lists(st.tuples(st.integers(0, 8_000), st.integers(0, 255)), max_size=12),
    end=st.one_of(st.none(), st.integers(0, 7_000)),
    syntax=st.sampled_from(SYNTAXES),
)
def test_damaged_reports_give_records_or_one_clear_refusal(
    flips: list[tuple[int, int]], end: int | None, syntax: UID
) -> None:
    content = bytearray(report_bytes(syntax=syntax))
    for position, byte in flips:
        content[position % len(content)] = byte
    refused_or_read(bytes(content[:end]))


def test_two_thousand_shuffled_and_spliced_reports() -> None:
    rng = random.Random(20240328)
    for _ in range(2_000):
        content = report_bytes(syntax=rng.choice(SYNTAXES[:3]))
        cuts = sorted(rng.sample(range(400, len(content)), 4))
        parts = [content[a:b] for a, b in zip([400, *cuts], [*cuts, len(content)], strict=True)]
        action = rng.randrange(3)
        if action == 0:
            rng.shuffle(parts)
        elif action == 1:
            del parts[rng.randrange(len(parts))]
        else:
            parts[rng.randrange(len(parts))] *= 2
        refused_or_read(content[:400] + b"".join(parts))


def refused_or_read(damaged: bytes) -> None:
    """Reads with whichever format knows the file, and with the reader of reports in any case."""
    probe = Probe.of("x", damaged)
    assert not (DICOM.recognise(probe) and DICOM_SR.recognise(probe))
    try:
        records = read(damaged)
    except FileError as refused:
        assert "HOSP-0042" not in str(refused)
    else:
        assert [r["file_row"] for r in records] == list(range(len(records)))
