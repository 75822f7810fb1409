"""xPONENT exports that are written here: results and limits, standards and controls, dates, damage."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Probe, RawFile
from ingestion.sources.cytokine.xponent import XPONENT
from tests.ingestion.cytokine.exports import Export, bare, padded, quoted, semicolons

SITE = Site()


def read(text: str | bytes, site: Site = SITE) -> list[dict[str, object]]:
    file = RawFile("any.csv", text if isinstance(text, bytes) else text.encode())
    return [row for batch in XPONENT.read(file, site) for row in batch.to_pylist()]


def select(rows: list[dict[str, object]], *names: str) -> list[tuple[object, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_a_plate_with_results() -> None:
    rows = read(quoted(Export().lines()))
    assert select(rows, "well", "sample", "sample_type", "analyte", "value", "operator", "unit", "qc_flag") == [
        ("A1", "Background0", "blank", "IL6", None, "none", "pg/mL", "empty_well"),
        ("A1", "Background0", "blank", "TNF", None, "none", "pg/mL", "empty_well"),
        ("B1", "Standard1", "standard", "IL6", 1010.0, "=", "pg/mL", "pass"),
        ("B1", "Standard1", "standard", "TNF", 998.0, "=", "pg/mL", "pass"),
        ("C1", "Standard2", "standard", "IL6", 9.8, "=", "pg/mL", "pass"),
        ("C1", "Standard2", "standard", "TNF", 10.1, "=", "pg/mL", "pass"),
        ("D1", "Control1", "control", "IL6", 251.0, "=", "pg/mL", "pass"),
        ("D1", "Control1", "control", "TNF", 240.5, "=", "pg/mL", "pass"),
        ("E1", "S-001", "unknown", "IL6", 33.25, "=", "pg/mL", "pass"),
        ("E1", "S-001", "unknown", "TNF", 4.5, "=", "pg/mL", "pass"),
        ("F1", "S-002", "unknown", "IL6", None, "<", "pg/mL", "pass"),
        ("F1", "S-002", "unknown", "TNF", None, ">", "pg/mL", "pass"),
    ]
    assert [row["file_row"] for row in rows] == list(range(12))
    assert {row["problem"] for row in rows} == {None}


def test_a_record_carries_all_that_the_blocks_say() -> None:
    rows = read(quoted(replace(Export(), warnings=[("1,F1", "Sample empty.  (0x1)"), ("1,F1", "Low count.")]).lines()))
    assert rows[10] == {
        "file_row": 10,
        "problem": None,
        "plate_id": "PLATE_7",
        "sample": "S-002",
        "well": "F1",
        "replicate": 1,
        "sample_type": "unknown",
        "analyte_as_given": "IL-6",
        "analyte": "IL6",
        "uniprot_id": "P05231",
        "assay_id": "19",
        "panel": "48-plex",
        "platform": "luminex_xponent",
        "reported": "< 3.2",
        "value": None,
        "operator": "<",
        "lloq": 3.2,
        "uloq": None,
        "unit": "pg/mL",
        "dilution_factor": 2.0,
        "expected_value": None,
        "median_fluorescence": 25.0,
        "net_fluorescence": 15.0,
        "ecl_signal": None,
        "ecl_signal_adjusted": None,
        "bead_count": 60,
        "total_events": 180,
        "qc_flag": "warning",
        "qc_message": "Sample empty. (0x1); Low count.",
        "measured_time": datetime(2023, 5, 17, 19, 6, 59, tzinfo=UTC),
        "reported_time": None,
    }


def test_limits_come_from_the_texts_of_the_same_dilution_and_else_from_the_standards() -> None:
    rows = read(quoted(Export().lines()))
    assert select(rows, "sample", "analyte", "dilution_factor", "lloq", "uloq") == [
        # sample        analyte  dilution  lloq  uloq
        ("Background0", "IL6", 1.0, 10.0, 1000.0),
        ("Background0", "TNF", 1.0, 10.0, 1000.0),
        ("Standard1", "IL6", 1.0, 10.0, 1000.0),
        ("Standard1", "TNF", 1.0, 10.0, 1000.0),
        ("Standard2", "IL6", 1.0, 10.0, 1000.0),
        ("Standard2", "TNF", 1.0, 10.0, 1000.0),
        ("Control1", "IL6", 1.0, 10.0, 1000.0),
        ("Control1", "TNF", 1.0, 10.0, 1000.0),
        ("S-001", "IL6", 2.0, 3.2, None),
        ("S-001", "TNF", 2.0, None, 1000.0),
        ("S-002", "IL6", 2.0, 3.2, None),
        ("S-002", "TNF", 2.0, None, 1000.0),
    ]


def test_standards_and_controls_know_their_nominal_concentration() -> None:
    rows = read(quoted(Export().lines()))
    assert {row["sample"]: row["expected_value"] for row in rows} == {
        "Background0": None,
        "Standard1": 1000.0,
        "Standard2": 10.0,
        "Control1": 250.0,
        "S-001": None,
        "S-002": None,
    }


def test_without_results_fluorescence_is_kept_and_the_value_is_not_reported() -> None:
    export = replace(Export(), result=None, standards={}, controls={}, units=["Bead", "Bead"])
    rows = read(quoted(export.lines()))
    assert len(rows) == 12
    assert set(select(rows, "value", "operator", "qc_flag", "unit", "lloq")) == {
        (None, "none", "not_reported", None, None)
    }
    assert rows[8]["median_fluorescence"] == 812.5
    assert rows[8]["net_fluorescence"] == 802.5


@pytest.mark.parametrize("write", [bare, padded, semicolons])
def test_quotes_padding_and_separators_do_not_matter(write: Callable[[list[list[str]]], str]) -> None:
    lines = replace(Export(), warnings=[("1,E1", "Low count")]).lines()
    expected = read(quoted(lines))
    if write is semicolons:
        expected = [row | {"reported": row["reported"] and str(row["reported"]).replace(".", ",")} for row in expected]
    assert read(write(lines)) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_do_not_matter(encoding: str) -> None:
    text = quoted(replace(Export(), units=["µg/ml", "pg/ml"], analytes=["IL-6", "TNF-a"]).lines())
    for end in ("\r\n", "\n", "\r"):
        file = RawFile("any.csv", text.replace("\r\n", end).encode(encoding))
        assert XPONENT.recognise(Probe.of("any.csv", file.content))
        (batch,) = XPONENT.read(file, SITE)
        assert batch["unit"].to_pylist()[:2] == ["ug/mL", "pg/mL"]


def test_two_beads_of_one_name_stay_apart_by_their_region() -> None:
    rows = read(quoted(replace(Export(), analytes=["IL-6", "IL-6"]).lines()))
    assert select(rows[8:10], "analyte", "assay_id", "value") == [("IL6", "19", 33.25), ("IL6", "45", 4.5)]


def test_a_second_plate_of_the_batch_has_its_own_plate_id() -> None:
    text = quoted(Export().lines()).replace('"6(1,F1)"', '"6(2,A1)"')
    assert set(select(read(text), "plate_id", "well")) >= {("PLATE_7", "A1"), ("PLATE_7/2", "A1")}


def test_a_well_that_was_read_twice_is_two_replicates() -> None:
    text = quoted(Export().lines()).replace('"6(1,F1)"', '"6(1,E1)"')
    assert select(read(text)[8:], "well", "replicate") == [("E1", 1), ("E1", 1), ("E1", 2), ("E1", 2)]


DATES = [
    # BatchStopTime            other dates of the header     day_first  read as
    ("5/17/2023 7:06:59 PM", [], None, datetime(2023, 5, 17, 19, 6, 59, tzinfo=UTC)),
    ("17/05/2023 19:06:59", [], None, datetime(2023, 5, 17, 19, 6, 59, tzinfo=UTC)),
    ("2024-10-18 12:15", [], None, datetime(2024, 10, 18, 12, 15, tzinfo=UTC)),
    ("5/5/2023 7:06:59 AM", [], None, datetime(2023, 5, 5, 7, 6, 59, tzinfo=UTC)),
    ("5/7/2023 7:06:59 PM", ["4/28/2023 9:00:00 AM"], None, datetime(2023, 5, 7, 19, 6, 59, tzinfo=UTC)),
    ("5/7/2023 19:06:59", ["28/4/2023 09:00:00"], None, datetime(2023, 7, 5, 19, 6, 59, tzinfo=UTC)),
    ("5/7/2023 7:06:59 PM", [], False, datetime(2023, 5, 7, 19, 6, 59, tzinfo=UTC)),
    ("5/7/2023 19:06:59", [], True, datetime(2023, 7, 5, 19, 6, 59, tzinfo=UTC)),
    ("05.07.2023 19:06:59", [], None, datetime(2023, 7, 5, 19, 6, 59, tzinfo=UTC)),
]


@pytest.mark.parametrize(("stop", "others", "day_first", "expected"), DATES)
def test_dates_are_read_in_the_order_that_is_declared_or_proven(
    stop: str, others: list[str], day_first: bool | None, expected: datetime
) -> None:
    export = Export().with_header(Date=[], BatchStartTime=[], BatchStopTime=[stop], CalibrationTime=others)
    rows = read(quoted(export.lines()), Site(day_first=day_first))
    assert {row["measured_time"] for row in rows} == {expected}


def test_a_date_that_can_be_read_two_ways_is_refused() -> None:
    export = Export().with_header(Date=["05/07/2023", "6:42 PM"], BatchStartTime=[], BatchStopTime=["5/7/2023 7:06 PM"])
    with pytest.raises(FileError, match="declare day_first for site local"):
        read(quoted(export.lines()))


def test_dates_that_contradict_the_site_are_refused() -> None:
    with pytest.raises(FileError, match="contradict the site's declared order"):
        read(quoted(Export().lines()), Site(day_first=True))


def test_times_are_local_to_the_site() -> None:
    rows = read(quoted(Export().lines()), Site(time_zone="Europe/Paris"))
    assert rows[0]["measured_time"] == datetime(2023, 5, 17, 17, 6, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"BatchStopTime": []}, datetime(2023, 5, 17, 18, 42, 29, tzinfo=UTC)),
        ({"BatchStopTime": [], "BatchStartTime": []}, datetime(2023, 5, 17, 18, 42, tzinfo=UTC)),
        ({"BatchStopTime": [], "BatchStartTime": [], "Date": []}, None),
    ],
)
def test_the_time_falls_back_on_the_start_and_the_date(header: dict[str, list[str]], expected: datetime | None) -> None:
    assert read(quoted(Export().with_header(**header).lines()))[0]["measured_time"] == expected


def test_a_report_date_in_the_header_is_kept() -> None:
    rows = read(quoted(Export().with_header(ReportDate=["5/24/2023"]).lines()))
    assert rows[0]["reported_time"] == datetime(2023, 5, 24, tzinfo=UTC)


BAD_CELLS = [
    # a cell of the export   replaced by   problem of exactly the records of sample S-001, analyte IL6
    ('"33.25"', '"about 33"', "the reported value is neither a number nor a known mark"),
    ('"812.5"', '"8l2.5"', "Median is not a number"),
    ('"802.5"', '"1,802.5"', "Net MFI is not a number"),
]


@pytest.mark.parametrize(("cell", "by", "problem"), BAD_CELLS)
def test_one_bad_cell_is_the_problem_of_one_record(cell: str, by: str, problem: str) -> None:
    text = quoted(Export().lines())
    assert cell in text
    rows = read(text.replace(cell, by, 1))
    bad = [row for row in rows if row["problem"]]
    assert select(bad, "sample", "analyte") == [("S-001", "IL6")]
    assert problem in str(bad[0]["problem"])
    assert len(rows) == 12


BAD_LINES = [
    ('"5(1,E1)","S-001","812.5","64","180"', '"5(1,E1)","S-001","812.5"', "block Median has 3 cells where its header"),
    ('"5(1,E1)","S-001","812.5","64","180"', '"5(1,E1)","S-001","812.5","64","180","7"', "block Median has 6 cells"),
    ('"5(1,E1)","S-001","812.5"', '"5(1,E1)","S-009","812.5"', "the blocks name different samples at this location"),
    ('"5(1,E1)"', '"5(1,Z9)"', "the location is not written as 1(1,A1)"),
]


@pytest.mark.parametrize(("line", "by", "problem"), BAD_LINES)
def test_one_bad_line_is_the_problem_of_one_well(line: str, by: str, problem: str) -> None:
    text = quoted(Export().lines())
    assert line in text
    rows = read(text.replace(line, by) if line == '"5(1,E1)"' else text.replace(line, by, 1))
    bad = [row for row in rows if row["problem"]]
    assert len(bad) == 2
    assert all(problem in str(row["problem"]) for row in bad)
    assert len(rows) == 12


def without_trailer(text: str) -> str:
    return text[: text.index('"-- CRC --"')]


def test_an_export_without_its_trailer_is_let_through_if_its_blocks_are_complete() -> None:
    text = quoted(Export().lines())
    assert read(without_trailer(text)) == read(text)


@pytest.mark.parametrize(
    "end",
    ['"DataType:","Units"', '"DataType:","Dilution', '"6(1,F1)","S-002","2"', '"DataType:","Result"', '"S-002","15"'],
)
def test_an_export_that_was_cut_short_is_refused(end: str) -> None:
    text = quoted(Export().lines())
    with pytest.raises(FileError, match="cut short"):
        read(text[: text.rindex(end)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not begin as an xPONENT export"),
        ("a,b\n1,2\n", "does not begin as an xPONENT export"),
        ("Program,xPONENT\nBatch,1\n", "holds no block"),
        ("Program,xPONENT\nDataType:,Units\nAnalyte:,IL6\n", "no block Median"),
        (quoted(Export().with_header(Batch=[""]).lines()), "names no Batch"),
        (quoted(Export().with_header(BatchStopTime=["soon"]).lines()), "The time of the batch"),
        (quoted(Export().lines()).replace('"DataType:","Count"', '"DataType:","Median"'), "twice"),
    ],
)
def test_what_is_no_export_is_refused_in_one_sentence(text: str, message: str) -> None:
    with pytest.raises(FileError, match=message) as refusal:
        read(text)
    assert "\n" not in str(refusal.value)


def records_or_file_error(content: bytes) -> None:
    """Any other exception than FileError fails the test."""
    try:
        batches = list(XPONENT.read(RawFile("any.csv", content), SITE))
    except FileError as refusal:
        assert "S-00" not in str(refusal)
    else:
        assert [batch.schema for batch in batches] == [XPONENT.raw.arrow] * len(batches)


WHOLE = quoted(replace(Export(), warnings=[("1,E1", "Low count.")]).lines()).encode()


def test_cut_anywhere_it_gives_all_records_or_a_refusal() -> None:
    whole = read(WHOLE)
    dilutions = WHOLE.index(b'"6(1,F1)","S-002","2"')
    n_read = 0
    for length in range(len(WHOLE)):
        try:
            rows = read(WHOLE[:length])
        except FileError:
            continue
        assert length > dilutions
        assert len(rows) == len(whole)
        assert [row | {"qc_flag": None, "qc_message": None} for row in rows] == [
            row | {"qc_flag": None, "qc_message": None} for row in whole
        ]
        n_read += 1
    assert n_read > 0


@settings(max_examples=300)
@given(st.data())
def test_flipped_bytes_give_records_or_a_refusal(data: st.DataObject) -> None:
    content = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    records_or_file_error(bytes(content))


@pytest.mark.parametrize("seed", range(50))
def test_shuffled_lines_give_records_or_a_refusal(seed: int) -> None:
    lines = WHOLE.splitlines(keepends=True)
    random.Random(seed).shuffle(lines)
    records_or_file_error(b"".join(lines))
    records_or_file_error(b"".join([lines[-1], b"Program,xPONENT\n", *lines]))


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_any_bytes_after_the_first_line_give_records_or_a_refusal(content: bytes) -> None:
    records_or_file_error(b"Program,xPONENT\nBatch,1\nDataType:,Median\n" + content)
