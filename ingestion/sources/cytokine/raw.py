"""The raw record that all formats of the source yield: one analyte in one well, or one assay of one sample."""

import pyarrow as pa

from ingestion.format import RawColumn, RawSchema

TIMESTAMP = pa.timestamp("us", tz="UTC")

CYTOKINE = RawSchema(
    "cytokine",
    (
        RawColumn("plate_id", role="identifier"),
        RawColumn("sample", role="identifier"),
        RawColumn("well"),
        RawColumn("replicate", pa.int32()),
        RawColumn("sample_type"),
        RawColumn("analyte_as_given"),
        RawColumn("analyte"),
        RawColumn("uniprot_id"),
        RawColumn("assay_id"),
        RawColumn("panel"),
        RawColumn("platform"),
        RawColumn("reported"),
        RawColumn("value", pa.float64()),
        RawColumn("operator"),
        RawColumn("lloq", pa.float64()),
        RawColumn("uloq", pa.float64()),
        RawColumn("unit"),
        RawColumn("dilution_factor", pa.float64()),
        RawColumn("expected_value", pa.float64()),
        RawColumn("median_fluorescence", pa.float64()),
        RawColumn("net_fluorescence", pa.float64()),
        RawColumn("bead_count", pa.int32()),
        RawColumn("total_events", pa.int32()),
        RawColumn("qc_flag"),
        RawColumn("qc_message"),
        RawColumn("measured_time", TIMESTAMP),
        RawColumn("reported_time", TIMESTAMP),
    ),
)
