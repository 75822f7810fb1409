"""Care by delta-rs beside Spark: what Spark wrote is read, a repeated append stays none, and a session goes on."""

from datetime import timedelta
from pathlib import Path

import deltalake
import pytest
from pyspark.sql import SparkSession

from infra import delta
from infra.lake import Lake
from infra.maintenance import care_for

pytestmark = pytest.mark.slow


def test_spark_goes_on_after_care(spark: SparkSession, tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    path = lake.silver("t")

    def batch(n: int) -> None:
        frame = spark.sql(
            f"SELECT 'c{n}' AS case_id, TIMESTAMP '2896-01-0{n + 1} 10:00:00' AS event_time, {n} AS value"
        )
        delta.append(lake, frame, path, f"batch-{n}")

    for n in range(4):
        batch(n)
    open_before = delta.read(spark, path)
    expected = {tuple(row) for row in open_before.collect()}
    done = care_for(lake, path, cluster_by=("case_id", "event_time"), retention=timedelta(days=1))
    assert (done.rewrite, done.after.n) == ("cluster", 1)
    deltalake.DeltaTable(path).create_checkpoint()
    # A frame that was open before reads on: its files are kept for the retention.
    assert {tuple(row) for row in open_before.collect()} == expected
    batch(2)  # the same transaction again, which Delta must still know
    batch(4)
    found = [tuple(row) for row in delta.read(spark, path).collect()]
    assert len(found) == 5
    assert expected < set(found)
    assert delta.content_version(path) == delta.version(path)
