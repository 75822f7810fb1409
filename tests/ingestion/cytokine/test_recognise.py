"""A file is known by its content alone: its name says nothing."""

from pathlib import Path

import pytest

from ingestion.format import Probe, recognise
from ingestion.sources.cytokine import SOURCE
from tests.ingestion.cytokine.exports import Export, bare, padded, quoted, semicolons
from tests.ingestion.cytokine.workbooks import LONG, WIDE, explore_table, parquet, workbook

LINES = Export().lines()
KNOWN = [
    ("luminex_xponent", quoted(LINES).encode()),
    ("luminex_xponent", bare(LINES).encode()),
    ("luminex_xponent", padded(LINES).encode("utf-8-sig")),
    ("luminex_xponent", semicolons(LINES).encode("utf-16")),
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
