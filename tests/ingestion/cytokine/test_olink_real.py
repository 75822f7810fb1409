"""The real Olink files, cell by cell against the workbook as another reader has it."""

from collections import Counter
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq

from infra.settings import Site
from ingestion.format import Probe, RawFile
from ingestion.sources.cytokine.olink_explore import OLINK_EXPLORE
from ingestion.sources.cytokine.olink_wide import OLINK_WIDE


def test_the_target_96_workbook_is_read_whole(shared_data: Path) -> None:
    path = shared_data / "cytokine/olink/npx_data1.xlsx"
    assert OLINK_WIDE.recognise(Probe.at(path))
    (batch,) = OLINK_WIDE.read(RawFile.at(path), Site())
    rows = batch.to_pylist()

    sheet = list(openpyxl.load_workbook(path, read_only=True, data_only=True).worksheets[0].iter_rows(values_only=True))
    panels, names, uniprot, ids = sheet[2:6]
    samples = sheet[7:167] if sheet[6][0] is None else sheet[6:166]
    footer = {row[0]: row for row in sheet if row and row[0] in ("LOD", "Missing Data freq.")}
    n_assays = 184
    assert len(rows) == len(samples) * n_assays == 160 * 184
    assert (names[185], names[187]) == ("Plate ID", "QC Warning")
    for i, row in enumerate(rows):
        sample, j = samples[i // n_assays], 1 + i % n_assays
        at = 0 if panels[j] == "Olink CARDIOMETABOLIC" else 1
        assert (row["sample"], row["analyte_as_given"], row["assay_id"]) == (sample[0], names[j], ids[j])
        assert (row["value"], row["lloq"], row["plate_id"]) == (sample[j], footer["LOD"][j], sample[185 + at])
        flag = "below_lod" if sample[j] < footer["LOD"][j] else "pass"
        assert row["qc_flag"] == ("warning" if sample[187 + at] == "Warning" else flag)
        assert row["panel"] == panels[j]
        assert row["uniprot_id"] in (uniprot[j], "P30203", "P12034")

    assert {row["problem"] for row in rows} == {None}
    assert Counter(row["operator"] for row in rows) == {"=": 29_440}
    assert Counter(row["sample_type"] for row in rows) == {"unknown": 28_704, "control": 736}
    keys = {tuple(row[k] for k in ("plate_id", "sample", "replicate", "assay_id")) for row in rows}
    assert len(keys) == len(rows)
    inflammation = {row["analyte_as_given"]: row["analyte"] for row in rows if "INFLAMMATION" in row["panel"]}
    assert len(inflammation) == 92
    assert {name: inflammation[name] for name in ("IL8", "MCP-1", "PD-L1", "TNFB", "IFN-gamma", "Flt3L", "TRANCE")} == {
        "IL8": "CXCL8",
        "MCP-1": "CCL2",
        "PD-L1": "CD274",
        "TNFB": "LTA",
        "IFN-gamma": "IFNG",
        "Flt3L": "FLT3LG",
        "TRANCE": "TNFSF11",
    }


def test_the_explore_parquet_is_read_whole(shared_data: Path) -> None:
    path = shared_data / "cytokine/olink/npx_data_ext.parquet"
    assert OLINK_EXPLORE.recognise(Probe.at(path))
    given = pq.read_table(path).to_pylist()
    rows = [row for batch in OLINK_EXPLORE.read(RawFile.at(path), Site()) for row in batch.to_pylist()]
    assert len(rows) == len(given) == 1
    for row, of_file in zip(rows, given, strict=True):
        assert (row["sample"], row["well"], row["plate_id"], row["assay_id"], row["uniprot_id"], row["value"]) == tuple(
            of_file[name] for name in ("SampleID", "WellID", "PlateID", "OlinkID", "UniProt", "NPX")
        )
        assert (row["sample_type"], row["qc_flag"], row["operator"], row["lloq"]) == ("unknown", "pass", "=", None)
