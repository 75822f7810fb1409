"""Vital signs on Spark: known when shown, plus the site's delay; years past 2262 survive."""

from datetime import UTC, datetime

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from infra.settings import Site
from ingestion.sources.vitals import SOURCE
from tests.ingestion.mutations.frames import conformed, rows

pytestmark = pytest.mark.slow


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
