"""The as-of join on Spark against the oracle: many generated cases in one job, a number of each as part of its key."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from features.spark.candidates import as_of_join_few
from features.spark.columns import History
from features.spark.join import SHARE, as_of_join, dealt, heavy_keys
from infra.errors import UsageError
from tests.features.oracle import TTLS, Case, gathered, seen

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.slow

TIME = pa.timestamp("us", tz="UTC")
HOUR = 3_600_000_000
KEYS = ["case", "x", "y"]
N = 1_000


def times(instants: list[int | None]) -> pa.Array:
    return pa.array([None if i is None else i * HOUR for i in instants], pa.int64()).cast(TIME)


def label_table(cases: list[Case]) -> pa.Table:
    rows = [(i, label) for i, case in enumerate(cases) for label in case.labels]
    return pa.table(
        {
            "n": pa.array(range(len(rows)), pa.int64()),
            "case": pa.array([i for i, _ in rows], pa.int32()),
            "x": pa.array([label.key[0] for _, label in rows], pa.string()),
            "y": pa.array([label.key[1] for _, label in rows], pa.string()),
            "t": times([label.at for _, label in rows]),
        }
    )


def history_table(cases: list[Case]) -> pa.Table:
    rows = [(i, fact) for i, case in enumerate(cases) for fact in case.facts]
    return pa.table(
        {
            "case": pa.array([i for i, _ in rows], pa.int64()),
            "x": pa.array([fact.key[0] for _, fact in rows], pa.string()),
            "y": pa.array([fact.key[1] for _, fact in rows], pa.string()),
            "event_time": times([fact.event for _, fact in rows]),
            "known_time": times([fact.known for _, fact in rows]),
            "value": pa.array([fact.value for _, fact in rows], pa.int64()),
        }
    )


def history(frame: "DataFrame", ttl: int | None = None) -> History:
    limit = None if ttl is None else timedelta(microseconds=ttl * HOUR)
    return History(frame, KEYS, "event_time", "known_time", ["value"], limit)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return gathered(N)


@pytest.fixture(scope="module")
def frames(spark: "SparkSession", cases: list[Case]) -> tuple["DataFrame", "DataFrame"]:
    return spark.createDataFrame(label_table(cases)), spark.createDataFrame(history_table(cases))


@pytest.mark.parametrize("known_only", [True, False])
@pytest.mark.parametrize("as_known_at", [None, 5])
@pytest.mark.parametrize(("is_few", "rows_a_share"), [(True, None), (False, None), (False, 3)])
def test_every_label_sees_what_the_oracle_says(
    frames: tuple["DataFrame", "DataFrame"],
    cases: list[Case],
    known_only: bool,
    as_known_at: int | None,
    is_few: bool,
    rows_a_share: int | None,
) -> None:
    labels, facts = frames
    # Three views of one history in one pass, each with its own time-to-live.
    views = {f"v{i}": history(facts, ttl) for i, ttl in enumerate(TTLS)}
    heavy = None
    if rows_a_share is not None:
        heavy = heavy_keys(labels, list(views.values()), label_keys=KEYS, rows_a_share=rows_a_share)
    at = None if as_known_at is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=as_known_at * HOUR)
    rule = {"label_time": "t", "number": "n", "known_only": known_only, "as_known_at": at}
    if is_few:
        answer = as_of_join_few(labels, views, dict.fromkeys(views, KEYS), **rule)  # type: ignore[arg-type]
    else:
        partitions = None if rows_a_share is None else 5
        answer = as_of_join(labels, views, label_keys=KEYS, heavy=heavy, partitions=partitions, **rule)  # type: ignore[arg-type]
    assert answer.columns == [*labels.columns, *views]
    got = answer.select("n", *(f"{view}.f0" for view in views)).toArrow().sort_by("n")
    asked = [(case, label) for case in cases for label in case.labels]
    assert got.column(0).to_pylist() == list(range(len(asked)))
    for i, ttl in enumerate(TTLS):
        expected = [
            seen(case.facts, label, ttl=ttl, known_only=known_only, as_known_at=as_known_at) for case, label in asked
        ]
        found = got.column(1 + i).to_pylist()
        wrong = next((j for j in range(len(asked)) if found[j] != expected[j]), None)
        assert wrong is None, (asked[wrong], found[wrong], expected[wrong])  # type: ignore[index]


def test_a_key_with_most_rows_is_divided_among_tasks(spark: "SparkSession") -> None:
    """One key has nearly all rows of the history, another one nearly all labels; no share is much above the limit."""
    from pyspark.sql import functions as F

    limit = 500
    facts = spark.range(20_000).select(
        F.when(F.col("id") % 100 == 0, F.col("id")).otherwise(-1).alias("key"),
        F.timestamp_seconds("id").alias("event_time"),
        F.timestamp_seconds(F.col("id") + F.col("id") % 7 * 900).alias("known_time"),
        F.col("id").alias("value"),
    )
    labels = spark.range(12_000).select(
        F.col("id").alias("n"),
        F.when(F.col("id") % 10 == 0, -1).otherwise(200).alias("key"),
        F.timestamp_seconds(F.col("id") * 2).alias("t"),
    )
    rows = {"v": History(facts, ["key"], "event_time", "known_time", ["value"])}
    asked = {"label_keys": ["key"], "label_time": "t", "number": "n"}
    heavy = heavy_keys(labels, list(rows.values()), label_keys=["key"], rows_a_share=limit)
    found = {row["__k0"]: (row["__shares"], row["__divides_labels"]) for row in heavy.collect()}
    assert found == {-1: (40, False), 200: (22, True)}

    plain = as_of_join(labels, rows, **asked).select("n", "v.f0").toArrow().sort_by("n")  # type: ignore[arg-type]
    divided = as_of_join(labels, rows, **asked, heavy=heavy, partitions=50)  # type: ignore[arg-type]
    assert divided.select("n", "v.f0").toArrow().sort_by("n").equals(plain)
    assert plain.column(1).null_count < plain.num_rows
    few = as_of_join_few(labels, rows, {"v": ["key"]}, label_time="t", number="n")
    assert few.select("n", "v.f0").toArrow().sort_by("n").equals(plain)

    # What one task of the sort has at most: without shares it would be 19,800 rows and 1,200 labels.
    sides = [
        dealt(labels.select(F.col("key").alias("__k0"), "n"), ["__k0"], heavy, is_label=True, spread="n"),
        dealt(facts.select(F.col("key").alias("__k0"), "value"), ["__k0"], heavy, is_label=False, spread="value"),
    ]
    together = sides[0].select("__k0", SHARE).unionByName(sides[1].select("__k0", SHARE))
    largest = together.groupBy("__k0", SHARE).count().agg(F.max("count")).collect()[0][0]
    assert largest < 1.3 * limit + 1_200  # a share of one side, and the other side whole


def test_what_cannot_be_compared_is_refused_in_one_sentence(spark: "SparkSession") -> None:
    facts = spark.createDataFrame(history_table([]))
    labels = spark.createDataFrame(label_table([]))

    def join(labels: "DataFrame", rows: History) -> None:
        as_of_join(labels, {"v": rows}, label_keys=KEYS, label_time="t", number="n")

    from pyspark.sql import functions as F

    with pytest.raises(UsageError, match="t have no time zone"):
        join(labels.withColumn("t", F.to_timestamp_ntz(F.lit("2026-01-01"))), history(facts))
    with pytest.raises(UsageError, match="Column t holds bigint"):
        join(labels.withColumn("t", F.col("n")), history(facts))
    with pytest.raises(UsageError, match="no column t"):
        join(labels.drop("t"), history(facts))
    with pytest.raises(UsageError, match="keys in column x are bigint; the features have string"):
        join(labels.withColumn("x", F.col("n")), history(facts))
    with pytest.raises(UsageError, match="no column of known time"):
        join(labels, History(facts, KEYS, "event_time", None, ["value"]))
