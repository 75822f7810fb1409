"""Raw records to rows of `cytokine_result`, on Spark: columns, times, and what the gate makes of them."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from infra.settings import Site
from infra.tables import TABLES
from ingestion.format import CARRY, Format, RawFile
from ingestion.sources.cytokine import SOURCE
from ingestion.sources.cytokine.methodical_mind import METHODICAL_MIND
from ingestion.sources.cytokine.msd_workbench import MSD_CSV
from ingestion.sources.cytokine.olink_long import OLINK_LONG
from ingestion.sources.cytokine.xponent import XPONENT
from tests.ingestion.cytokine.exports import Export, quoted
from tests.ingestion.cytokine.plates import joined, methodical, workbench_lines
from tests.ingestion.cytokine.workbooks import LONG

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.slow

SITE = Site(
    site_id="nice",
    time_zone="Europe/Paris",
    reporting_delay_days={"cytokine": 10.0},
    concentration_units={"msd": "pg/mL"},
)


def cytokine_result(spark: "SparkSession", format_: Format, text: str) -> "DataFrame":
    from pyspark.sql import functions as F

    raw = pa.Table.from_batches(format_.read(RawFile("any", text.encode()), SITE))
    frame = spark.createDataFrame(raw).select(
        F.lit("f").alias("file_id"), "file_row", F.lit("nice").alias("site_id"), F.lit("x").alias("format"), "problem",
        F.struct("problem").alias("record"), *(c.name for c in format_.raw.columns),
    )  # fmt: skip
    [(table, rows)] = SOURCE.conform[format_.raw.name](frame, SITE).items()
    declared = {c.name: c.type for c in TABLES[table].conformed_columns}
    assert set(rows.columns) == set(declared) | set(CARRY)
    types = dict(rows.dtypes)
    assert {name: types[name] for name in declared} == declared
    return rows


def rows_of(frame: "DataFrame", *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in frame.orderBy("file_row").select(*columns).collect()]


def test_a_plate_is_known_when_it_was_read(spark: "SparkSession") -> None:
    rows = cytokine_result(spark, XPONENT, quoted(Export().lines()))
    columns = ("sample_id", "analyte", "value", "operator", "lloq", "unit", "event_time", "reporting_delay_days")
    assert rows_of(rows, *columns)[8:11] == [
        ("S-001", "IL6", 33.25, "=", 3.2, "pg/mL", None, 10.0),
        ("S-001", "TNF", 4.5, "=", None, "pg/mL", None, 10.0),
        ("S-002", "IL6", None, "<", 3.2, "pg/mL", None, 10.0),
    ]
    times = rows.selectExpr("unix_seconds(measured_time)", "unix_seconds(known_time)").distinct().collect()
    assert [tuple(row) for row in times] == [(int(datetime(2023, 5, 17, 17, 6, 59, tzinfo=UTC).timestamp()),) * 2]


def test_a_report_date_is_preferred(spark: "SparkSession") -> None:
    rows = cytokine_result(spark, XPONENT, quoted(Export().with_header(ReportDate=["5/24/2023"]).lines()))
    known = rows.selectExpr("unix_seconds(known_time)").distinct().collect()
    assert [row[0] for row in known] == [int(datetime(2023, 5, 23, 22, tzinfo=UTC).timestamp())]


def test_an_olink_table_has_no_date_and_the_declared_delay_stands_in(spark: "SparkSession") -> None:
    rows = cytokine_result(spark, OLINK_LONG, LONG)
    assert set(rows_of(rows, "event_time", "known_time", "measured_time", "reporting_delay_days")) == {
        (None, None, None, 10.0)
    }
    assert rows_of(rows, "sample_id", "analyte", "replicate", "value", "unit", "qc_flag")[:2] == [
        ("P1-W0", "CXCL8", 1, 6.25, "{NPX}", "pass"),
        ("P1-W0", "IL6", 1, -0.5, "{NPX}", "warning"),
    ]


def test_concentrations_and_signals_of_msd_are_kept_apart(spark: "SparkSession") -> None:
    columns = ("well", "sample_type", "value", "unit", "ecl_signal", "ecl_signal_adjusted", "qc_flag")
    table = cytokine_result(spark, MSD_CSV, joined(workbench_lines()))
    assert rows_of(table, *columns)[4:6] == [
        ("E1", "unknown", 8.25, "pg/mL", 812.0, 812.5, "pass"),
        ("F1", "unknown", 1004.0, "pg/mL", 95000.0, 95000.5, "outside_detection_range"),
    ]
    counts = cytokine_result(spark, METHODICAL_MIND, methodical())
    assert rows_of(counts, *columns)[0] == ("A1", "not_stated", None, None, 101.0, None, "not_reported")
    times = counts.selectExpr("unix_seconds(measured_time)", "unix_seconds(known_time)").distinct().collect()
    assert [tuple(row) for row in times] == [(int(datetime(2023, 9, 28, 17, 39, 33, tzinfo=UTC).timestamp()),) * 2]
