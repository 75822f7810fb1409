"""Beyond Feast's suite: label rows of every form, and what was known when, say the same with both engines."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import deltalake
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from feast import Entity, FeatureStore, FeatureView, Field
from feast.types import Float64, String

from features.offline.delta_source import DeltaSource
from infra.errors import UsageError
from tests.conformance.environment import Environment

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow

ZERO = datetime(2026, 3, 1)
TIME = pa.timestamp("us", tz="UTC")
WARD, BED = Entity(name="ward"), Entity(name="bed")
REFS = ["occupancy:drug", "occupancy:dose_mg", "latest:drug"]


def hour(n: float | None) -> pd.Timestamp | None:
    return None if n is None else pd.Timestamp(ZERO + timedelta(hours=n), tz="UTC")


def write(folder: Path, *rows: tuple[str | None, str | None, float, float | None, str | None, float | None]) -> None:
    """Rows of (ward, bed, event hour, known hour, drug, dose)."""
    columns = list(zip(*rows, strict=True))
    table = pa.table(
        {
            "ward": pa.array(columns[0], pa.string()),
            "bed": pa.array(columns[1], pa.string()),
            "event_time": pa.array([hour(n) for n in columns[2]], TIME),
            "known_time": pa.array([hour(n) for n in columns[3]], TIME),
            "drug": pa.array(columns[4], pa.string()),
            "dose_mg": pa.array(columns[5], pa.float64()),
            "file_ids": pa.array([[f"file-{d}"] for d in columns[4]], pa.list_(pa.string())),
        }
    )
    deltalake.write_deltalake(folder / "gold" / "occupancy", table, mode="append")


def store(env: Environment) -> FeatureStore:
    source = DeltaSource(
        path="gold/occupancy",
        name="occupancy",
        timestamp_field="event_time",
        created_timestamp_column="known_time",
        lineage_column="file_ids",
    )

    def view(name: str, ttl: timedelta) -> FeatureView:
        fields = [Field(name=n, dtype=t) for n, t in
                  {"ward": String, "bed": String, "drug": String, "dose_mg": Float64}.items()]  # fmt: skip
        return FeatureView(name=name, entities=[WARD, BED], schema=fields, source=source, ttl=ttl)

    env.store.apply([WARD, BED, view("occupancy", timedelta(hours=10)), view("latest", timedelta(0))])
    return env.store


@pytest.fixture(scope="module")
def env(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    made = Environment.make(tmp_path_factory.mktemp(engine), engine, known_only=True)
    write(
        made.folder,
        ("1", "11", 0, 0, "a", 1.0),
        ("11", "1", 0, 0, "b", 2.0),
        ("1", "11", 5, 20, "late", 3.0),
        ("1", "11", 6, 6, "c", None),
        (None, "11", 1, 1, "no ward", 9.0),
        ("1", "11", 7, None, "never", 9.0),
    )
    store(made)
    return made


# Out of order, twice, of a stranger, without a key, without a time, too old for one of the views.
ASKED: list[tuple[str | None, str | None, float | None]] = [
    ("1", "11", 8),
    ("11", "1", 8),
    ("1", "11", 0),
    ("1", "11", 8),
    ("stranger", "11", 8),
    (None, "11", 8),
    ("1", "11", None),
    ("11", "1", 10.5),
    ("1", "11", -1),
]
WANTED = {
    "occupancy__drug": ["c", "b", "a", "c", None, None, None, None, None],
    "occupancy__dose_mg": [None, 2.0, 1.0, None, None, None, None, None, None],
    "latest__drug": ["c", "b", "a", "c", None, None, None, "b", None],
}


def pandas_labels(unit: str = "ns", zone: str = "UTC") -> pd.DataFrame:
    times = pd.Series([hour(n) for _, _, n in ASKED]).dt.tz_convert(zone).dt.as_unit(unit)
    return pd.DataFrame(
        {
            "event_timestamp": times.array,
            "bed": [b for _, b, _ in ASKED],
            "note": [f"{i}" for i in range(len(ASKED))],
            "ward": [w for w, _, _ in ASKED],
        },
        index=range(50, 50 + len(ASKED)),
    )


def forms() -> dict[str, Any]:
    plain = pandas_labels()
    return {
        "pandas": plain,
        "pandas, another zone, microseconds": pandas_labels("us", "America/St_Johns"),
        "pandas, categories": plain.astype({"ward": "category", "bed": "category"}),
        "arrow": pa.Table.from_pandas(plain, preserve_index=False),
        "polars": pl.from_pandas(plain),
        "polars, lazy": pl.from_pandas(plain).lazy(),
    }


def features_of(table: pa.Table) -> dict[str, list[object]]:
    return {name: table[name].to_pylist() for name in WANTED}


@pytest.mark.parametrize("form", forms())
def test_label_rows_of_every_form_get_one_row_each_in_their_order(env: Environment, form: str) -> None:
    labels = forms()[form]
    job = env.store.get_historical_features(labels, REFS, full_feature_names=True)
    table = job.to_arrow()
    assert features_of(table) == WANTED
    assert table.column_names == ["event_timestamp", "bed", "note", "ward", *WANTED]
    assert table["note"].to_pylist() == [f"{i}" for i in range(len(ASKED))]
    if isinstance(labels, pa.Table):
        assert table.select(labels.column_names).equals(labels)
    assert job.file_ids == ("file-a", "file-b", "file-c")
    assert job.table_versions == {"occupancy": 0}
    assert len(job.to_df()) == len(ASKED)


def test_nanoseconds_are_not_seen_early(env: Environment) -> None:
    six = np.datetime64("2026-03-01T06:00:00.000000000") - np.array([1, 0, -1], dtype="timedelta64[ns]")
    labels = pd.DataFrame({"ward": ["1"] * 3, "bed": ["11"] * 3, "event_timestamp": pd.to_datetime(six, utc=True)})
    found = env.store.get_historical_features(labels, ["latest:drug"]).to_df()
    assert found["drug"].tolist() == ["a", "c", "c"]
    assert found["event_timestamp"].tolist() == labels["event_timestamp"].tolist()


def test_no_label_rows_give_no_rows(env: Environment) -> None:
    found = env.store.get_historical_features(pandas_labels().head(0).astype({"ward": str, "bed": str}), REFS[:2])
    assert found.to_arrow().num_rows == 0
    assert set(found.to_df().columns) >= {"drug", "dose_mg"}


@pytest.mark.parametrize(
    ("options", "at", "wanted"),
    [
        ({}, 25, "c"),
        ({"known_only": False}, 5.5, "late"),
        ({"as_known_at": "2026-03-01T05:00:00+00:00"}, 25, "a"),
        ({"as_known_at": "2026-03-01T21:00:00+00:00", "known_only": False}, 5.5, "late"),
        ({"as_known_at": "2026-03-01T19:00:00+00:00", "known_only": False}, 5.5, "a"),
    ],
)
def test_what_was_known_when(env: Environment, options: dict[str, object], at: float, wanted: str) -> None:
    other = Environment.make(env.folder, env.engine, **{"known_only": True, **options})
    labels = pd.DataFrame({"ward": ["1"], "bed": ["11"], "event_timestamp": [hour(at)]})
    assert other.store.get_historical_features(labels, ["latest:drug"]).to_df()["drug"].tolist() == [wanted]


def test_without_label_rows_every_instant_at_which_something_changes(env: Environment) -> None:
    job = env.store.get_historical_features(
        features=["latest:drug"], start_date=ZERO, end_date=ZERO + timedelta(hours=21)
    )
    table = job.to_arrow()
    assert table.select(["ward", "bed", "drug"]).to_pylist() == [
        {"ward": "1", "bed": "11", "drug": "a"},
        {"ward": "1", "bed": "11", "drug": "c"},
        {"ward": "1", "bed": "11", "drug": "c"},
        {"ward": "11", "bed": "1", "drug": "b"},
    ]
    assert table["event_timestamp"].to_pylist() == [hour(n) for n in (0, 6, 20, 0)]


def test_pinned_versions_give_what_there_was(engine: str, tmp_path: Path) -> None:
    env = Environment.make(tmp_path, engine, known_only=True)
    write(env.folder, ("1", "11", 0, 0, "a", 1.0))
    store(env)
    write(env.folder, ("1", "11", 1, 1, "b", 1.0))
    labels = pd.DataFrame({"ward": ["1"], "bed": ["11"], "event_timestamp": [hour(8)]})
    pinned = Environment.make(tmp_path, engine, known_only=True, versions={"occupancy": 0})
    for one, drug, version in ((env, "b", 1), (pinned, "a", 0)):
        job = one.store.get_historical_features(labels, ["latest:drug"])
        assert job.to_df()["drug"].tolist() == [drug]
        assert job.table_versions == {"occupancy": version}
        assert job.file_ids == (f"file-{drug}",)


def test_pulls_for_the_online_store(env: Environment) -> None:
    view = env.store.get_feature_view("latest")
    arguments = {
        "config": env.store.config,
        "data_source": view.batch_source,
        "join_key_columns": ["ward", "bed"],
        "feature_name_columns": ["drug", "dose_mg"],
        "timestamp_field": "event_time",
        "created_timestamp_column": "known_time",
        "start_date": ZERO,
        "end_date": ZERO + timedelta(hours=10),
    }
    provider = env.store._get_provider()
    latest = provider.offline_store.pull_latest_from_table_or_query(**arguments).to_arrow()
    assert sorted(latest["drug"].to_pylist()) == ["b", "c"]
    everything = provider.offline_store.pull_all_from_table_or_query(**arguments).to_arrow()
    assert sorted(everything["drug"].to_pylist()) == ["a", "b", "c", "no ward"]
    assert set(latest.column_names) == {"ward", "bed", "drug", "dose_mg", "event_time", "known_time"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: f.drop(columns="bed"), "no column bed"),
        (lambda f: f.drop(columns="event_timestamp"), "no column event_timestamp"),
        (lambda f: f.assign(drug="x"), "drug"),
    ],
)
def test_label_rows_that_cannot_be_right_are_refused(env: Environment, change: Any, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        env.store.get_historical_features(change(pandas_labels()), ["latest:drug"]).to_df()


def test_times_without_a_zone_are_refused(env: Environment) -> None:
    # Feast itself gives pandas times a zone; nothing does so for Arrow.
    naive = pa.table({"ward": ["1"], "bed": ["11"], "event_timestamp": pa.array([ZERO], pa.timestamp("us"))})
    with pytest.raises(UsageError, match="no time zone"):
        env.store.get_historical_features(naive, ["latest:drug"]).to_df()


class TestSparkFrames:
    """What only the Spark engine has: label rows and results that stay in Spark."""

    @pytest.fixture(scope="class")
    def made(self, spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> Environment:
        made = Environment.make(tmp_path_factory.mktemp("frames"), "spark", known_only=True)
        write(made.folder, ("1", "11", 0, 0, "a", 1.0), ("11", "1", 0, 0, "b", 2.0), ("1", "11", 6, 6, "c", None))
        store(made)
        return made

    def test_spark_labels_come_back_as_a_spark_frame_in_their_order(
        self, made: Environment, spark: "SparkSession"
    ) -> None:
        labels = spark.createDataFrame(pa.Table.from_pandas(pandas_labels("us"), preserve_index=False)).repartition(3)
        order = [row["note"] for row in labels.collect()]
        job = made.store.get_historical_features(labels, REFS, full_feature_names=True)
        frame = job.to_spark_df()
        assert frame.columns == ["event_timestamp", "bed", "note", "ward", *WANTED]
        by_note = {f"{i}": {name: WANTED[name][i] for name in WANTED} for i in range(len(ASKED))}
        for table in (frame.toArrow(), job.to_arrow()):
            assert table["note"].to_pylist() == order
            assert [dict(zip(WANTED, row, strict=True)) for row in zip(*features_of(table).values(), strict=True)] == [
                by_note[note] for note in order
            ]
        assert job.file_ids == ("file-a", "file-b", "file-c")
        assert job.metadata.max_event_timestamp == hour(10.5)

    def test_many_labels_get_the_same_by_the_plan_for_many(
        self, made: Environment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("features.spark.engine.FEW_LABELS", 0)
        for rows_a_task in (1_000_000, 2):  # all keys in any task, and every key divided among tasks
            monkeypatch.setattr("features.spark.engine.ROWS_A_TASK", rows_a_task)
            job = made.store.get_historical_features(pandas_labels(), REFS, full_feature_names=True)
            assert features_of(job.to_arrow()) == WANTED
            assert job.file_ids == ("file-a", "file-b", "file-c")

    def test_local_labels_as_a_spark_frame(self, made: Environment) -> None:
        job = made.store.get_historical_features(pandas_labels(), REFS, full_feature_names=True)
        table = job.to_spark_df().toArrow()
        assert features_of(table) == WANTED
        assert table["note"].to_pylist() == [f"{i}" for i in range(len(ASKED))]
        assert job.file_ids == ("file-a", "file-b", "file-c")

    def test_statements_that_change_something_are_refused(self, made: Environment) -> None:
        for query in ("DROP TABLE occupancy", "SELECT 1; SELECT 2", "SELECT nothing FROM occupancy"):
            with pytest.raises(UsageError, match="expected one SELECT"):
                made.store.get_historical_features(query, ["latest:drug"])

    def test_frames_with_naive_times_or_other_keys_are_refused(self, made: Environment, spark: "SparkSession") -> None:
        frame = spark.createDataFrame(pa.Table.from_pandas(pandas_labels("us"), preserve_index=False))
        with pytest.raises(UsageError, match="no time zone"):
            made.store.get_historical_features(
                frame.selectExpr("ward", "bed", "cast(event_timestamp as timestamp_ntz) event_timestamp"),
                ["latest:drug"],
            )
        with pytest.raises(UsageError, match="keys in column ward are int"):
            made.store.get_historical_features(
                frame.selectExpr("1 AS ward", "bed", "event_timestamp"), ["latest:drug"]
            ).to_df()
