"""NanoSight summaries: each video with its validity and its dilution, whatever a spreadsheet did to the file."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Probe, RawFile
from ingestion.sources.exosome.nanosight import NANOSIGHT_SUMMARY
from tests.ingestion.exosome.generated import DILUTION, Layout, Video, nta_summary

SITE = Site(site_id="nice", time_zone="Europe/Paris")


def read(content: str | bytes, name: str = "x.csv", site: Site = SITE) -> list[dict[str, object]]:
    data = content.encode("latin-1") if isinstance(content, str) else content
    return [row for batch in NANOSIGHT_SUMMARY.read(RawFile(name, data), site) for row in batch.to_pylist()]


def test_one_record_a_video_and_one_for_the_average() -> None:
    first, second, average = read(nta_summary())
    assert first == {
        "file_row": 0, "problem": None,
        "sample_id": "P1", "measurement_id": "P1 2020-06-16T09:52:04+00:00", "video": "P1_00",
        "is_instrument_average": False, "measured_time": datetime(2020, 6, 16, 9, 52, 4, tzinfo=UTC),
        "validity": "valid", "dilution_factor": None, "is_dilution_applied": False, "method": "NanoSight NTA 3.4",
        "concentration_per_ml": "300", "mean_nm": "90", "mode_nm": "91", "sd_nm": "92", "d10_nm": "93", "d50_nm": "94",
        "d90_nm": "95", "valid_tracks": "96",
        "bin_centre_nm": [0.5, 1.5, 2.5, 3.5], "bin_concentration_per_ml": [0.0, 100.0, 200.0, 0.0],
    }  # fmt: skip
    assert (second["file_row"], second["video"], second["measurement_id"]) == (1, "P1_01", first["measurement_id"])
    assert (average["file_row"], average["video"], average["is_instrument_average"]) == (2, None, True)
    assert (average["sample_id"], average["measurement_id"]) == (first["sample_id"], first["measurement_id"])
    assert (average["mean_nm"], average["bin_concentration_per_ml"]) == ("1", [1.0] * 4)


@pytest.mark.parametrize(
    ("stated", "name", "file_name", "factor", "is_applied"),
    [
        ("1.00e+04", "P1_00", "x.csv", "1.00e+04", True),
        ("10000", "P1_d200_00", "x.csv", "10000", True),  # what was applied is stated, whatever the name says
        ("Not recorded", "P1_d200_00", "x.csv", "200", False),
        ("Not recorded", "P1_00", "P1_d200-ExperimentSummary.csv", "200", False),
        ("Not recorded", "std_10000_yes_00", "x.csv", "10000", False),
        ("Not recorded", "P1_D28_00", "x.csv", None, False),
        ("", "P1_00", "x.csv", None, False),
    ],
)
def test_the_dilution_is_kept_and_never_applied(
    stated: str, name: str, file_name: str, factor: str | None, is_applied: bool
) -> None:
    record, average = read(nta_summary([Video(name, dilution=stated)]), file_name)
    for row in (record, average):
        assert (row["dilution_factor"], row["is_dilution_applied"]) == (factor, is_applied)
    assert record["bin_concentration_per_ml"] == [0.0, 100.0, 200.0, 0.0]


@pytest.mark.parametrize(
    ("video", "validity"),
    [
        (Video(), "valid"),
        (Video(validity=""), "valid"),  # older exports have no such line
        (Video(validity="Unreliable"), "unreliable"),
        (Video(validity="Too few tracks"), "unreliable"),
        (Video(validity="No Data"), "no_data"),
        (Video(bins=None), "no_data"),
        (Video(bins=None, concentration="No Data", completed_tracks="0"), "no_data"),
        (Video(bins=("0", "0"), concentration="0", completed_tracks="0"), "no_particles"),
        (Video(completed_tracks="0"), "no_particles"),
        (Video(concentration=""), "valid"),
    ],
)
def test_a_video_fails_on_its_own_and_the_average_with_it(video: Video, validity: str) -> None:
    good = Video("P1_01", bins=video.bins or ("1", "1"))
    record, other, average = read(nta_summary([video, good]))
    assert (record["validity"], other["validity"], record["problem"]) == (validity, "valid", None)
    assert average["validity"] == ("valid" if validity == "valid" else "unreliable")


@pytest.mark.parametrize(
    ("details", "sample"),
    [
        ({"Sample Name": "S7", "Sample Description": "plasma"}, "S7"),
        ({"Sample Name": "", "Sample Description": "S7"}, "S7"),
        ({"Sample Name": "S7_d200"}, "S7"),
        ({}, "P1"),
    ],
)
def test_the_sample(details: dict[str, str], sample: str) -> None:
    record, _ = read(nta_summary([Video("P1_d200_00")], Layout(details=tuple(details.items()))))
    assert (record["sample_id"], record["measurement_id"], record["dilution_factor"]) == (sample, "P1_d200", "200")


def test_videos_of_several_experiments_keep_their_own_and_the_average_is_of_the_whole() -> None:
    layout = Layout(details=(("Sample Name", ""),))
    *videos, average = read(nta_summary([Video("A_1_00"), Video("A_1_01"), Video("B_1_00")], layout))
    assert [(v["sample_id"], v["measurement_id"]) for v in videos] == [("A_1", "A_1"), ("A_1", "A_1"), ("B_1", "B_1")]
    assert (average["sample_id"], average["measurement_id"]) == ("joined", "joined")


def test_a_video_name_given_twice_is_told_apart() -> None:
    first, second, _ = read(nta_summary([Video(bins=("1", "2")), Video(bins=("3", "4"))]))
    assert (first["video"], second["video"]) == ("P1_00", "P1_00 #2")
    assert (first["bin_concentration_per_ml"], second["bin_concentration_per_ml"]) == ([1.0, 2.0], [3.0, 4.0])


def test_only_number_weighting_counts_wherever_it_stands() -> None:
    for blocks in (("Surface Area", "Volume", "Number"), ("Number", "Volume")):
        record, *_ = read(nta_summary(layout=Layout(blocks=blocks)))
        assert record["mean_nm"] == "90"
    with pytest.raises(FileError, match="Number weighting"):
        read(nta_summary(layout=Layout(blocks=("Volume",))))


@pytest.mark.parametrize(
    ("captured", "site", "time"),
    [
        ("11:52:04  16/06/2020", SITE, datetime(2020, 6, 16, 9, 52, 4)),
        ("05/17/2023 02:05:11 PM", SITE, datetime(2023, 5, 17, 12, 5, 11)),
        ("2:05:11 PM  5/17/2023", SITE, datetime(2023, 5, 17, 12, 5, 11)),
        ("28.03.2024 14:05", SITE, datetime(2024, 3, 28, 13, 5)),
        ("11:52:04  03/04/2020", Site(site_id="us", day_first=False), datetime(2020, 3, 4, 11, 52, 4)),
        ("11:52:04  03/04/2704", Site(site_id="fr", day_first=True), datetime(2704, 4, 3, 11, 52, 4)),
        ("", SITE, None),
    ],
)
def test_the_time_of_capture(captured: str, site: Site, time: datetime | None) -> None:
    record, *_ = read(nta_summary(layout=Layout(details=(("Time Captured", captured),))), site=site)
    assert record["measured_time"] == (time.replace(tzinfo=UTC) if time else None)
    assert record["problem"] is None


def test_a_time_that_can_be_read_two_ways_refuses_the_file_and_one_that_is_none_its_records() -> None:
    with pytest.raises(FileError, match="two ways"):
        read(nta_summary(layout=Layout(details=(("Time Captured", "11:52:04  03/04/2020"),))))
    records = read(nta_summary(layout=Layout(details=(("Time Captured", "this morning"),))))
    assert all("Time Captured is not a date" in str(record["problem"]) for record in records)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("1.5,100,", "1.5,,", "1 size bins are empty and 0 hold no number"),
        ("1.5,100,", "1.5,1OO,", "0 size bins are empty and 1 hold no number"),
        ("1.5,100,", "1.5,-100,", "a size bin holds a negative concentration"),
    ],
)
def test_a_broken_bin_is_a_problem_of_its_video_alone(old: str, new: str, problem: str) -> None:
    first, second, average = read(nta_summary().replace(old, new, 1))
    assert (first["problem"], second["problem"], average["problem"]) == (problem, None, None)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda text: text[: text.index("[Size Data]")], "no size data"),
        (lambda text: text[: text.index("\n2.5,")], "cut short"),
        (lambda text: text[: text.index("\n3.5,") + 6], "cut short"),
        (lambda text: text.replace("1.5,100,100,1,0\n", ""), "not evenly spaced"),
        (lambda text: text.replace("Filename", "Dateiname"), "no 'Filename:' row"),
        (lambda text: text.replace("Weighting,Number", "Weighting,Nombre"), "no size data"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(damage: object, sentence: str) -> None:
    with pytest.raises(FileError, match=sentence) as refused:
        read(damage(nta_summary()))  # type: ignore[operator]
    assert "CANARY" not in str(refused.value) and "P1" not in str(refused.value)


def test_bins_without_percentiles_may_end_the_file() -> None:
    text = nta_summary(layout=Layout(percentiles=False))
    assert len(read(text)) == 3
    with pytest.raises(FileError, match="cut short"):
        read(text[: text.rindex(",0\n") - 6])


BINS = st.integers(1, 12).flatmap(
    lambda n: st.lists(st.lists(st.integers(0, 10**13), min_size=n, max_size=n), min_size=1, max_size=12)
)


@settings(max_examples=150)
@given(
    bins=BINS,
    name=st.text(st.sampled_from("abµ²é _-1"), min_size=1, max_size=12).filter(lambda s: s == s.strip()),
    separator=st.sampled_from([",", ";", "\t"]),
    padding=st.integers(0, 20),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["latin-1", "utf-8", "utf-8-sig", "utf-16"]),
    exponent=st.booleans(),
    blocks=st.permutations(["Number", "Volume", "Surface Area"]),
)
def test_round_trip(
    bins: list[list[int]], name: str, separator: str, padding: int, line_end: str, encoding: str, exponent: bool,
    blocks: list[str],
) -> None:  # fmt: skip
    videos = [
        Video(f"{name}_{i:02}", [f"{b:.13e}" if exponent else str(b) for b in column]) for i, column in enumerate(bins)
    ]
    layout = Layout(separator, padding, line_end, decimal_comma=separator == ";", blocks=blocks)
    content = nta_summary(videos, layout).encode(encoding)
    assert NANOSIGHT_SUMMARY.recognise(Probe.of("x", content))
    *records, average = read(content)
    assert [r["bin_concentration_per_ml"] for r in records] == [[float(b) for b in column] for column in bins]
    assert [r["video"] for r in records] == [v.name for v in videos]
    assert {r["problem"] for r in records} == {None} and average["is_instrument_average"]
    assert records[0]["bin_centre_nm"] == [i + 0.5 for i in range(len(bins[0]))]


@settings(max_examples=300)
@given(
    flips=st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 255)), max_size=10),
    end=st.integers(0, 3_000),
    order=st.randoms(use_true_random=False),
    is_shuffled=st.booleans(),
)
def test_damaged_files_give_records_or_one_clear_refusal(
    flips: list[tuple[int, int]], end: int, order: object, is_shuffled: bool
) -> None:
    lines = nta_summary().split("\n")
    if is_shuffled:
        order.shuffle(lines)  # type: ignore[attr-defined]
    content = bytearray("\n".join(lines).encode())
    for position, byte in flips:
        content[position % len(content)] = byte
    damaged = bytes(content[:end])
    NANOSIGHT_SUMMARY.recognise(Probe.of("x.csv", damaged))
    try:
        records = read(damaged)
    except FileError as refused:
        assert "CANARY" not in str(refused)
    else:
        assert "CANARY" not in repr(records)


# Name, bins, and what the file itself gives as its average concentration.
REAL = [
    ("beads.csv", 12, False, 1.47e9),
    ("beads2.csv", 5, True, 6.09e12),
]


@pytest.mark.parametrize(("name", "n_videos", "is_applied", "average_per_ml"), REAL)
def test_real_files_read_whole(
    shared_data: Path, name: str, n_videos: int, is_applied: bool, average_per_ml: float
) -> None:
    path = shared_data / "exosome" / name
    assert NANOSIGHT_SUMMARY.recognise(Probe.at(path))
    *videos, average = read(path.read_bytes(), name)
    assert len(videos) == n_videos and {v["validity"] for v in (*videos, average)} == {"valid"}
    for record in (*videos, average):
        assert (len(record["bin_centre_nm"]), record["bin_centre_nm"][0], record["bin_centre_nm"][-1]) == (  # type: ignore[arg-type,index]
            1_000,
            0.5,
            999.5,
        )
        assert (float(str(record["dilution_factor"])), record["is_dilution_applied"]) == (10_000.0, is_applied)
        # The bins add up to the concentration that the instrument states: neither lost nor multiplied.
        assert sum(record["bin_concentration_per_ml"]) == pytest.approx(  # type: ignore[call-overload]
            float(str(record["concentration_per_ml"])), rel=0.005
        )
    ours = sum(sum(v["bin_concentration_per_ml"]) for v in videos) / n_videos  # type: ignore[call-overload]
    assert ours == pytest.approx(average_per_ml, rel=0.005)


def test_the_writer_writes_what_the_instrument_does(shared_data: Path) -> None:
    keys = {line.split(",")[0] for line in nta_summary().split("\n")}
    real = {line.split(",")[0] for line in (shared_data / "exosome" / "beads2.csv").read_text("latin-1").split("\n")}
    joint = {DILUTION, "Filename:", "[Results]", "Weighting", "Graph Data", "Percentile", "Valid Tracks"}
    assert joint <= keys & real
    assert {k for k in keys if k.startswith("[")} <= real
