"""Numbers on Spark: each cell by itself, so that one which can be read two ways waits for the site's declaration."""

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ingestion.conforming import number, unreadable_number, with_problems

pytestmark = pytest.mark.slow

OPEN = "dose can be read two ways (decimal comma or thousands); declare decimal_mark for the site"


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        (None, [(2.5, None), (2.5, None), (None, OPEN), (1.234, None), (None, None), (None, "dose is not a number")]),
        (",", [(2.5, None), (2.5, None), (1.234, None), (1.234, None), (None, None), (None, "dose is not a number")]),
        (".", [(2.5, None), (2.5, None), (1234.0, None), (1.234, None), (None, None), (None, "dose is not a number")]),
    ],
)
def test_numbers(spark: SparkSession, mark: str | None, expected: list[tuple[float | None, str | None]]) -> None:
    cells = [(i, c) for i, c in enumerate(["2.5", " 2,5 ", "1,234", "1.234", None, "NaN"])]
    frame = spark.createDataFrame(cells, "i int, dose string").withColumn("problem", F.lit(None).cast("string"))
    judged = with_problems(frame, unreadable_number(frame, "dose", decimal_mark=mark))
    rows = judged.select("i", number(F.col("dose"), mark).alias("value"), "problem").orderBy("i").collect()
    assert [(r["value"], r["problem"]) for r in rows] == expected
