"""MSD Workbench tables and Methodical Mind counts, on generated files."""

from datetime import UTC, datetime
from typing import Any

import pytest

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import RawFile
from ingestion.sources.cytokine.methodical_mind import METHODICAL_MIND
from ingestion.sources.cytokine.msd_workbench import MSD_CSV, MSD_XLSX
from tests.ingestion.cytokine.plates import WORKBENCH_ROWS, joined, methodical, workbench_lines
from tests.ingestion.cytokine.workbooks import sheets_of

SITE = Site(concentration_units={"msd": "pg/mL"})
OPTIONAL = ("Fit Statistic: RSquared", "Detection Range")


def workbench(text: str, site: Site = SITE) -> list[dict[str, Any]]:
    return [row for batch in MSD_CSV.read(RawFile("any", text.encode()), site) for row in batch.to_pylist()]


def counts(text: str, site: Site = SITE) -> list[dict[str, Any]]:
    return [row for batch in METHODICAL_MIND.read(RawFile("any", text.encode()), site) for row in batch.to_pylist()]


def select(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_a_workbench_table() -> None:
    rows = workbench(joined(workbench_lines()))
    names = ("sample", "well", "sample_type", "value", "operator", "lloq", "uloq", "qc_flag")
    assert select(rows, *names) == [
        # sample        well  type        value   op      lloq  uloq    flag
        ("S001", "A1", "standard", 998.5, "=", 0.5, 1000.0, "pass"),
        ("S007", "B1", "standard", 0.48, "=", 0.5, 1000.0, "pass"),
        ("S008", "C1", "standard", None, "none", 0.5, 1000.0, "not_calculated"),
        ("C001", "D1", "control", 41.5, "=", 0.5, 1000.0, "pass"),
        ("2BO40/U001", "E1", "unknown", 8.25, "=", None, None, "pass"),
        ("2BO40/U001", "F1", "unknown", 1004.0, "*", None, None, "outside_detection_range"),
        ("2BO40/U002", "G1", "unknown", 1250.5, "*", 0.5, 1000.0, "outside_fit_curve"),
        ("2BO40/U003", "H1", "unknown", None, "<", 0.5, 1000.0, "outside_fit_curve"),
        ("2BO40/U004", "A2", "unknown", None, "<", None, None, "outside_detection_range"),
        ("Durand W0", "B2", "unknown", None, "none", 0.5, 1000.0, "not_reported"),
        ("2BO40/U005", "C2", "unknown", None, "none", 0.5, 1000.0, "not_calculated"),
    ]
    assert {row["problem"] for row in rows} == {None}
    assert {row["unit"] for row in rows} == {"pg/mL"}


def test_a_record_carries_all_that_the_row_says_and_no_mean() -> None:
    row = workbench(joined(workbench_lines()))[4]
    assert {name: value for name, value in row.items() if value is not None} == {
        "file_row": 4,
        "plate_id": "2BO40",
        "sample": "2BO40/U001",
        "well": "E1",
        "replicate": 1,
        "sample_type": "unknown",
        "analyte_as_given": "IL-6",
        "analyte": "IL6",
        "uniprot_id": "P05231",
        "assay_id": "3",
        "platform": "msd",
        "reported": "8.25",
        "value": 8.25,
        "operator": "=",
        "unit": "pg/mL",
        "dilution_factor": 2.0,
        "ecl_signal": 812.0,
        "ecl_signal_adjusted": 812.5,
        "qc_flag": "pass",
    }


def test_optional_columns_shift_the_others_and_change_nothing_else() -> None:
    plain = [row for row in WORKBENCH_ROWS if row[4] in ("", "In Detection Range")]
    assert workbench(joined(workbench_lines(plain))) == workbench(joined(workbench_lines(plain, without=OPTIONAL)))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize(("separator", "end"), [(",", "\n"), (";", "\r\n"), ("\t", "\r")])
def test_encodings_separators_and_line_ends_do_not_matter(encoding: str, separator: str, end: str) -> None:
    content = joined(workbench_lines(), separator, end).encode(encoding)
    rows = [row for batch in MSD_CSV.read(RawFile("any", content), SITE) for row in batch.to_pylist()]
    assert rows == workbench(joined(workbench_lines()))


def test_decimal_commas_are_found_from_the_numbers() -> None:
    lines = [[cell.replace(".", ",") if i else cell for i, cell in enumerate(line)] for line in workbench_lines()]
    lines[1] = workbench_lines()[1]
    assert select(workbench(joined(lines, ";")), "value", "expected_value", "ecl_signal_adjusted")[:2] == [
        (998.5, 1000.0, 90000.5),
        (0.48, 0.5, 210.5),
    ]


def test_a_unit_in_the_columns_name_needs_no_declaration() -> None:
    text = joined(workbench_lines()).replace("Calc. Concentration", "Calc. Concentration (ng/mL)")
    assert {row["unit"] for row in workbench(text, Site())} == {"ng/mL"}


def test_without_a_unit_only_signals_can_be_read() -> None:
    with pytest.raises(FileError, match="does not state the unit of its concentrations"):
        workbench(joined(workbench_lines()), Site())
    signals = [(*row[:6], "", row[7], "") for row in WORKBENCH_ROWS if "Range" not in row[4] or "In" in row[4]]
    rows = workbench(joined(workbench_lines(signals)), Site())
    assert {(row["unit"], row["value"], row["qc_flag"]) for row in rows} == {(None, None, "not_reported")}
    assert rows[0]["ecl_signal"] == 90000.0


def test_several_plates_follow_each_other() -> None:
    text = joined(workbench_lines()) + "\n" + joined(workbench_lines(plate="Plate_2BO41"))
    rows = workbench(text)
    assert [row["plate_id"] for row in rows] == ["2BO40"] * 11 + ["2BO41"] * 11
    assert {row["sample"] for row in rows if row["well"] == "E1"} == {"2BO40/U001", "2BO41/U001"}


def test_a_nominal_concentration_makes_a_named_sample_no_unknown() -> None:
    rows = workbench(joined(workbench_lines([("CAL A", "IL-6", "A1", "1", "", "", "250", "9000", "251")])))
    assert select(rows, "sample", "sample_type", "expected_value") == [("CAL A", "standard", 250.0)]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (("U001", "IL-6", "Z99", "1", "", "1", "", "8", "1"), "Well is not written as A01"),
        (("U001", "", "A1", "1", "", "1", "", "8", "1"), "the row names no assay"),
        (("U001", "IL-6", "A1", "1", "", "1", "", "x", "1"), "Signal is not a number"),
        (("U001", "IL-6", "A1", "1", "Fine", "1", "", "8", "1"), "Detection Range is none of the five states"),
        (("U001", "IL-6", "A1", "1", "", "1", "", "8", "many"), "the reported value is neither a number"),
    ],
)
def test_a_bad_row_is_a_problem_of_its_own(row: tuple[str, ...], problem: str) -> None:
    rows = workbench(joined(workbench_lines([*WORKBENCH_ROWS[:2], row])))
    assert [r["problem"] for r in rows[:2]] == [None, None]
    assert problem in rows[2]["problem"]


def test_a_row_cut_short_is_a_problem() -> None:
    text = joined(workbench_lines())
    assert "cells where the header has 17" in workbench(text[: text.rindex(",99,")])[-1]["problem"]


def test_a_table_without_its_plate_is_refused() -> None:
    with pytest.raises(FileError, match="names no plate"):
        workbench(joined(workbench_lines()[1:]))
    with pytest.raises(FileError, match="holds no plate table"):
        workbench("Plate_1\nSample,Assay\n")


def test_a_workbook_with_the_readers_header() -> None:
    header = [["Plate ID :", "<2BO40>"], ["Read Time  :", "02/03/2024 13:39:33 EST"], ["Export Time :", "02/05/2024"]]
    content = sheets_of({"MSD Data": header, "Workbench data": [list(line) for line in workbench_lines()]})
    site = SITE.model_copy(update={"day_first": False})
    rows = [row for batch in MSD_XLSX.read(RawFile("any", content), site) for row in batch.to_pylist()]
    expected = workbench(joined(workbench_lines()))
    time = datetime(2024, 2, 3, 18, 39, 33, tzinfo=UTC)
    assert rows == [row | {"measured_time": time, "reported_time": time} for row in expected]
    with pytest.raises(FileError, match="can be read two ways"):
        list(MSD_XLSX.read(RawFile("any", content), SITE))


def test_counts_are_signals_and_nothing_else() -> None:
    rows = counts(methodical(spots=2, assays="IL-6, TNF-α"))
    names = ("plate_id", "well", "analyte", "assay_id", "ecl_signal")
    assert select(rows, *names) == [
        ("22M0T", "A1", "IL6", "1", 101.0),
        ("22M0T", "A2", "IL6", "1", 102.0),
        ("22M0T", "A1", "TNF", "2", 201.0),
        ("22M0T", "A2", "TNF", "2", 202.0),
        ("22M0T", "B1", "IL6", "1", 111.0),
        ("22M0T", "B2", "IL6", "1", 112.0),
        ("22M0T", "B1", "TNF", "2", 211.0),
        ("22M0T", "B2", "TNF", "2", 212.0),
    ]
    nothing = ("value", "unit", "sample", "reported", "lloq", "uloq")
    assert set(select(rows, *nothing)) == {(None,) * 6}
    assert set(select(rows, "operator", "qc_flag", "sample_type")) == {("none", "not_reported", "not_stated")}


def test_a_spot_without_an_assay_is_called_by_its_number() -> None:
    rows = counts(methodical(assays=",,"))
    assert set(select(rows, "analyte", "analyte_as_given", "uniprot_id")) == {("Spot 1", "Spot 1", None)}


def test_spots_that_the_plate_does_not_have_are_no_records() -> None:
    text = methodical(spots=3)
    for value in (201, 202, 211, 212):
        text = text.replace(f"     {value}  ", "          ")
    assert {row["assay_id"] for row in counts(text)} == {"1", "3"}


def test_one_table_a_spot() -> None:
    tables = methodical(spot_id="3") + methodical(spot_id="8")
    rows = counts(tables.replace("Spots Per Well:\t1", "Spots Per Well:\t10"))
    assert {row["problem"] for row in rows} == {None}
    assert select(rows, "assay_id", "well", "replicate")[:5] == [
        ("3", "A1", 1), ("3", "A2", 1), ("3", "B1", 1), ("3", "B2", 1), ("8", "A1", 1),
    ]  # fmt: skip


def test_a_plate_read_twice_is_numbered() -> None:
    assert [row["replicate"] for row in counts(methodical() + methodical())] == [1] * 4 + [2] * 4


@pytest.mark.parametrize(
    ("time", "site", "expected"),
    [
        # time of the reader                 site                                     UTC
        ("09/28/2023\t13:39:33 EDT", Site(), datetime(2023, 9, 28, 17, 39, 33, tzinfo=UTC)),
        ("28/09/2023\t13:39:33 CEST", Site(), datetime(2023, 9, 28, 11, 39, 33, tzinfo=UTC)),
        ("28/09/2023\t13:39:33 BST", Site(time_zone="Europe/London"), datetime(2023, 9, 28, 12, 39, 33, tzinfo=UTC)),
        ("28/09/2023\t13:39:33", Site(time_zone="Europe/Paris"), datetime(2023, 9, 28, 11, 39, 33, tzinfo=UTC)),
        ("28/09/2023\t01:39:33 PM EDT", Site(), datetime(2023, 9, 28, 17, 39, 33, tzinfo=UTC)),
        ("02/03/2023\t13:39:33 CET", Site(day_first=True), datetime(2023, 3, 2, 12, 39, 33, tzinfo=UTC)),
        ("28/09/2023\t13:39:33 CST", Site(time_zone="Asia/Shanghai"), datetime(2023, 9, 28, 5, 39, 33, tzinfo=UTC)),
        ("", Site(), None),
    ],
)
def test_the_zone_of_a_read_time(time: str, site: Site, expected: datetime | None) -> None:
    assert {row["measured_time"] for row in counts(methodical(read_time=time), site)} == {expected}


@pytest.mark.parametrize(
    ("time", "message"),
    [
        ("09/08/2023\t13:39:33 EDT", "can be read two ways"),
        ("28/09/2023\t13:39:33 BST", "whose abbreviation has several meanings"),
        ("yesterday", "is not a date such as"),
    ],
)
def test_a_read_time_with_two_meanings_is_refused(time: str, message: str) -> None:
    with pytest.raises(FileError, match=message):
        counts(methodical(read_time=time))


@pytest.mark.parametrize(
    ("name", "is_proven"),
    [
        ("Z:\\x\\22M0T_2023-09-08-133933.txt", True),
        ("Z:\\x\\22M0T_2023-09-08-133934.txt", False),  # another moment
        ("Z:\\x\\22M0T_2023-09-09-133933.txt", False),
        ("Z:\\x\\22M0T.txt", False),
    ],
)
def test_an_export_named_after_its_read_time_proves_the_order(name: str, is_proven: bool) -> None:
    for time, month_first in (("09/08/2023\t13:39:33 EDT", True), ("08/09/2023\t13:39:33 EDT", False)):
        text = methodical(read_time=time, name=name)
        if is_proven:
            assert counts(text)[0]["measured_time"] == datetime(2023, 9, 8, 17, 39, 33, tzinfo=UTC), month_first
        else:
            with pytest.raises(FileError, match="can be read two ways"):
                counts(text)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("     101  ", "     1x1  ", "the signal is not a number"),
        ("<*22M0T*>", "<>", "the plate has no barcode"),
        (
            "A \t     101  \t     102  ",
            "A \t     101  \t     102  \t   103  ",
            "the row has 3 values where there are 2",
        ),
        ("A \t", "Z \t", "the row or the column is none of a plate"),
        ("Spots Per Well:\t1", "Spots Per Well:\t10", "the row has 1 lines where a well has 10 spots"),
    ],
)
def test_bad_counts_are_problems(old: str, new: str, problem: str) -> None:
    row = counts(methodical().replace(old, new))[0]
    assert problem in row["problem"]


def test_an_export_cut_short_in_its_data_is_refused() -> None:
    text = methodical()
    with pytest.raises(FileError, match="cut short"):
        counts(text[: text.index("=Processing") - 9])
    with pytest.raises(FileError, match="holds no Data section"):
        counts(text[: text.index("=Data")])
