"""Raw records of cytokine files to rows of `cytokine_result`."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from infra.settings import Site
from ingestion.conforming import carry

_AS_THEY_ARE = (
    "plate_id",
    "well",
    "replicate",
    "sample_type",
    "analyte",
    "analyte_as_given",
    "uniprot_id",
    "assay_id",
    "panel",
    "value",
    "operator",
    "reported",
    "lloq",
    "uloq",
    "unit",
    "platform",
    "dilution_factor",
    "median_fluorescence",
    "net_fluorescence",
    "ecl_signal",
    "ecl_signal_adjusted",
    "bead_count",
    "total_events",
    "expected_value",
    "qc_flag",
    "qc_message",
    "measured_time",
)


def cytokine_result(raw: DataFrame, site: Site) -> dict[str, DataFrame]:
    """One row of `cytokine_result` for each raw record.

    When the sample was drawn is for `specimen` to say, so event_time is null. A plate's results are known when they
    are reported, or else when the plate was read; the declared delay counts from collection and serves only rows
    whose file has neither date (Olink).
    """
    frame = raw.select(
        *carry(raw),
        F.col("sample").alias("sample_id"),
        *(F.col(name) for name in _AS_THEY_ARE),
        F.lit(site.delay_days("cytokine")).alias("reporting_delay_days"),
        F.lit(None).cast("timestamp").alias("event_time"),
        F.coalesce("reported_time", "measured_time").alias("known_time"),
    )
    return {"cytokine_result": frame}
