"""Raw records of videos to rows of exosome_measurement, and these to concentrations of samples, on Spark."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from infra.settings import Site
from infra.tables import TABLES
from ingestion.format import CARRY, Format, RawFile
from ingestion.sources.exosome import SOURCE
from ingestion.sources.exosome.cargo import CARGO
from ingestion.sources.exosome.summary import (
    bins_total_per_ml,
    correction_factor,
    is_usable,
    sample_concentration_per_ml,
)
from ingestion.sources.exosome.zetaview import ZETAVIEW
from tests.ingestion.exosome.generated import Layout, Video, nta_summary, zetaview

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.slow

SITE = Site(site_id="nice", reporting_delay_days={"exosome": 3.0})
NANOSIGHT = SOURCE.formats[0]


def exosome_measurement(spark: "SparkSession", content: bytes, name: str = "x.csv") -> "DataFrame":
    return conformed(spark, NANOSIGHT, content, name)


def conformed(spark: "SparkSession", format_: Format, content: bytes, name: str = "x.csv") -> "DataFrame":
    from pyspark.sql import functions as F

    raw = pa.Table.from_batches(format_.read(RawFile(name, content), SITE))
    frame = spark.createDataFrame(raw).select(
        F.lit("f").alias("file_id"), "file_row", F.lit("nice").alias("site_id"), F.lit("x").alias("format"), "problem",
        F.struct("problem").alias("record"), *(c.name for c in format_.raw.columns),
    )  # fmt: skip
    [(table, rows)] = SOURCE.conform[format_.raw.name](frame, SITE).items()
    declared = {c.name for c in TABLES[table].conformed_columns}
    assert set(rows.columns) == declared | set(CARRY)
    return rows


def rows_of(frame: "DataFrame", *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in frame.orderBy("file_row").select(*columns).collect()]


def test_videos_and_average_become_rows(spark: "SparkSession") -> None:
    layout = Layout(separator=";", decimal_comma=True, details=(("Sample Name", "S7"),))
    failed, mistyped = Video("P1_01", bins=None, concentration="No Data"), Video("P1_02", dilution="1,0O")
    videos = [Video(dilution="100"), failed, mistyped]
    rows = exosome_measurement(spark, nta_summary(videos, layout).encode())
    assert rows_of(rows, "replicate", "is_instrument_average", "validity", "dilution_factor", "d50_nm", "problem") == [
        ("P1_00",   False, "valid",      100.0, 94.0, None),
        ("P1_01",   False, "no_data",    None,  None, None),
        ("P1_02",   False, "valid",      None,  94.0, "dilution_factor is not a number"),
        ("average", True,  "unreliable", None,  1.0,  None),
    ]  # fmt: skip
    assert set(rows_of(rows, "sample_id", "event_time", "known_time", "measured_time", "reporting_delay_days")) == {
        ("S7", None, None, None, 3.0)
    }


def test_a_count_that_is_none_is_one_bad_record(spark: "SparkSession") -> None:
    summary = nta_summary().replace("Valid Tracks,96,96", "Valid Tracks,9e18,1e999")
    assert summary != nta_summary()
    rows = exosome_measurement(spark, summary.encode())
    assert rows_of(rows, "valid_tracks", "problem")[:2] == [
        (None, "valid_tracks is beyond what a count can be"),
        (None, "valid_tracks is not a number"),
    ]


def test_a_capture_is_known_after_the_declared_delay(spark: "SparkSession") -> None:
    rows = exosome_measurement(spark, nta_summary().encode())
    [(measured, known, event), *_] = rows_of(rows, "measured_time", "known_time", "event_time")
    assert measured.astimezone(UTC) == datetime(2020, 6, 16, 11, 52, 4, tzinfo=UTC)
    assert known.astimezone(UTC) == datetime(2020, 6, 19, 11, 52, 4, tzinfo=UTC)
    assert event is None


def test_a_zetaview_capture_is_diluted_back_once(spark: "SparkSession") -> None:
    rows = conformed(spark, ZETAVIEW, zetaview().encode("latin-1"))
    made = rows.select("replicate", "concentration_per_ml", "d50_nm", "valid_tracks", sample_concentration_per_ml())
    assert [tuple(row) for row in made.collect()] == [("20251217_0005_P1_d28_size_488", 4e5, 11.25, 400, 4e8)]


def test_cargo_is_known_by_its_report_or_after_the_delay(spark: "SparkSession") -> None:
    table = (
        b"sample,marker,value,unit,method,measured_date,report_date\n"
        b"S1,CD9,1.5,pg/mL,ELISA,2024-04-03,2024-04-05 10:00\n"
        b"S1,CD63,< 0.5,pg/mL,ELISA,2024-04-03,\n"
        b"S1,CD81,2,pg/mL,ELISA,,\n"
    )
    rows = conformed(spark, CARGO, table).selectExpr("*", "date_format(known_time, 'yyyy-MM-dd HH:mm') AS known")
    assert rows_of(rows, "marker", "value", "operator", "lloq", "known", "reporting_delay_days", "event_time") == [
        # a bare day is over before its delay of three days begins
        ("CD9",  1.5,  "=", None, "2024-04-05 10:00", 3.0, None),
        ("CD63", None, "<", 0.5,  "2024-04-07 00:00", 3.0, None),
        ("CD81", 2.0,  "=", None, None,               3.0, None),
    ]  # fmt: skip


def test_the_dilution_is_applied_once_and_never_guessed(spark: "SparkSession") -> None:
    from pyspark.sql import functions as F

    frame = spark.createDataFrame(
        [
            # factor   applied  validity      average  correction  usable
            (10_000.0, True,    "valid",      False,   1.0,        True),
            (10_000.0, False,   "valid",      False,   10_000.0,   True),
            (None,     True,    "unreliable", False,   1.0,        False),
            (None,     False,   "valid",      True,    None,       False),
        ],
        "factor double, applied boolean, validity string, average boolean, correction double, usable boolean",
    )  # fmt: skip
    made = frame.select(
        correction_factor(F.col("factor"), F.col("applied")), "correction",
        is_usable(F.col("validity"), F.col("average")), "usable",
    ).collect()  # fmt: skip
    assert [(row[0], row[2]) for row in made] == [(row[1], row[3]) for row in made]


def test_bins_are_summed_over_a_range_of_sizes(spark: "SparkSession") -> None:
    from pyspark.sql import functions as F

    bins = [([0.5, 1.5, 2.5], [1.0, 10.0, 100.0]), (None, None)]
    frame = spark.createDataFrame(bins, "c array<double>, n array<double>")
    c, n = F.col("c"), F.col("n")
    made = frame.select(
        bins_total_per_ml(c, n), bins_total_per_ml(c, n, below_nm=1.5), bins_total_per_ml(c, n, 1.5),
        bins_total_per_ml(c, n, 1.0, 2.0),
    ).collect()  # fmt: skip
    assert [tuple(row) for row in made] == [(111.0, 1.0, 110.0, 10.0), (None, None, None, None)]


def test_published_totals(spark: "SparkSession", shared_data: Path) -> None:
    """The totals that tidyNano publishes for beads.csv are those of its two preparations, filtered and not.

    Each is the mean over two injections of three videos, times the 10,000 in the videos' names. beads2.csv, to which
    10,000 is already applied, must come out as the instrument's own average of it.
    """
    from pyspark.sql import functions as F

    def totals(name: str, group: str) -> list[tuple[Any, ...]]:
        rows = exosome_measurement(spark, (shared_data / "exosome" / name).read_bytes(), name)
        usable = rows.filter(is_usable(F.col("validity"), F.col("is_instrument_average")))
        total, small = sample_concentration_per_ml(), sample_concentration_per_ml(below_nm=100)
        summarised = usable.groupBy(F.regexp_extract("measurement_id", group, 1).alias("preparation")).agg(
            F.format_string("%.2e", F.avg(total)), F.format_string("%.2e", F.avg(small)), F.count("*")
        )
        return sorted(tuple(row) for row in summarised.collect())

    assert totals("beads.csv", "std_10000_(no|yes)_") == [
        # not filtered, filtered
        ("no", "1.64e+13", "1.02e+13", 6),
        ("yes", "1.29e+13", "7.55e+12", 6),
    ]
    assert totals("beads2.csv", "(stdv34)") == [("stdv34", "6.09e+12", "3.09e+12", 5)]
