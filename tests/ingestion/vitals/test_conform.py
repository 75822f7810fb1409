"""Vital signs on Spark: known when shown, plus the site's delay; years past 2262 survive."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from infra.settings import Site
from ingestion.sources.vitals import SOURCE
from ingestion.sources.vitals.collected import Record, batches
from ingestion.sources.vitals.conform import conform_vital_value
from tests.ingestion.mutations.frames import conformed, rows

pytestmark = pytest.mark.slow


def test_what_the_file_says_of_availability_and_device_counts(spark: SparkSession) -> None:
    shown, issued = datetime(2024, 3, 28, 10, tzinfo=UTC), datetime(2024, 3, 28, 10, 5, tzinfo=UTC)
    records = [
        Record(case_id="C1", signal="HR", value=70.0, event_time=shown, known_time=issued, device="a", device_id="p1"),
        Record(case_id="C1", signal="HR", value=71.0, event_time=shown, device_id="p1"),
        Record(case_id="C1", signal="HR", value=72.0, event_time=shown),
    ]
    raw = spark.createDataFrame(pa.Table.from_batches(list(batches(records)))).withColumns(
        {c: F.lit("x") for c in ("file_id", "site_id", "format", "record")}
    )
    vital_sign = conform_vital_value(raw, Site())["vital_sign"].withColumn("known_us", F.unix_micros("known_time"))
    known = [int(t.timestamp()) * 1_000_000 for t in (issued, shown, shown)]
    assert rows(vital_sign, "value", "device", "known_us") == [
        (70.0, "a p1", known[0]),
        (71.0, "p1", known[1]),
        (72.0, None, known[2]),
    ]


def test_vital_signs(spark: SparkSession) -> None:
    text = "case_id,patient_id,time,MAP,HR\nC1,P1,2896-10-10T00:31:25.894Z,900,70\nC1,P1,2896-10-10T00:32:25.894Z,,x\n"
    site = Site(reporting_delay_days={"vitals": 0.5})
    vital_sign = conformed(spark, SOURCE, {"monitor.csv": text.encode()}, site)["vital_sign"]
    micros = vital_sign.withColumns({c: F.unix_micros(c) for c in ("event_time", "known_time")})
    first = int((datetime(2896, 10, 10, 0, 31, 25, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    first = first * 1_000_000 + 894_000
    minute, half_a_day = 60_000_000, 12 * 3_600_000_000
    assert rows(micros, "case_id", "signal", "value", "event_time", "known_time", "problem") == [
        ("C1", "MAP", 900.0, first, first + half_a_day, None),  # implausible, and the gate's to judge
        ("C1", "HR", 70.0, first, first + half_a_day, None),
        ("C1", "HR", None, first + minute, first + minute + half_a_day, "HR is not a number"),
    ]
