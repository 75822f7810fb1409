"""Writes small Olink files in the form of the real ones, for tests to vary."""

import re
from collections.abc import Mapping, Sequence
from io import BytesIO

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

WIDE: list[list[object]] = [
    ["Project", "NPX Manager"],
    ["NPX Data"],
    [
        "Panel",
        "Olink INFLAMMATION",
        "Olink INFLAMMATION",
        "Olink IMMUNO-ONCOLOGY",
        "Olink INFLAMMATION",
        "Olink IMMUNO-ONCOLOGY",
        "Olink INFLAMMATION",
        "Olink IMMUNO-ONCOLOGY",
    ],
    ["Assay", "IL8", "IL6", "IL6", "Plate ID", "Plate ID", "QC Warning", "QC Warning"],
    ["Uniprot ID", "P10145", "P05231", "P05231"],
    ["OlinkID", "OID00471", "OID00482", "OID00999"],
    [],
    ["P1-W0", 6.25, -0.5, 3.5, "Plate_1", "Plate_1", "Pass", "Warning"],
    ["P1-W6", "NaN", 1.25, None, "Plate_1", "Plate_1", "Pass", "Pass"],
    ["CONTROL_SAMPLE_AS 1", 5.5, 2.5, 2.75, "Plate_1", "Plate_1", "Pass", "Pass"],
    ["CONTROL_SAMPLE_AS 1", 5.75, 2.25, 3, "Plate_1", "Plate_1", "Pass", "Pass"],
    ["Neg", 0.25, 0.125, 0.5, "Plate_2", "Plate_2", "Pass", "Pass"],
    [],
    ["LOD", 1.0, 0.5, 0.75],
    ["Missing Data freq.", 0.1, 0.0, 0.2],
]


def workbook(rows: list[list[object]]) -> bytes:
    return sheets_of({"Sheet": rows})


def sheets_of(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    """A workbook of sheets by name. Texts that are numbers become numbers, as the instruments' software writes them."""
    book = openpyxl.Workbook()
    for i, (name, rows) in enumerate(sheets.items()):
        sheet = book.active if i == 0 else book.create_sheet()
        assert sheet is not None
        sheet.title = name
        for row in rows:
            sheet.append([_number(cell) for cell in row])
    stream = BytesIO()
    book.save(stream)
    return stream.getvalue()


def _number(cell: object) -> object:
    return float(cell) if isinstance(cell, str) and re.fullmatch(r"-?\d+(\.\d+)?", cell) else cell


LONG = """SampleID;Index;OlinkID;UniProt;Assay;MissingFreq;Panel;Panel_Version;PlateID;QC_Warning;LOD;NPX
P1-W0;1;OID00471;P10145;IL8;0.01;Olink INFLAMMATION;v.3;Plate_1;Pass;1.0;6.25
P1-W0;1;OID00482;P05231;IL6;0.01;Olink INFLAMMATION;v.3;Plate_1;Warning;0.5;-0.5
P1-W6;2;OID00471;P10145;IL8;0.01;Olink INFLAMMATION;v.3;Plate_1;Pass;1.0;0.25
P1-W6;2;OID00482;P05231;IL6;0.01;Olink INFLAMMATION;v.3;Plate_1;Pass;0.5;NA
IPC;3;OID00471;P10145;IL8;0.01;Olink INFLAMMATION;v.3;Plate_1;Pass;1.0;5.5
IPC;4;OID00471;P10145;IL8;0.01;Olink INFLAMMATION;v.3;Plate_1;Pass;1.0;5.625
IPC;4;OID00471;P10145;IL8;0.01;Olink INFLAMMATION;v.3;Plate_1;Pass;1.0;5.625
"""


def explore_table(n: int = 4) -> pa.Table:
    """n rows: samples of a plate, a warning, a negative control, an assay control; repeated."""
    rows = [
        ("S1", "SAMPLE", "A1", "PASS", "NA", "assay", "OID20101", "P10145", "CXCL8", 1.5),
        ("S2", "SAMPLE", "B01", "WARN", "PASS", "assay", "OID20101", "P10145", "CXCL8", float("nan")),
        ("NC", "NEGATIVE_CONTROL", "C1", "PASS", "PASS", "assay", "OID20101", "P10145", "CXCL8", -1.25),
        ("S1", "SAMPLE", "A1", "PASS", "WARN", "inc_ctrl", "OID20102", None, "Incubation control 1", 0.25),
    ]
    columns = list(zip(*(rows[i % 4] for i in range(n)), strict=True)) if n else [[] for _ in range(10)]
    names = ("SampleID", "SampleType", "WellID", "SampleQC", "AssayQC", "AssayType", "OlinkID", "UniProt", "Assay")
    arrays = {name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=False)}
    return pa.table(
        arrays
        | {
            "NPX": pa.array(columns[9], pa.float64()),
            "PlateID": pa.array(["Plate_1"] * n, pa.string()),
            "Panel": pa.array(["Explore_HT"] * n, pa.string()),
        }
    )


def parquet(table: pa.Table) -> bytes:
    stream = BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()
