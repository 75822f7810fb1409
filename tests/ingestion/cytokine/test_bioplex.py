"""Bio-Plex Manager: the XML export and the report tables, on generated files."""

from datetime import UTC, datetime
from typing import Any

import pytest

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Format, RawFile
from ingestion.sources.cytokine.bioplex_report import BIOPLEX_TEXT, BIOPLEX_XLSX
from ingestion.sources.cytokine.bioplex_xml import BIOPLEX_XML
from tests.ingestion.cytokine.plates import (
    FINE,
    NOT_SET,
    REPORT_ROWS,
    SET,
    bioplex_sample,
    bioplex_well,
    bioplex_xml,
    joined,
    report_lines,
    wide_report_lines,
)
from tests.ingestion.cytokine.workbooks import sheets_of

SITE = Site(concentration_units={"bioplex": "pg/mL"})


def read(format_: Format, content: str | bytes, site: Site = SITE) -> list[dict[str, Any]]:
    file = RawFile("any", content.encode() if isinstance(content, str) else content)
    return [row for batch in format_.read(file, site) for row in batch.to_pylist()]


def select(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def unknown(reading: str = FINE, conc: str = SET, value: str = "33.25") -> dict[str, Any]:
    """The record of one unknown in well C3."""
    return read(BIOPLEX_XML, bioplex_xml(bioplex_sample("Unknown", "X1", bioplex_well(3, 3, reading, conc, value))))[-1]


def test_an_xml_export() -> None:
    wells = bioplex_well(1, 1) + bioplex_well(2, 1, value="34.5")
    rows = read(BIOPLEX_XML, bioplex_xml(bioplex_sample("Unknown", "X1", wells, description="P1 W0")), Site())
    names = (
        "well",
        "sample",
        "sample_type",
        "value",
        "operator",
        "expected_value",
        "median_fluorescence",
        "bead_count",
    )
    assert select(rows, *names) == [
        ("A1", "S1", "standard", 33.25, "=", 1000.0, 813.5, 60),
        ("A2", "S2", "standard", 33.25, "=", 0.5, 812.0, None),
        ("A1", "P1 W0", "unknown", 33.25, "=", None, 813.5, 60),
        ("B1", "P1 W0", "unknown", 34.5, "=", None, 812.0, None),
    ]
    assert {name: value for name, value in rows[2].items() if value is not None} == {
        "file_row": 2,
        "plate_id": "PLATE_5",
        "sample": "P1 W0",
        "well": "A1",
        "replicate": 2,  # the layout of this test gives well A1 to two samples
        "sample_type": "unknown",
        "analyte_as_given": "IL-6",
        "analyte": "IL6",
        "uniprot_id": "P05231",
        "assay_id": "19",
        "panel": "48-plex",
        "platform": "bioplex",
        "reported": "33.25",
        "value": 33.25,
        "operator": "=",
        "lloq": 1.5,
        "uloq": 900.0,
        "unit": "pg/mL",
        "dilution_factor": 4.0,
        "median_fluorescence": 813.5,
        "bead_count": 60,
        "total_events": 717,
        "qc_flag": "pass",
        "measured_time": datetime(2023, 5, 9, 18, 55, 2, tzinfo=UTC),
    }


ERROR = 'ReadingOK="false" ReadErrorCode="3" RecoveryRange="NotInRange" ReadError='


@pytest.mark.parametrize(
    ("reading", "conc", "text", "expected"),
    [
        # Reading                                      MWObsConc                             value    op      flag
        (FINE, SET, "0", (0.0, "=", "pass", None)),
        (FINE, NOT_SET, "0.0E+000", (None, "none", "not_reported", None)),
        (FINE, SET.replace('"InRange"', '"NotInRange"'), "0.31", (0.31, "*", "extrapolated", None)),
        (FINE, ERROR + '"OOR &lt;"', "0.0", (None, "<", "out_of_range", "OOR <")),
        (FINE, ERROR + '"Above curve"', "0.0", (None, ">", "out_of_range", "Above curve")),
        (FINE, ERROR + '"Something new"', "0.0", (None, "none", "fail", "Something new")),
        (FINE.replace("None", "User"), SET, "33", (None, "none", "outlier", None)),
        (FINE.replace('"true"', '"false"'), SET, "33", (None, "none", "malfunction", None)),
        (FINE.replace('Code="0"', 'Code="1"'), SET, "33", (33.0, "=", "warning", "Low bead number")),
    ],
)
def test_what_the_software_says_of_a_concentration(
    reading: str, conc: str, text: str, expected: tuple[float | None, str, str, str | None]
) -> None:
    row = unknown(reading, conc, text)
    assert (row["value"], row["operator"], row["qc_flag"], row["qc_message"]) == expected
    assert row["problem"] is None


def test_a_sample_without_a_description_is_named_with_its_plate() -> None:
    assert unknown()["sample"] == "PLATE_5/X1"


def test_standards_whose_concentration_was_not_entered_have_none() -> None:
    x = bioplex_sample("Unknown", "X1", bioplex_well(3, 3))
    assert [row["expected_value"] for row in read(BIOPLEX_XML, bioplex_xml(x, standards=("0", "0")))] == [None] * 3
    entered = read(BIOPLEX_XML, bioplex_xml(x, standards=("1000", "0")))
    assert [row["expected_value"] for row in entered] == [1000.0, 0.0, None]


@pytest.mark.parametrize(("nominal", "expected"), [("250", 250.0), ("0", None)])
def test_a_control_knows_its_concentration_where_it_was_entered(nominal: str, expected: float | None) -> None:
    rows = read(BIOPLEX_XML, bioplex_xml(bioplex_sample("Control", "C1", bioplex_well(3, 3), nominal)))
    assert select(rows[-1:], "sample", "sample_type", "expected_value") == [("C1", "control", expected)]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("33.25", "3x"), "MWObsConc is said to be a value and is no number"),
        (('RowNo="3"', 'RowNo="99"'), "the well has no row and column of a plate"),
        (("<Dilution>4", "<Dilution>four"), "the dilution is not a number"),
    ],
)
def test_bad_parts_of_an_xml_export_are_problems(change: tuple[str, str], problem: str) -> None:
    text = bioplex_xml(bioplex_sample("Unknown", "X1", bioplex_well(3, 3))).replace(*change)
    assert problem in read(BIOPLEX_XML, text)[-1]["problem"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("</Samples>", ""), "no whole XML document"),
        (("BioPlexManager", "Other"), "is no Bio-Plex export"),
        (("<bpm:Bio", '<!DOCTYPE a [<!ENTITY b "c">]><bpm:Bio'), "document type declaration"),
        (("2023-05-09T18:55:02Z", "soon"), "is not a date such as"),
        (('encoding="UTF-8"', 'encoding="none"'), "no whole XML document"),
        (("pg/ml", ""), "does not state the unit"),
    ],
)
def test_other_documents_are_refused(change: tuple[str, str], message: str) -> None:
    text = bioplex_xml(bioplex_sample("Unknown", "X1", bioplex_well(3, 3)))
    with pytest.raises(FileError, match=message):
        read(BIOPLEX_XML, text.replace(change[0], change[1], 1 if "DOCTYPE" in change[1] else -1), Site())


def test_a_plate_without_a_number_has_the_name_of_its_document() -> None:
    text = bioplex_xml(bioplex_sample("Unknown", "X1", bioplex_well(3, 3)), plate="")
    assert {row["plate_id"] for row in read(BIOPLEX_XML, text)} == {"file 5"}


EXPECTED = [
    # sample       well  type        value  op      lloq  uloq    flag
    ("B", "A1", "blank", None, "none", 0.5, 1000.0, "not_reported"),
    ("S1", "B1", "standard", 998.5, "=", 0.5, 1000.0, "pass"),
    ("S2", "C1", "standard", 0.48, "=", 0.5, 1000.0, "pass"),
    ("QC low", "D1", "control", 41.5, "=", 0.5, 1000.0, "pass"),
    ("P1 W0", "E1", "unknown", 33.0, "=", None, None, "pass"),
    ("P1 W0", "F1", "unknown", 33.5, "=", None, None, "pass"),
    ("PLATE_5/X2", "G1", "unknown", None, "<", 0.5, 1000.0, "out_of_range"),
    ("PLATE_5/X3", "H1", "unknown", None, ">", 0.5, 1000.0, "out_of_range"),
    ("PLATE_5/X4", "A2", "unknown", 0.31, "*", 0.5, 1000.0, "extrapolated"),
    ("PLATE_5/X5", "B2", "unknown", None, "none", None, None, "malfunction"),
    ("PLATE_5/X6", "C2", "unknown", None, "none", 0.5, 1000.0, "outlier"),
    ("PLATE_5/X7", "D2", "unknown", None, "<", 2.5, 1000.0, "out_of_range"),
]
COLUMNS = ("sample", "well", "sample_type", "value", "operator", "lloq", "uloq", "qc_flag")


@pytest.mark.parametrize("separator", ["\t", ";"])
def test_a_report_as_text(separator: str) -> None:
    rows = read(BIOPLEX_TEXT, joined(report_lines(), separator))
    assert select(rows, *COLUMNS) == EXPECTED
    assert {row["problem"] for row in rows} == {None}
    assert set(select(rows, "plate_id", "analyte", "assay_id", "unit")) == {("PLATE_5", "IL6", "19", "pg/mL")}
    assert {row["measured_time"] for row in rows} == {datetime(2024, 1, 21, 18, tzinfo=UTC)}
    assert [row["dilution_factor"] for row in rows[4:10]] == [4.0, 4.0, 1.0, 1.0, 1.0, 4.0]


def test_a_workbook_with_a_sheet_for_each_analyte() -> None:
    tnf = report_lines(analyte="TNF-α (45)")
    rows = read(BIOPLEX_XLSX, sheets_of({"IL-6 (19)": report_lines(), "TNF (45)": tnf}))
    assert select(rows, *COLUMNS) == EXPECTED * 2
    assert [row["analyte"] for row in rows] == ["IL6"] * 12 + ["TNF"] * 12
    assert [row["file_row"] for row in rows] == list(range(24))


def test_a_table_for_each_quantity_with_the_analytes_side_by_side() -> None:
    expected = [
        ("C3", "IL6", "19", 33.25, "=", 812.0, 60),
        ("C3", "TNF", "45", 4.5, "*", 64.0, 61),
        ("D3", "IL6", "19", None, "<", 25.0, 62),
        ("D3", "TNF", "45", None, ">", 15800.0, 63),
    ]
    names = ("well", "analyte", "assay_id", "value", "operator", "median_fluorescence", "bead_count")
    assert select(read(BIOPLEX_XLSX, sheets_of({"Test": wide_report_lines()})), *names) == expected
    assert select(read(BIOPLEX_TEXT, joined(wide_report_lines(), "\t")), *names) == expected


def test_means_of_wells_that_do_not_stand_on_their_own_are_problems() -> None:
    rows = read(BIOPLEX_TEXT, joined(report_lines([*REPORT_ROWS[:5], REPORT_ROWS[5]]), "\t"))
    assert [row["problem"] for row in rows if row["problem"]] == [
        "the row is a mean over 2 wells that do not stand on their own"
    ]
    with pytest.raises(FileError, match="only means over replicate wells"):
        read(BIOPLEX_TEXT, joined(report_lines([REPORT_ROWS[4]]), "\t"))


def test_an_outlier_set_by_hand_has_no_value() -> None:
    text = joined(report_lines(), "\t").replace("X1\tE1\t\t", "X1\tE1\t1\t")
    row = read(BIOPLEX_TEXT, text)[4]
    assert (row["well"], row["value"], row["operator"], row["qc_flag"], row["reported"]) == (
        "E1", None, "none", "outlier", "33",
    )  # fmt: skip


def test_a_sampling_error_is_a_warning() -> None:
    lines = report_lines()
    lines[9][-1] = "Low bead #"
    row = read(BIOPLEX_TEXT, joined(lines, "\t"))[2]
    assert (row["value"], row["qc_flag"], row["qc_message"]) == (0.48, "warning", "Low bead #")


def test_the_unit_of_a_report_is_stated_or_declared() -> None:
    text = joined(report_lines(), "\t")
    with pytest.raises(FileError, match=r"declare concentration_units\.bioplex for site nice"):
        read(BIOPLEX_TEXT, text, Site(site_id="nice"))
    assert read(BIOPLEX_TEXT, text.replace("\tObs Conc", "\tObs Conc (ng/ml)"), Site())[0]["unit"] == "ng/mL"
    fluorescence = [(*row[:4], "", "", row[6]) for row in REPORT_ROWS if len(row[1]) == 2]
    assert read(BIOPLEX_TEXT, joined(report_lines(fluorescence), "\t"), Site())[0]["unit"] is None


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("5-Feb-2024, 06:00 AM", datetime(2024, 2, 5, 6, tzinfo=UTC)),
        ("21/02/2024, 18:00", datetime(2024, 2, 21, 18, tzinfo=UTC)),
        ("", None),
    ],
)
def test_acquisition_dates(date: str, expected: datetime | None) -> None:
    text = joined(report_lines(), "\t").replace("21-Jan-2024, 06:00 PM", date)
    assert {row["measured_time"] for row in read(BIOPLEX_TEXT, text)} == {expected}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("21-Jan-2024, 06:00 PM", "02/03/2024", "can be read two ways"),
        ("21-Jan-2024, 06:00 PM", "21-Foo-2024", "is not a date such as"),
        ("Well", "Place", "holds no table"),
    ],
)
def test_reports_that_are_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(FileError, match=message):
        read(BIOPLEX_TEXT, joined(report_lines(), "\t").replace(old, new))


def test_a_report_without_plate_and_file_name_is_refused() -> None:
    lines = [line for line in report_lines() if not line or not line[0].startswith(("Plate ID", "File Name"))]
    with pytest.raises(FileError, match="names no plate"):
        read(BIOPLEX_TEXT, joined(lines, "\t"))
    named = joined(report_lines(), "\t").replace("Plate ID: PLATE_5", "Plate ID: ")
    assert {row["plate_id"] for row in read(BIOPLEX_TEXT, named)} == {"run 5"}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (("N1", "A3", "", "30", "", "3", "1"), "Type is none of B, S, ES, C, X and U"),
        (("X8", "Q3", "", "30", "", "3", "1"), "Well is not written as A1"),
        (("X8", "A3", "", "30", "", "some", "1"), "the reported value is neither a number"),
        (("X8", "A3", "", "30", "", "3", "1:x"), "the dilution is not a number"),
    ],
)
def test_bad_rows_of_a_report_are_problems(row: tuple[str, ...], problem: str) -> None:
    rows = read(BIOPLEX_TEXT, joined(report_lines([*REPORT_ROWS, row]), "\t"))
    assert [r["problem"] for r in rows[:-1]] == [None] * 12
    assert problem in rows[-1]["problem"]
