"""Raw records: of nanoparticle tracking one a video and one for the instrument's average; of cargo one a row."""

import pyarrow as pa

from ingestion.format import RawColumn, RawSchema

NTA_VIDEO = RawSchema(
    "nta_video",
    (
        RawColumn("sample_id", role="identifier"),
        RawColumn("measurement_id", role="identifier"),
        RawColumn("video", role="identifier"),  # null for the instrument's average
        RawColumn("is_instrument_average", pa.bool_()),
        RawColumn("measured_time", pa.timestamp("us", tz="UTC")),
        RawColumn("validity"),
        RawColumn("dilution_factor"),
        RawColumn("is_dilution_applied", pa.bool_()),
        RawColumn("method"),
        # As the file writes them; null where it says that there is none (blank, "No Data", "Not recorded").
        RawColumn("concentration_per_ml"),
        RawColumn("mean_nm"),
        RawColumn("mode_nm"),
        RawColumn("sd_nm"),
        RawColumn("d10_nm"),
        RawColumn("d50_nm"),
        RawColumn("d90_nm"),
        RawColumn("valid_tracks"),
        RawColumn("bin_centre_nm", pa.list_(pa.float64())),
        RawColumn("bin_concentration_per_ml", pa.list_(pa.float64())),
    ),
)

EXOSOME_CARGO = RawSchema(
    "exosome_cargo_row",
    (
        RawColumn("sample_id", role="identifier"),
        RawColumn("plate_id", role="identifier"),
        RawColumn("marker"),
        RawColumn("replicate"),
        RawColumn("method"),
        RawColumn("unit"),
        RawColumn("reported"),  # null where the cell is no reading: then it may hold anything
        RawColumn("value", pa.float64()),
        RawColumn("operator"),
        RawColumn("lloq", pa.float64()),
        RawColumn("uloq", pa.float64()),
        RawColumn("qc_flag"),
        RawColumn("measured_time", pa.timestamp("us", tz="UTC")),
        # Since when it is known, before the site's delay: a bare day's end.
        RawColumn("measured_known_time", pa.timestamp("us", tz="UTC")),
        RawColumn("reported_known_time", pa.timestamp("us", tz="UTC")),
    ),
)
