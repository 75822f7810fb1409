"""The raw record that all formats of the source yield: one analyte in one well, or one assay of one sample."""

from collections.abc import Mapping, Sequence

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
        RawColumn("ecl_signal", pa.float64()),
        RawColumn("ecl_signal_adjusted", pa.float64()),
        RawColumn("bead_count", pa.int32()),
        RawColumn("total_events", pa.int32()),
        RawColumn("qc_flag"),
        RawColumn("qc_message"),
        RawColumn("measured_time", TIMESTAMP),
        RawColumn("reported_time", TIMESTAMP),
    ),
)


def record_batch(records: Sequence[Mapping[str, object]]) -> pa.RecordBatch:
    """Records of one file, numbered from 0 in their order; columns that a record does not name are null in it."""
    columns = {name: [record.get(name) for record in records] for name in CYTOKINE.arrow.names if name != "file_row"}
    return CYTOKINE.batch(file_row=pa.array(range(len(records)), pa.int64()), **columns)
