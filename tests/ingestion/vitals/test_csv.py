"""Vital signs as CSV: wide, long and VitalDB."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Probe, RawFile, recognise
from ingestion.sources.vitals import SOURCE

PARIS = Site(site_id="toulouse", time_zone="Europe/Paris", day_first=True)


def read(content: str | bytes, site: Site | None = None, name: str = "monitor.csv") -> list[dict[str, object]]:
    """Records without their null columns, in the order of the file."""
    data = content.encode() if isinstance(content, str) else content
    format_ = recognise(SOURCE.formats, Probe.of(name, data), site)
    assert format_ is not None
    records = [r for batch in format_.read(RawFile(name, data), site or Site()) for r in batch.to_pylist()]
    return [{k: v for k, v in r.items() if v is not None} for r in sorted(records, key=lambda r: r["file_row"])]


def test_a_record_of_a_wide_file_is_a_cell() -> None:
    records = read("case_id,time,HR,MAP\nC1,2024-03-28T10:00:00Z,70,65.5\nC1,2024-03-28T10:00:02Z,,64\n")
    first, second = datetime(2024, 3, 28, 10, tzinfo=UTC), datetime(2024, 3, 28, 10, 0, 2, tzinfo=UTC)
    assert records == [
        {"file_row": 0, "case_id": "C1", "event_time": first, "signal": "HR", "value": 70.0, "unit": "/min"},
        {"file_row": 1, "case_id": "C1", "event_time": first, "signal": "MAP", "value": 65.5, "unit": "mm[Hg]"},
        {"file_row": 3, "case_id": "C1", "event_time": second, "signal": "MAP", "value": 64.0, "unit": "mm[Hg]"},
    ]


def test_a_french_export() -> None:
    text = "case_id;patient_id;time;FC;PAM;Température\r\nC1;P1;28/03/2024 10:00:00;70;65,5;36,6\r\n"
    records = read(text.encode("cp1252"), PARIS)
    assert [(r["signal"], r["value"], r.get("device")) for r in records] == [
        ("HR", 70.0, "FC"),
        ("MAP", 65.5, "PAM"),
        ("TEMP", 36.6, "Température"),
    ]
    assert {r["event_time"] for r in records} == {datetime(2024, 3, 28, 9, tzinfo=UTC)}


def test_one_column_tells_the_decimal_mark_of_the_file_else_the_site_does() -> None:
    head, row = "case_id;time;MAP;TEMP\n", "C1;2024-03-28T10:00:00Z;65,125;{}\n"
    assert [r["value"] for r in read(head + row.format("36,6"))] == [65.125, 36.6]
    assert [r["value"] for r in read(head + row.format("37"), Site(decimal_mark=","))] == [65.125, 37.0]
    with pytest.raises(FileError, match="column MAP can be read two ways"):
        read(head + row.format("37"))
    with pytest.raises(FileError, match="column value can be read two ways"):
        read("case_id;time;signal;value\nC1;2024-03-28T10:00:00Z;MAP;65,125\n")


def test_a_saturation_that_may_be_a_fraction_is_not_taken_for_a_percentage() -> None:
    unclear = "SPO2 can be read two ways (a fraction or a percentage), and no unit is stated"
    wide = read(
        "case_id,time,SPO2\nC1,2024-03-28T10:00:00Z,0.97\nC1,2024-03-28T10:00:01Z,97\nC1,2024-03-28T10:00:02Z,0\n"
    )
    assert [r.get("problem") for r in wide] == [unclear, None, None]
    row = "C1,2024-03-28T10:00:00Z,{},{},{}\n".format
    long = read("case_id,time,signal,value,unit\n" + row("SPO2", 0.97, "") + row("SPO2", 0.97, "%") + row("HR", 1, ""))
    assert [r.get("problem") for r in long] == [unclear, None, None]
    site = Site.model_validate(
        {
            "tables": {
                "s": {
                    "format": "vitals_wide_csv",
                    "units": {"SPO2": "1"},
                    "columns": {"case_id": "case_id", "time": "time", "SPO2": "SaO2"},
                }
            }
        }
    )
    (record,) = read("case_id,time,SaO2\nC1,2024-03-28T10:00:00Z,0.97\n", site)
    assert (record["value"], record["unit"], record.get("problem")) == (97.0, "%", None)


def test_a_long_file_with_devices_and_units() -> None:
    records = read(
        "case_id,time,signal,value,unit,device\n"
        "C1,2024-03-28 10:00,Solar8000/ART_MBP,65,mmHg,\n"
        "C1,2024-03-28 10:00,HR,70,bpm,IntelliVue\n"
        "C1,2024-03-28 10:00,HR,9,kPa,\n"
        "C1,2024-03-28 10:00,BIS,40,,\n"
        "C1,2024-03-28 10:00,SPO2,,%,\n"
    )
    assert [(r["signal"], r.get("unit"), r.get("device"), r.get("problem")) for r in records] == [
        ("MAP", "mm[Hg]", "Solar8000/ART_MBP", None),
        ("HR", "/min", "IntelliVue", None),
        ("HR", "kPa", None, "the unit is not the one of the signal"),
        ("BIS", None, "BIS", None),
    ]


def test_vitaldb_counts_seconds_from_day_zero_and_takes_the_case_from_the_name() -> None:
    records = read("Time,Solar8000/HR,Solar8000/ART_MBP,BIS/BIS\n0,70,,40\n1.5,,66,41\n", name="4.csv")
    assert [(r["case_id"], r["signal"], r["device"], r["event_time"]) for r in records] == [
        ("4", "HR", "Solar8000/HR", datetime(2000, 1, 1, tzinfo=UTC)),
        ("4", "MAP", "Solar8000/ART_MBP", datetime(2000, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)),
    ]


@pytest.mark.parametrize("cell", ["", "NA", "NaN", "--"])
def test_missing_cells_are_no_records_and_zeros_are(cell: str) -> None:
    records = read(f"case_id,time,HR,MAP\nC1,2024-03-28 10:00,0,{cell}\n")
    assert [(r["signal"], r["value"]) for r in records] == [("HR", 0.0)]


def test_a_bad_cell_is_kept_as_reported_and_spares_the_others() -> None:
    records = read("case_id,time,HR,MAP\nC1,2024-03-28 10:00,7O,65\nC1,31/02/2024,70,64\n", Site(day_first=True))
    assert [(r["signal"], r.get("value"), r.get("reported"), r.get("problem")) for r in records] == [
        ("HR", None, "7O", "HR is not a number"),
        ("MAP", 65.0, None, None),
        ("HR", 70.0, None, records[2]["problem"]),
        ("MAP", 64.0, None, records[2]["problem"]),
    ]
    assert str(records[2]["problem"]).startswith("time is not a date")


def test_a_ragged_row_says_so_and_keeps_what_it_has() -> None:
    records = read(
        "case_id,time,HR,MAP\nC1,2024-03-28 10:00,70,65,99\nC1,2024-03-28 10:01,71\nC1,2024-03-28 10:02,72,66\n"
    )
    assert [(r["file_row"], r["value"], r.get("problem")) for r in records] == [
        (0, 70.0, "the row has 5 cells where the header has 4"),
        (1, 65.0, "the row has 5 cells where the header has 4"),
        (2, 71.0, "the row has 3 cells where the header has 4"),
        (4, 72.0, None),
        (5, 66.0, None),
    ]


def test_columns_that_are_no_signal_are_not_read() -> None:
    records = read("case_id,time,HR,remark\nC1,2024-03-28 10:00,70,Mrs Miller woke up\n")
    assert "Miller" not in str(records) and len(records) == 1


def test_dates_that_can_be_read_two_ways_are_refused() -> None:
    with pytest.raises(FileError, match="day or month first"):
        read("case_id,time,HR\nC1,03/04/2024 10:00,70\n")


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2024-07-01 10:00:00", datetime(2024, 7, 1, 8, tzinfo=UTC)),
        ("2896-07-01 10:00:00", datetime(2896, 7, 1, 8, tzinfo=UTC)),  # past Arrow's time-zone rules
        ("2024-03-31 02:30:00", datetime(2024, 3, 31, 1, 30, tzinfo=UTC)),  # left out by the change to summer time
        ("2024-07-01T10:00:00+01:00", datetime(2024, 7, 1, 9, tzinfo=UTC)),
    ],
)
def test_times_are_local_to_the_site(local: str, utc: datetime) -> None:
    assert read(f"case_id,time,HR\nC1,{local},70\n", PARIS)[0]["event_time"] == utc


@pytest.mark.parametrize(
    ("name", "text", "format_name"),
    [
        ("a.csv", "case_id,time,signal,value\n", "vitals_long_csv"),
        ("a.csv", "Case_ID;Time;MAP;HR\n", "vitals_wide_csv"),
        ("a.csv", "Time,Solar8000/HR\n", "vitaldb_csv"),
        ("a.hea", "r1 1 0.016 10\nr1.dat 16 10/bpm 16 0 0 0 0 HR\n", "wfdb_numerics"),
        ("a.csv", "patient_id,sex,birth_year\n", None),
        ("a.csv", "case_id,time,remark\n", None),
        ("a.csv", "", None),
    ],
)
def test_each_file_is_known_by_one_format_only(name: str, text: str, format_name: str | None) -> None:
    known = [f.name for f in SOURCE.formats if f.recognise(Probe.of(name, text.encode()))]
    assert known == ([] if format_name is None else [format_name])


def test_a_binary_file_named_csv_is_known_by_no_format() -> None:
    assert recognise(SOURCE.formats, Probe.of("a.csv", b"\x89PNG\r\n\x1a\n\x00\x00case_id,time,HR")) is None


SIGNALS = ("HR", "MAP", "SPO2")
ROWS = st.lists(
    st.tuples(*(st.none() | st.floats(-1e4, 1e4, allow_nan=False).map(lambda v: round(v, 3)) for _ in SIGNALS)),
    min_size=1,
    max_size=30,
)


@settings(max_examples=50)
@given(rows=ROWS, is_french=st.booleans())
def test_wide_and_long_tell_the_same(rows: list[tuple[float | None, ...]], is_french: bool) -> None:
    separator = ";" if is_french else ","
    start = datetime(2024, 3, 28, 10)

    def cell(value: float | None) -> str:
        text = "" if value is None else repr(value)
        return text.replace(".", ",") if is_french else text

    times = [(start + timedelta(seconds=i)).isoformat(" ") for i in range(len(rows))]
    wide = [["case_id", "time", *SIGNALS], *(["C", t, *map(cell, row)] for t, row in zip(times, rows, strict=True))]
    long = [["case_id", "time", "signal", "value"]]
    for time, row in zip(times, rows, strict=True):
        long += [["C", time, signal, cell(value)] for signal, value in zip(SIGNALS, row, strict=True)]

    def facts(table: list[list[str]]) -> list[tuple[object, ...]]:
        # 1,375 alone could be thousands: the hospital says that it is not.
        site = PARIS.model_copy(update={"decimal_mark": ","}) if is_french else PARIS
        records = read("\n".join(separator.join(row) for row in table) + "\n", site)
        return sorted((r["event_time"], r["signal"], r["value"], r["unit"]) for r in records)

    given_values = sorted(v for row in rows for v in row if v is not None)
    assert facts(wide) == facts(long)
    assert sorted(f[2] for f in facts(wide)) == given_values  # type: ignore[type-var]


@settings(max_examples=150)
@given(data=st.data())
def test_damaged_bytes_give_records_or_a_file_error(data: st.DataObject) -> None:
    content = bytearray(
        b"case_id,patient_id,time,signal,value,unit\n"
        + b"".join(b'C%d,P1,2024-03-28 10:00:0%d,HR,"7%d",bpm\n' % (i % 2, i, i) for i in range(9))
    )
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.integers(0, len(content)))])
    for format_ in SOURCE.formats[:3]:
        try:
            records = [r for b in format_.read(RawFile("x.csv", damaged), Site()) for r in b.to_pylist()]
        except FileError:
            continue
        assert len({r["file_row"] for r in records}) == len(records)
