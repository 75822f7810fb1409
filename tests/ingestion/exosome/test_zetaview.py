"""ZetaView size distributions: one block of the two, the dilution kept and never applied."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Probe, RawFile, recognise
from ingestion.sources.exosome import SOURCE
from ingestion.sources.exosome.block_sizes import sizes_of
from ingestion.sources.exosome.zetaview import ZETAVIEW
from tests.ingestion.exosome.generated import Capture, nta_summary, zetaview

SITE = Site(site_id="nice", time_zone="Europe/Paris")


def read(content: str | bytes, name: str = "x.txt") -> dict[str, object]:
    data = content.encode("latin-1") if isinstance(content, str) else content
    assert recognise(SOURCE.formats, Probe.of(name, data)) is ZETAVIEW
    [record] = [row for batch in ZETAVIEW.read(RawFile(name, data), SITE) for row in batch.to_pylist()]
    return record


def test_a_capture() -> None:
    assert read(zetaview()) == {
        "file_row": 0, "problem": None,
        "sample_id": "P1", "measurement_id": "P1_d28 2025-12-17", "video": "20251217_0005_P1_d28_size_488",
        "is_instrument_average": False, "measured_time": datetime(2025, 12, 17, 10, 52, 4, tzinfo=UTC),
        "validity": "valid", "dilution_factor": "1000.0", "is_dilution_applied": False,
        "method": "ZetaView 8.05.16 SP3 488 nm",
        # 1 cm3 is 1 mL, and the logarithmic block shows the same particles again.
        "concentration_per_ml": "400000.0", "valid_tracks": "400",
        "bin_centre_nm": [2.5, 7.5, 12.5, 17.5], "bin_concentration_per_ml": [0.0, 1e5, 2e5, 1e5],
        # 100, 200, 100 particles at 7.5, 12.5, 17.5 nm; the median is the one that the file states.
        "mean_nm": "12.5", "sd_nm": "3.5355339059327378", "mode_nm": "12.5",
        "d10_nm": "7.0", "d50_nm": "11.25", "d90_nm": "18.0",
    }  # fmt: skip


def test_a_decimal_comma_is_the_same_file() -> None:
    assert read(zetaview(decimal_comma=True)) == read(zetaview())


@pytest.mark.parametrize(
    ("stated", "file", "factor", "problem"),
    [
        ("1000.0", "P1_size.avi", "1000.0", None),
        ("500.0", "P1_d1000_size.avi", "500.0", None),  # what is stated counts
        (None, "P1_d1000_size.avi", "1000", None),
        (None, "P1_D28_size.avi", None, None),
        ("1.0", "P1_size.avi", "1.0", None),
        ("1.0", "P1_d1000_size.avi", "1.0", "the stated dilution is 1 and a name tells another one"),
    ],
)
def test_the_dilution(stated: str | None, file: str, factor: str | None, problem: str | None) -> None:
    record = read(zetaview(Capture().with_keys(Dilution=stated, Original_File=file)))
    assert (record["dilution_factor"], record["is_dilution_applied"], record["problem"]) == (factor, False, problem)


@pytest.mark.parametrize(
    ("sample", "file", "found"),
    [
        ("P1", "x.avi", ("P1", "x 2025-12-17")),
        ("P1_d200", "x.avi", ("P1", "x 2025-12-17")),
        ("", "D:\\20250227_0002_EV_P2_size_488.avi", ("EV_P2", "EV_P2 2025-12-17")),
        (None, "D:\\20250227_0002_EV_P2_11pos_size_488.avi", ("EV_P2", "EV_P2 2025-12-17")),
    ],
)
def test_the_sample(sample: str | None, file: str, found: tuple[str, str]) -> None:
    record = read(zetaview(Capture().with_keys(Sample=sample, Original_File=file)))
    assert (record["sample_id"], record["measurement_id"]) == found


def test_no_sample_and_no_date_are_said_or_null() -> None:
    record = read(zetaview(Capture().with_keys(Sample=None, Original_File=None, Date=None)))
    assert (record["problem"], record["sample_id"], record["measured_time"]) == ("no sample is named", None, None)


@pytest.mark.parametrize(
    ("capture", "validity", "concentration"),
    [
        (Capture(bins=(), logarithmic=()), "no_data", None),
        (Capture(bins=((0, 0), (0, 0))), "no_particles", "0.0"),
        (Capture().with_keys(Number_of_Traces="0"), "no_particles", "400000.0"),
        (Capture().with_keys(Number_of_Traces=None), "valid", "400000.0"),
    ],
)
def test_zero_is_not_missing(capture: Capture, validity: str, concentration: str | None) -> None:
    record = read(zetaview(capture))
    assert (record["validity"], record["concentration_per_ml"], record["problem"]) == (validity, concentration, None)


def test_nothing_of_operator_and_remarks_is_read() -> None:
    assert "CANARY" not in repr(read(zetaview()))


def test_a_damaged_bin_is_the_problem_of_its_record() -> None:
    text = zetaview()
    assert read(text.replace("2.000E+5", "2.000E+5x"))["problem"] == "1 cells of the size bins hold no number"
    assert read(text.replace("2.000E+5", "-2.000E+5"))["problem"] == (
        "a size bin holds a negative number or concentration"
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (zetaview().split("-1.000E+0")[0], r"cut short: it ends after 4 size bins"),
        (zetaview(Capture(bins=())), "no size bins in even steps"),
        ("ZetaView S/N:\t1\r\nZP Profile:\r\nPosition\tZP\r\n", "no size distribution"),
        (zetaview(Capture().with_keys(Date="03/04/2025")), "two ways"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(content: str, sentence: str) -> None:
    with pytest.raises(FileError, match=sentence):
        read(content)


def test_a_file_whose_logarithmic_block_is_cut_is_whole() -> None:
    text = zetaview()
    assert read(text[: text.index("-1.000E+0") + 60]) == read(text)


def test_other_files_are_no_zetaview() -> None:
    for text in (nta_summary(), "sample,marker,value\n", "Size / nm\tIntensity\n"):
        assert not ZETAVIEW.recognise(Probe.of("x.txt", text.encode()))


@given(st.lists(st.integers(0, 1_000_000), min_size=1, max_size=40), st.floats(0.5, 50))
def test_sizes_are_in_order_and_within_the_bins(numbers: list[int], width: float) -> None:
    centres = [width * (i + 0.5) for i in range(len(numbers))]
    sizes = sizes_of(centres, numbers)
    if not any(numbers):
        assert sizes == {}
        return
    filled = [c for c, n in zip(centres, numbers, strict=True) if n]
    low, high, tiny = filled[0] - width / 2, filled[-1] + width / 2, width * 1e-6
    assert low - tiny <= sizes["d10_nm"] <= sizes["d50_nm"] <= sizes["d90_nm"] <= high + tiny
    assert filled[0] - tiny <= sizes["mean_nm"] <= filled[-1] + tiny
    assert sizes["mode_nm"] in filled


@settings(max_examples=200)
@given(data=st.data())
def test_damaged_bytes_give_a_record_or_a_file_error(data: st.DataObject) -> None:
    content = bytearray(zetaview().encode("latin-1"))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.integers(0, len(content)))])
    ZETAVIEW.recognise(Probe.of("x.txt", damaged))
    try:
        records = [r for b in ZETAVIEW.read(RawFile("x.txt", damaged), SITE) for r in b.to_pylist()]
    except FileError:
        return
    assert [r["file_row"] for r in records] == [0]
