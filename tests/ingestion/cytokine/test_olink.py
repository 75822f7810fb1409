"""Olink files that are written here: wide workbook, long table, Explore parquet."""

import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Format, Probe, RawFile
from ingestion.sources.cytokine.olink import qc_state, replicate_numbers
from ingestion.sources.cytokine.olink_explore import BATCH_ROWS, OLINK_EXPLORE
from ingestion.sources.cytokine.olink_long import OLINK_LONG
from ingestion.sources.cytokine.olink_wide import OLINK_WIDE
from tests.ingestion.cytokine.workbooks import LONG, WIDE, explore_table, parquet, workbook

Rows = list[dict[str, object]]


def read(format_: Format, content: bytes) -> Rows:
    return [row for batch in format_.read(RawFile("any", content), Site()) for row in batch.to_pylist()]


def select(rows: Rows, *names: str) -> list[tuple[object, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_a_wide_workbook_with_two_panels() -> None:
    rows = read(OLINK_WIDE, workbook(WIDE))
    columns = "sample sample_type analyte assay_id plate_id replicate value operator lloq qc_flag"
    assert select(rows, *columns.split()) == [
        ("P1-W0", "unknown", "CXCL8", "OID00471", "Plate_1", 1, 6.25, "=", 1.0, "pass"),
        ("P1-W0", "unknown", "IL6", "OID00482", "Plate_1", 1, -0.5, "=", 0.5, "below_lod"),
        ("P1-W0", "unknown", "IL6", "OID00999", "Plate_1", 1, 3.5, "=", 0.75, "warning"),
        ("P1-W6", "unknown", "CXCL8", "OID00471", "Plate_1", 1, None, "none", 1.0, "not_reported"),
        ("P1-W6", "unknown", "IL6", "OID00482", "Plate_1", 1, 1.25, "=", 0.5, "pass"),
        ("P1-W6", "unknown", "IL6", "OID00999", "Plate_1", 1, None, "none", 0.75, "not_reported"),
        ("CONTROL_SAMPLE_AS 1", "control", "CXCL8", "OID00471", "Plate_1", 1, 5.5, "=", 1.0, "pass"),
        ("CONTROL_SAMPLE_AS 1", "control", "IL6", "OID00482", "Plate_1", 1, 2.5, "=", 0.5, "pass"),
        ("CONTROL_SAMPLE_AS 1", "control", "IL6", "OID00999", "Plate_1", 1, 2.75, "=", 0.75, "pass"),
        ("CONTROL_SAMPLE_AS 1", "control", "CXCL8", "OID00471", "Plate_1", 2, 5.75, "=", 1.0, "pass"),
        ("CONTROL_SAMPLE_AS 1", "control", "IL6", "OID00482", "Plate_1", 2, 2.25, "=", 0.5, "pass"),
        ("CONTROL_SAMPLE_AS 1", "control", "IL6", "OID00999", "Plate_1", 2, 3.0, "=", 0.75, "pass"),
        ("Neg", "blank", "CXCL8", "OID00471", "Plate_2", 1, 0.25, "=", 1.0, "below_lod"),
        ("Neg", "blank", "IL6", "OID00482", "Plate_2", 1, 0.125, "=", 0.5, "below_lod"),
        ("Neg", "blank", "IL6", "OID00999", "Plate_2", 1, 0.5, "=", 0.75, "below_lod"),
    ]
    assert {(row["problem"], row["unit"], row["platform"], row["well"]) for row in rows} == {
        (None, "{NPX}", "olink_target", None)
    }
    keys = [tuple(row[k] for k in ("plate_id", "sample", "replicate", "analyte", "assay_id")) for row in rows]
    assert len(set(keys)) == len(rows)


def test_a_panel_without_its_name_over_the_plate_column_takes_the_column_in_its_place() -> None:
    rows = [list(row) for row in WIDE]
    rows[2] = rows[2][:4]
    for line in rows[7:12]:
        line[5] = "Plate_9"
    assert set(select(read(OLINK_WIDE, workbook(rows)), "panel", "plate_id")) == {
        ("Olink INFLAMMATION", "Plate_1"),
        ("Olink INFLAMMATION", "Plate_2"),
        ("Olink IMMUNO-ONCOLOGY", "Plate_9"),
    }


def test_an_lod_may_be_given_for_each_plate() -> None:
    lods: list[list[object]] = [
        ["Plate LOD", 1.0, 0.5, 0.75, "Plate_1", "Plate_1"],
        ["Plate LOD", 2.0, 1.5, 1.75, "Plate_2", "Plate_2"],
    ]
    rows = [*WIDE[:13], *lods]
    found = set(select(read(OLINK_WIDE, workbook(rows)), "plate_id", "assay_id", "lloq"))
    assert found == {
        ("Plate_1", "OID00471", 1.0),
        ("Plate_1", "OID00482", 0.5),
        ("Plate_1", "OID00999", 0.75),
        ("Plate_2", "OID00471", 2.0),
        ("Plate_2", "OID00482", 1.5),
        ("Plate_2", "OID00999", 1.75),
    }


def test_sample_names_that_are_numbers_and_cells_that_are_no_number() -> None:
    rows = [*WIDE[:7], [101, "high", 1.5, 2.5, "Plate_1", "Plate_1", "Pass", "Pass"], [None, *WIDE[7][1:]]]
    read_rows = read(OLINK_WIDE, workbook(rows))
    assert read_rows[0]["sample"] == "101"
    assert [bool(row["problem"]) for row in read_rows] == [True, False, False, True, True, True]
    assert read_rows[3]["problem"] == "the row names no sample"


def replaced(row: int, cells: list[object]) -> list[list[object]]:
    return [*WIDE[:row], cells, *WIDE[row + 1 :]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["a", "b"], [1, 2]], "holds no Olink sheet"),
        (replaced(1, ["Quantified data"]), "expected NPX data"),
        (replaced(5, ["OlinkID"]), "names no assay"),
        (replaced(3, ["Assay", "IL8", "IL6", "IL6"]), "no column 'Plate ID'"),
    ],
)
def test_workbooks_that_are_something_else_are_refused(rows: list[list[object]], message: str) -> None:
    with pytest.raises(FileError, match=message):
        read(OLINK_WIDE, workbook(rows))


def test_a_damaged_workbook_is_refused_or_read_never_anything_else() -> None:
    whole = workbook(WIDE)
    with pytest.raises(FileError, match="cannot be opened"):
        read(OLINK_WIDE, whole[:-200])
    seeded = random.Random(7)
    for _ in range(100):
        content = bytearray(whole)
        for _ in range(5):
            content[seeded.randrange(len(content))] = seeded.randrange(256)
        try:
            read(OLINK_WIDE, bytes(content))
        except FileError as refusal:
            assert "P1-W" not in str(refusal)


def test_a_long_table() -> None:
    rows = read(OLINK_LONG, LONG.encode())
    columns = "file_row sample sample_type analyte replicate reported value operator lloq qc_flag"
    assert select(rows, *columns.split()) == [
        (0, "P1-W0", "unknown", "CXCL8", 1, "6.25", 6.25, "=", 1.0, "pass"),
        (1, "P1-W0", "unknown", "IL6", 1, "-0.5", -0.5, "=", 0.5, "warning"),
        (2, "P1-W6", "unknown", "CXCL8", 1, "0.25", 0.25, "=", 1.0, "below_lod"),
        (3, "P1-W6", "unknown", "IL6", 1, None, None, "none", 0.5, "not_reported"),
        (4, "IPC", "control", "CXCL8", 1, "5.5", 5.5, "=", 1.0, "pass"),
        (5, "IPC", "control", "CXCL8", 2, "5.625", 5.625, "=", 1.0, "pass"),
        (6, "IPC", "control", "CXCL8", 2, "5.625", 5.625, "=", 1.0, "pass"),  # the same line twice: no third replicate
    ]
    assert {(row["platform"], row["plate_id"], row["unit"], row["problem"]) for row in rows} == {
        ("olink_target", "Plate_1", "{NPX}", None)
    }


def without_text(rows: Rows) -> Rows:
    return [row | {"reported": None} for row in rows]


@pytest.mark.parametrize(
    "text",
    [
        LONG.replace(".", ",").replace("v,3", "v.3"),
        LONG.replace(";", "\t"),
        LONG.replace(";", ","),
        LONG.replace("\n", "\r\n"),
        LONG.replace("\n", "\n;;;;;;;;;;;\n"),
        "\ufeff" + "\n".join(";".join(f'"{cell}"' for cell in line.split(";")) for line in LONG.splitlines()),
    ],
    ids=["decimal comma", "tabs", "commas", "CRLF", "blank lines", "quoted, BOM"],
)
def test_separators_decimals_and_line_ends_do_not_matter(text: str) -> None:
    assert without_text(read(OLINK_LONG, text.encode())) == without_text(read(OLINK_LONG, LONG.encode()))


def test_a_line_with_too_few_or_too_many_cells_is_the_problem_of_one_record() -> None:
    lines = LONG.splitlines()
    lines[2] += ";surplus"
    lines[3] = "P1-W6;2;OID00471"
    rows = read(OLINK_LONG, "\n".join(lines).encode())
    assert [row["file_row"] for row in rows if row["problem"]] == [1, 2]
    assert [row["value"] for row in rows] == [6.25, -0.5, None, None, 5.5, 5.625, 5.625]


def test_explore_long_tables_are_known_by_their_columns_and_wells() -> None:
    text = LONG.replace("QC_Warning", "QC_Warning;WellID;Assay_Warning").replace("Pass;", "PASS;B02;WARN;")
    rows = read(OLINK_LONG, text.replace("Warning;0.5", "WARN;B02;PASS;0.5").encode())
    assert {(row["platform"], row["well"], row["qc_flag"]) for row in rows} >= {("olink_explore", "B2", "warning")}
    assert {row["replicate"] for row in rows} == {1}


@pytest.mark.parametrize(
    ("header", "message"),
    [("SampleID;OlinkID;Assay;NPX", "lacks 1 columns"), ("SampleID;OlinkID;Assay;PlateID;NPX;npx", "a column twice")],
)
def test_long_tables_without_their_columns_are_refused(header: str, message: str) -> None:
    with pytest.raises(FileError, match=message):
        read(OLINK_LONG, f"{header}\n".encode() + b"1;2;3;4;5;6\n")


@settings(max_examples=200)
@given(st.data())
def test_flipped_bytes_give_records_or_a_refusal(data: st.DataObject) -> None:
    content = bytearray(LONG.encode())
    for _ in range(data.draw(st.integers(1, 10))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        rows = read(OLINK_LONG, bytes(content))
    except FileError as refusal:
        assert "P1-W" not in str(refusal)
    else:
        assert [row["file_row"] for row in rows] == list(range(len(rows)))


def test_an_explore_file() -> None:
    rows = read(OLINK_EXPLORE, parquet(explore_table()))
    columns = ("sample", "sample_type", "well", "analyte", "uniprot_id", "value", "operator", "lloq", "qc_flag")
    assert select(rows, *columns) == [
        ("S1", "unknown", "A1", "CXCL8", "P10145", 1.5, "=", None, "pass"),
        ("S2", "unknown", "B1", "CXCL8", "P10145", None, "none", None, "not_reported"),
        ("NC", "blank", "C1", "CXCL8", "P10145", -1.25, "=", None, "pass"),
        ("S1", "control", "A1", "Incubation control 1", None, 0.25, "=", None, "warning"),
    ]
    assert {(row["platform"], row["problem"], row["replicate"]) for row in rows} == {("olink_explore", None, 1)}


def test_large_explore_files_come_in_batches_that_count_on() -> None:
    n = 2 * BATCH_ROWS + 3
    batches = list(OLINK_EXPLORE.read(RawFile("any", parquet(explore_table(n))), Site()))
    assert [batch.num_rows for batch in batches] == [BATCH_ROWS, BATCH_ROWS, 3]
    assert pa.concat_arrays([batch["file_row"] for batch in batches]).to_pylist() == list(range(n))
    assert batches[2]["value"].to_pylist() == [1.5, None, -1.25]


def test_an_explore_file_with_a_column_twice_is_refused() -> None:
    table = explore_table()
    with pytest.raises(FileError, match="names a column twice"):
        read(OLINK_EXPLORE, parquet(table.append_column("OlinkID", table["OlinkID"])))


def test_an_explore_file_whose_schema_is_no_text_is_not_known() -> None:
    content = parquet(explore_table())
    at = content.index(b"SampleID")
    assert not OLINK_EXPLORE.recognise(Probe.of("a.parquet", content[:at] + b"\xff" + content[at + 1 :]))


def test_an_explore_file_without_rows_has_no_records() -> None:
    assert read(OLINK_EXPLORE, parquet(explore_table(0))) == []


def test_a_damaged_explore_file_is_refused_or_read_never_anything_else() -> None:
    whole = parquet(explore_table(50))
    with pytest.raises(FileError, match="damaged"):
        read(OLINK_EXPLORE, whole[:-30])
    with pytest.raises(FileError, match="lacks 1 columns"):
        read(OLINK_EXPLORE, parquet(explore_table().drop_columns(["PlateID"])))


@pytest.mark.parametrize(
    ("texts", "state"),
    [
        (["Pass", "PASS", "pass "], "pass"),
        (["Warning", "WARN", "Manual Warning"], "warning"),
        (["FAIL", "EXCLUDED"], "fail"),
        (["", "NA", None], None),
    ],
)
def test_qc_words_of_all_versions_mean_three_states(texts: list[str | None], state: str | None) -> None:
    assert {qc_state(text) for text in texts} == {state}


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([1.0, 2.0, 3.0, None]))))
def test_replicates_count_the_distinct_values_of_a_key(rows: list[tuple[str, float | None]]) -> None:
    keys, values = [k for k, _ in rows], [v for _, v in rows]
    numbers = replicate_numbers([pa.array(keys, pa.string())], pa.array(values, pa.float64())).to_pylist()
    seen: dict[str, list[float | None]] = {"a": [], "b": []}
    expected = []
    for key, value in rows:
        if value not in seen[key]:
            seen[key].append(value)
        expected.append(seen[key].index(value) + 1)
    assert numbers == expected
