"""Raw imaging records to rows of the tables, on Spark."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from infra.settings import Site
from infra.tables import TABLES
from ingestion.format import CARRY, RawFile, RawSchema
from ingestion.sources.imaging import SOURCE
from ingestion.sources.imaging.series import derive_imaging_series
from tests.ingestion.imaging.generated import dicom_bytes
from tests.ingestion.imaging.reports import report_bytes
from tests.ingestion.imaging.test_idc_index import parquet

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.slow

SITE = Site(site_id="nice", reporting_delay_days={"imaging": 2.0})
DICOM, IDC_INDEX, *_ = SOURCE.formats


def raw_frame(spark: "SparkSession", raw: RawSchema, records: list[dict[str, Any]]) -> "DataFrame":
    """What `conform` gets, of records as readers give them."""
    from pyspark.sql import functions as F

    frame = spark.createDataFrame(pa.Table.from_pylist(records, schema=raw.arrow))
    return frame.select(
        F.lit("f").alias("file_id"), "file_row", F.lit("nice").alias("site_id"), F.lit("x").alias("format"), "problem",
        F.struct("problem").alias("record"), *(c.name for c in raw.columns),
    )  # fmt: skip


def conformed(spark: "SparkSession", *contents: bytes) -> dict[str, list[dict[str, Any]]]:
    format_ = IDC_INDEX if contents[0].startswith(b"PAR1") else DICOM
    records = [r for c in contents for b in format_.read(RawFile("x", c), SITE) for r in b.to_pylist()]
    frames = SOURCE.conform[format_.raw.name](raw_frame(spark, format_.raw, records), SITE)
    for name, frame in frames.items():
        declared = {c.name for c in TABLES[name].conformed_columns}
        assert set(frame.columns) <= declared | set(CARRY) and set(CARRY) <= set(frame.columns)
    return {name: [row.asDict() for row in frame.collect()] for name, frame in frames.items()}


def test_dicom_instances(spark: "SparkSession") -> None:
    tables = conformed(
        spark,
        dicom_bytes({"MagneticFieldStrength": "15000"}),  # gauss
        dicom_bytes({"AcquisitionTime": None}),
        dicom_bytes({"MagneticFieldStrength": None, "EchoTime": None, "PixelSpacing": None}),
    )
    first, bare, empty = tables["imaging_instance"]
    values = ("field_strength_t", "echo_time_ms", "repetition_time_ms", "slice_thickness_mm", "pixel_spacing_mm")
    assert [first[v] for v in values] == [1.5, 9.5, 600.0, 1.0, 0.5]
    assert [empty[v] for v in values] == [None, None, 600.0, 1.0, None]
    assert utc(first["event_time"]) == datetime(2024, 3, 28, 9, 50, 0, 500_000, tzinfo=UTC)
    assert utc(first["known_time"]) == datetime(2024, 3, 30, 9, 50, 0, 500_000, tzinfo=UTC)
    assert utc(bare["event_time"]) == datetime(2024, 3, 28, tzinfo=UTC)
    assert utc(bare["known_time"]) == datetime(2024, 3, 31, tzinfo=UTC)
    assert [row["problem"] for row in tables["imaging_instance"]] == [None, None, None]


def test_a_number_that_is_none_is_a_problem(spark: "SparkSession") -> None:
    content = dicom_bytes().replace(b"9.5 ", b"9.5x")
    [row] = conformed(spark, content)["imaging_instance"]
    assert row["echo_time_ms"] is None and row["problem"] == "echo_time is not a number"


def test_idc_series(spark: "SparkSession") -> None:
    [row] = conformed(spark, parquet())["imaging_series"]
    assert (row["n_instances"], row["sequence_type"], row["collection_id"]) == (900, "DSC", "upenn_gbm")
    assert utc(row["event_time"]) == datetime(2011, 5, 1, tzinfo=UTC)
    assert utc(row["known_time"]) == datetime(2011, 5, 4, tzinfo=UTC)
    [many] = conformed(spark, parquet({"instanceCount": 2**40}))["imaging_series"]
    assert (many["n_instances"], many["problem"]) == (None, "instanceCount is beyond what a count can be")
    [late] = conformed(spark, parquet({"StudyDate": "2704-02-29", "SeriesDate": None}))["imaging_series"]
    assert utc(late["event_time"]) == datetime(2704, 2, 29, tzinfo=UTC)


def test_when_a_report_was_known(spark: "SparkSession") -> None:
    *_, sr, _ = SOURCE.formats
    [record] = [r for b in sr.read(RawFile("x", report_bytes()), SITE) for r in b.to_pylist()][1:2]
    times = {
        "written": {},
        "not said": {"reported_time": None},
        "written before the object": {"reported_time": datetime(2024, 3, 1, tzinfo=UTC)},
    }
    frame = raw_frame(spark, sr.raw, [{**record, "file_row": i, **t} for i, t in enumerate(times.values())])
    rows = SOURCE.conform[sr.raw.name](frame, SITE)["imaging_measurement"].orderBy("file_row").collect()
    assert [utc(row["known_time"]) for row in rows] == [
        datetime(2024, 4, 1, 7, tzinfo=UTC),
        datetime(2024, 4, 1, 11, tzinfo=UTC),  # SeriesDate and the site's two days
        datetime(2024, 3, 30, 11, tzinfo=UTC),
    ]


def test_series_are_derived_from_all_their_instances_and_only_where_touched(spark: "SparkSession") -> None:
    def instance(series: str, uid: str, day: int, known: int, echo: float | None, file_id: str) -> dict[str, Any]:
        return {
            "series_uid": series, "study_uid": "S", "instance_uid": uid, "patient_id": "p", "modality": "MR",
            "echo_time_ms": echo, "contrast": True, "species": "human", "site_id": "nice", "file_id": file_id,
            "file_row": 0, "event_time": datetime(2024, 3, day, tzinfo=UTC),
            "known_time": datetime(2024, 3, known, tzinfo=UTC),
        }  # fmt: skip

    in_lake = [
        #        series  uid  event known echo  file
        instance("a",    "3", 12,   20,   30.0, "f3"),
        instance("a",    "2", 11,   15,   80.0, "f2"),
        instance("a",    "1", 11,   14,   80.0, "f1"),
        instance("a",    "4", 13,   16,   None, "f4"),
        instance("b",    "5", 1,    2,    5.0,  "f5"),  # not touched by the batch
        instance("c",    "7", 1,    2,    9.0,  "f7"),
        instance("c",    "6", 2,    3,    4.0,  "f6"),
    ]  # fmt: skip
    schema = pa.schema([f for f in TABLES["imaging_instance"].arrow_schema() if f.name not in ("batch_id", "row_hash")])
    current = spark.createDataFrame(pa.Table.from_pylist(in_lake, schema=schema))
    touched = current.filter("instance_uid IN ('3', '6')")
    derived = derive_imaging_series({"imaging_instance": touched}, lambda name: current)
    assert set(derived.columns) == {c.name for c in TABLES["imaging_series"].conformed_columns}
    shown = ("series_uid", "n_instances", "echo_time_ms", "file_id", "contrast")
    rows = sorted((row.asDict() for row in derived.collect()), key=lambda row: str(row["series_uid"]))
    assert [tuple(row[name] for name in shown) for row in rows] == [
        ("a", 4, 80.0, "f1", True),
        ("c", 2, 4.0, "f7", True),  # as often: the smaller
    ]
    assert utc(rows[0]["event_time"]) == datetime(2024, 3, 11, tzinfo=UTC)
    assert utc(rows[0]["known_time"]) == datetime(2024, 3, 20, tzinfo=UTC)


def utc(time: datetime) -> datetime:
    """Spark hands times to Python in the local zone, without saying so."""
    return time.astimezone(UTC)
