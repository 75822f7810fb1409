"""Olink Target 96 as a wide sheet: a column an assay, a row a sample, limits of detection in the footer.

NPX is log2 and relative to the project: each hospital's sheet has its own offset, and without bridge samples the
sheets do not compare. Workbooks are made the same byte for byte at any time of day.
"""

import io
import re
import zipfile
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from oncolake.demo.cytokine_files import ANALYTES, FloatArray, true_log2
from oncolake.demo.hospitals import HOSPITALS, Hospital
from oncolake.demo.study import Patient, rng_of

PANEL = "Olink INFLAMMATION"
TIMEPOINTS = ("baseline", "week 4")
PLATE_SIZE = 88
ASSAYS = {
    # assay: (UniProt accession, OlinkID, the analyte of the plates that it measures too)
    "IL8": ("P10145", "OID00471", "IL8"),
    "VEGFA": ("P15692", "OID00472", "VEGF"),
    "IL6": ("P05231", "OID00482", "IL6"),
    "MCP-1": ("P13500", "OID00484", "MCP1"),
    "CXCL11": ("O14625", "OID00486", None),
    "CXCL9": ("Q07325", "OID00490", None),
    "OSM": ("P13725", "OID00494", None),
    "CXCL1": ("P09341", "OID00496", None),
    "CCL4": ("P13236", "OID00498", None),
    "SCF": ("P21583", "OID00500", None),
    "IL18": ("Q14116", "OID00501", None),
    "CCL11": ("P51671", "OID00505", None),
    "FGF-21": ("Q9NSA1", "OID00512", None),
    "PD-L1": ("Q9NZQ7", "OID00518", "PD-L1"),
    "HGF": ("P14210", "OID00522", None),
    "IL-12B": ("P29460", "OID00523", None),
    "IL10": ("P22301", "OID00528", "IL10"),
    "TNF": ("P01375", "OID00529", "TNFa"),
    "CXCL10": ("P02778", "OID00535", None),
    "CD40": ("P25942", "OID00541", None),
    "IFN-gamma": ("P01579", "OID00543", "IFNg"),
    "MCP-2": ("P80075", "OID00548", None),
    "CSF-1": ("P09603", "OID00561", None),
    "CD8A": ("P01732", "OID05124", None),
}
_WRITTEN = datetime(2025, 7, 1, 12, 0, 0)


def npx_sheet(patients: Sequence[Patient], hospital: Hospital, seed: int) -> list[list[object]]:
    """The rows of a hospital's sheet, header and footer included; empty where it has no samples."""
    rng = rng_of(seed, "olink", HOSPITALS.index(hospital))
    offset = rng.normal(0, 0.6, len(ASSAYS))
    lod = np.round(rng.uniform(0.2, 1.4, len(ASSAYS)), 5)
    rows = [
        [visit.sample_id, *_npx(patient, visit.timepoint, offset, rng, seed)]
        for patient in patients
        for visit in patient.visits
        if patient.hospital is hospital and visit.has_cytokines and visit.timepoint in TIMEPOINTS
    ]
    if not rows:
        return []
    values = np.array([row[1:] for row in rows], dtype=float)
    missing = np.round((values < lod).mean(axis=0), 5)
    samples = [
        [*row, f"{hospital.site_id}_INF_plate{i // PLATE_SIZE + 1}", "Warning" if rng.random() < 0.03 else "Pass"]
        for i, row in enumerate(rows)
    ]
    return [
        [f"{hospital.site_id}_inflammation", "NPX Manager 4.0"],
        ["NPX Data", ""],
        ["Panel", *[PANEL] * (len(ASSAYS) + 2)],
        ["Assay", *ASSAYS, "Plate ID", "QC Warning"],
        ["Uniprot ID", *(uniprot for uniprot, _, _ in ASSAYS.values())],
        ["OlinkID", *(olink for _, olink, _ in ASSAYS.values())],
        [],
        *samples,
        [],
        ["LOD", *lod.tolist()],
        ["Missing Data freq.", *missing.tolist()],
    ]


def _npx(patient: Patient, timepoint: str, offset: FloatArray, rng: np.random.Generator, seed: int) -> list[float]:
    shared = dict(zip(ANALYTES, true_log2(patient, timepoint, seed).tolist(), strict=True))
    values = []
    for i, (_, _, twin) in enumerate(ASSAYS.values()):
        level = shared[twin] if twin else 4.5 + 0.1 * i + 0.8 * rng.standard_normal()
        values.append(round(float(level + offset[i] + 0.15 * rng.standard_normal()), 5))
    return values


def npx_xlsx(sheet: list[list[object]]) -> bytes:
    """The sheet as a workbook."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    page = book.create_sheet("NPX Wide")
    for row in sheet:
        page.append(row)
    book.properties.created = _WRITTEN
    book.properties.creator = "NPX Manager"
    buffer = io.BytesIO()
    book.save(buffer)
    return _timeless(buffer.getvalue())


def _timeless(workbook: bytes) -> bytes:
    """The same workbook without the time at which it was saved (in its properties and in the zip's entries)."""
    stamp = _WRITTEN.strftime("%Y-%m-%dT%H:%M:%SZ")
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + stamp.encode(), content)
            entry = zipfile.ZipInfo(name, date_time=(2025, 7, 1, 12, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            target.writestr(entry, content)
    return out.getvalue()
