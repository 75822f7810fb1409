"""A file is known by its content alone: its name says nothing."""

from pathlib import Path

import pytest

from ingestion.format import Probe, recognise
from ingestion.sources.cytokine import SOURCE
from tests.ingestion.cytokine.exports import Export, bare, padded, quoted, semicolons
from tests.ingestion.cytokine.plates import (
    SIGNATURE,
    bioplex_sample,
    bioplex_well,
    bioplex_xml,
    intelliflex_lines,
    joined,
    methodical,
    report_lines,
    wide_report_lines,
    workbench_lines,
)
from tests.ingestion.cytokine.workbooks import LONG, WIDE, explore_table, parquet, sheets_of, workbook

LINES = Export().lines()
KNOWN = [
    ("luminex_xponent", quoted(LINES).encode()),
    ("luminex_xponent", bare(LINES).encode()),
    ("luminex_xponent", padded(LINES).encode("utf-8-sig")),
    ("luminex_xponent", semicolons(LINES).encode("utf-16")),
    ("luminex_intelliflex", (joined(intelliflex_lines()) + SIGNATURE).encode()),
    ("luminex_intelliflex", joined(intelliflex_lines(), ";").encode("utf-16")),
    ("msd_workbench_csv", joined(workbench_lines()).encode()),
    ("msd_workbench_csv", joined(workbench_lines(without=("Detection Range",)), ";").encode("utf-8-sig")),
    ("msd_workbench_xlsx", sheets_of({"MSD Data": [["Stack ID :", "0.1"]], "Workbench data": workbench_lines()})),
    ("msd_methodical_mind", methodical(spots=10).encode()),
    ("msd_methodical_mind", ("Digital_Signature:etkeg\r\n" + methodical()).encode("utf-16")),
    ("bioplex_xml", bioplex_xml(bioplex_sample("Unknown", "X1", bioplex_well(3, 3))).encode("utf-8-sig")),
    ("bioplex_text", joined(report_lines(), "\t").encode()),
    ("bioplex_text", joined(wide_report_lines(), ";").encode("utf-16")),
    ("bioplex_xlsx", sheets_of({"IL-6 (19)": report_lines(), "TNF (45)": report_lines(analyte="TNF (45)")})),
    ("bioplex_xlsx", sheets_of({"Test": wide_report_lines()})),
    ("olink_wide", workbook(WIDE)),
    ("olink_long", LONG.encode()),
    ("olink_long", LONG.replace(";", ",").encode("utf-8-sig")),
    ("olink_explore", parquet(explore_table())),
]
UNKNOWN = [
    b"",
    b"\n\n",
    b"Program\n",
    b"a,b\n1,2\n",
    b"SampleID;Subject;Time\nA1;ID1;Baseline\n",
    b"\x00\x01\x02Program,xPONENT\n",
    workbook([["a", "b"], [1, 2]]),
    workbook(WIDE)[:500],
    parquet(explore_table().drop_columns(["NPX"])),
    parquet(explore_table())[:200],
    b"Plate_1\nSample,Assay,Well\n",
    b"INSTRUMENT TYPE,PLATE NAME,WELL LOCATION,SAMPLE ID\nINTELLIFLEX,P,A1,S\n",
    b"==========Data==========\n\t1\t2\nA\t3\t4\n",
    b"<html><body>BioPlexManager</body></html>",
    b"Type,Well,Description\nX1,A1,S\n",
    b"PK\x03\x04 but no archive",
    b"PAR1 but no parquet",
]


@pytest.mark.parametrize("name", ["export.csv", "export.xlsx", "export", "export.parquet"])
@pytest.mark.parametrize(("format_", "content"), KNOWN)
def test_the_content_tells_the_format(name: str, format_: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for probe in (Probe.at(path), Probe.of(name, content)):
        found = recognise(SOURCE.formats, probe)
        assert found is not None
        assert found.name == format_


@pytest.mark.parametrize("content", UNKNOWN)
def test_what_is_something_else_is_not_recognised(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "plate.csv"
    path.write_bytes(content)
    assert recognise(SOURCE.formats, Probe.at(path)) is None
    assert recognise(SOURCE.formats, Probe.of("plate.csv", content)) is None


def test_files_of_other_instruments_are_not_recognised(shared_data: Path) -> None:
    found = {
        path.relative_to(shared_data).as_posix(): format_.name
        for path in sorted(shared_data.rglob("*"))
        if path.is_file() and (format_ := recognise(SOURCE.formats, Probe.at(path)))
    }
    assert found == {
        "cytokine/luminex_xponent/luminex_xPONENT_NaN_and_not_reported_values.csv": "luminex_xponent",
        "cytokine/luminex_xponent/luminex_xPONENT_example02.csv": "luminex_xponent",
        "cytokine/msd/methodical_test_1.txt": "msd_methodical_mind",
        "cytokine/msd/msd_workbench_test_1.csv": "msd_workbench_csv",
        "cytokine/msd/msd_workbench_test_2.csv": "msd_workbench_csv",
        "cytokine/msd/test_msd_workbench_xlsx.xlsx": "msd_workbench_xlsx",
        "cytokine/olink/npx_data1.xlsx": "olink_wide",
        "cytokine/olink/npx_data_ext.parquet": "olink_explore",
    }
