"""Raw records of a cBioPortal study folder, and the markers that are taken from its sample file."""

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from ingestion.format import RawColumn, RawSchema

MISSING = (
    "NA",
    "N/A",
    "NaN",
    "null",
    "Unknown",
    "unknown",
    ".",
    "[Not Available]",
    "[Not Applicable]",
    "[Not Evaluated]",
    "[Unknown]",
    "[Discrepancy]",
    "[Pending]",
)
"""Cells that say 'no value' in cBioPortal files."""

ENDPOINTS = ("OS", "PFS", "DFS")
"""Endpoints that a patient file may give as <endpoint>_STATUS and <endpoint>_MONTHS."""


@dataclass(frozen=True)
class SampleMarker:
    """A column of a sample file that is a result of a single marker."""

    column: str
    marker: str
    kind: Literal["call", "number"]
    unit: str | None = None

    @property
    def raw_name(self) -> str:
        return self.column.lower()


SAMPLE_MARKERS = (
    SampleMarker("MGMT_PROMOTER_STATUS", "MGMT", "call"),
    SampleMarker("IDH_STATUS", "IDH", "call"),
    SampleMarker("IDH1_STATUS", "IDH1", "call"),
    SampleMarker("IDH_1P19Q_SUBTYPE", "1p/19q", "call"),
    SampleMarker("TERT_PROMOTER_STATUS", "TERT", "call"),
    SampleMarker("ATRX_STATUS", "ATRX", "call"),
    SampleMarker("BRAF_V600E_STATUS", "BRAF V600E", "call"),
    SampleMarker("GRADE", "GRADE", "call"),
    SampleMarker("TMB_NONSYNONYMOUS", "TMB", "number", "1/1000000{Base}"),
)

PROFILED_SAMPLE = RawSchema(
    "profiled_sample",
    (RawColumn("sample_id", role="identifier"), RawColumn("panel_id")),
)

GENE_PANEL_FILE = RawSchema(
    "gene_panel_file",
    (
        RawColumn("panel_id"),
        RawColumn("coding_base_pairs"),
        RawColumn("n_genes", pa.int32()),
    ),
)

CBIOPORTAL_PATIENT = RawSchema(
    "cbioportal_patient",
    (
        RawColumn("patient_id", role="identifier"),
        RawColumn("sex"),
        RawColumn("age"),
        *(
            column
            for endpoint in ENDPOINTS
            for column in (
                RawColumn(f"{endpoint.lower()}_is_event", pa.bool_()),
                RawColumn(f"{endpoint.lower()}_months"),
            )
        ),
    ),
)

CBIOPORTAL_SAMPLE = RawSchema(
    "cbioportal_sample",
    (
        RawColumn("sample_id", role="identifier"),
        RawColumn("patient_id", role="identifier"),
        RawColumn("timepoint"),
        *(RawColumn(marker.raw_name) for marker in SAMPLE_MARKERS),
    ),
)

CBIOPORTAL_EVENT = RawSchema(
    "cbioportal_event",
    (
        RawColumn("event"),
        RawColumn("patient_id", role="identifier"),
        RawColumn("start_days"),
        RawColumn("stop_days"),
        RawColumn("kind"),
        RawColumn("agent"),
        RawColumn("dose_gy", pa.float64()),
        RawColumn("sample_id", role="identifier"),
        RawColumn("specimen_type"),
        RawColumn("category"),
        RawColumn("marker"),
        RawColumn("result"),
        RawColumn("unit"),
    ),
)
