"""Raw records of nanoparticle tracking: one a video, and one for the average that the instrument wrote."""

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
