"""What comes back of what is written: pushed rows, saved datasets, logs of served features; and pulls in batches."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import deltalake
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.offline.local_engine import everything, latest
from features.offline.pulls import latest_of
from features.offline.requests import pull_request
from features.offline.writing import append_logs, append_rows
from infra.errors import UsageError
from tests.features.small_store import BEATS, BOTH, LABS, STORY, TIME, ask, day, labs, small_store, told, write


def il6(store: Any, *questions: tuple[str, int, float]) -> list[object]:
    job = store.get_historical_features(entity_df=ask(*questions), features=["labs:il6"])
    return list(job.to_arrow()["il6"].to_pylist())


def frame(*rows: tuple[str | None, float, float | None, float]) -> pd.DataFrame:
    made = pd.DataFrame(labs(*rows))
    return made.assign(known_time=pd.to_datetime(made["known_time"], utc=True))


def test_pushed_rows_are_known_from_the_push_on(tmp_path: Path) -> None:
    from feast.data_source import PushMode

    store = told(tmp_path)
    rows = frame(("c", 2, 3, 9), ("c", 4, None, 10))[
        ["il6", "note", "patient_id", "file_ids", "known_time", "event_time"]
    ]
    store.push("labs_push", rows, to=PushMode.OFFLINE)
    assert il6(store, ("c", 1, 2.9), ("c", 1, 3), ("c", 1, 4)) == [None, 9, 9]
    assert il6(store, ("c", 1, 36_500), ("a", 1, 30)) == [10, 3]


def test_rows_are_appended_by_name_whatever_their_order_and_type(tmp_path: Path) -> None:
    store = told(tmp_path)
    source = store.get_feature_view("labs").batch_source
    rows = pa.table(
        {
            "note": pa.array(["late"], pa.large_string()),
            "il6": pa.array([7], pa.int32()),
            "event_time": pa.array([day(1)], pa.timestamp("ns", tz="Europe/Paris")),
            "patient_id": ["d"],
            "file_ids": [["file-7"]],
        }
    )
    told_of: list[int] = []
    append_rows(store.config, source, rows, told_of.append, now=day(5))
    assert told_of == [1]
    assert il6(store, ("d", 1, 4.9), ("d", 1, 5)) == [None, 7]
    assert deltalake.DeltaTable(str(tmp_path / "labs")).to_pyarrow_table().schema.names == LABS.names


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.drop_columns(["note"]), "lack note; expected the columns"),
        (lambda t: t.append_column("more", t["il6"]), "have a column more"),
        (
            lambda t: t.set_column(3, "il6", pa.array(["high"])),
            "il6 of the rows for labs holds string; expected double",
        ),
        (lambda t: t.set_column(1, "event_time", pa.nulls(1, TIME)), "no event_time in places"),
        (lambda t: t.set_column(1, "event_time", t["event_time"].cast(pa.timestamp("us"))), "no time zone"),
    ],
)
def test_rows_that_do_not_fit_are_refused_whole(tmp_path: Path, change: Any, says: str) -> None:
    store = told(tmp_path)
    rows = pa.Table.from_pylist(labs(("d", 1, 1, 7)), schema=LABS)
    with pytest.raises(UsageError, match=says):
        append_rows(store.config, store.get_feature_view("labs").batch_source, change(rows))
    assert deltalake.DeltaTable(str(tmp_path / "labs")).version() == 0


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    store = told(tmp_path)
    source = store.get_feature_view("labs").batch_source
    writers = [
        threading.Thread(
            target=append_rows,
            args=(store.config, source, pa.Table.from_pylist(labs((f"w{i}", 1, 1, i)), schema=LABS)),
        )
        for i in range(8)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert il6(store, *((f"w{i}", 1, 2) for i in range(8))) == list(range(8))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_saved_dataset_comes_back_whole(tmp_path: Path) -> None:
    from feast.errors import SavedDatasetLocationAlreadyExists

    from features.offline.delta_source import DeltaStorage

    store = told(tmp_path)
    questions = ask(("a", 1, 3), ("b", 1, 30), ("x", 2, 3), ("a", 1, 3))
    job = store.get_historical_features(entity_df=questions, features=BOTH, full_feature_names=True)
    store.create_saved_dataset(job, "first", DeltaStorage("saved/first"))
    back = store.get_saved_dataset("first").to_df()
    columns = list(job.to_df().columns)
    order = ["patient_id", "event_timestamp"]
    pd.testing.assert_frame_equal(
        back[columns].sort_values(order, ignore_index=True),
        job.to_df().sort_values(order, ignore_index=True),
        check_dtype=False,
    )
    with pytest.raises(SavedDatasetLocationAlreadyExists):
        store.create_saved_dataset(job, "second", DeltaStorage("saved/first"))
    other = questions.rename(columns={"event_timestamp": "asked_at"})
    job = store.get_historical_features(entity_df=other, features=BOTH)
    with pytest.raises(UsageError, match="asked_at; Feast reads a saved dataset by event_timestamp"):
        store.create_saved_dataset(job, "third", DeltaStorage("saved/third"))


def test_served_features_are_logged_and_read_back(tmp_path: Path) -> None:
    from feast.feature_logging import FeatureServiceLoggingSource

    store = told(tmp_path)
    service = store.get_feature_service("both")
    schema = FeatureServiceLoggingSource(service, "small").get_schema(store.registry)
    for request in range(3):
        row = {"patient_id": "a", "labs__il6": 1.5, "labs__il6__timestamp": day(0), "labs__il6__status": 2}
        times = {"__log_timestamp": day(request), "__log_date": day(request).date(), "__request_id": f"r{request}"}
        store.write_logged_features(pa.Table.from_pylist([row | times], schema=schema), service)
    logs = store._get_provider().retrieve_feature_service_logs(service, day(0.5), day(9), store.config, store.registry)
    got = logs.to_df().sort_values("__log_timestamp")
    assert got["__request_id"].tolist() == ["r1", "r2"]
    assert got["labs__il6"].tolist() == [1.5, 1.5]
    with pytest.raises(UsageError, match="logged to a DeltaLoggingDestination"):
        append_logs(store.config, pa.table({"x": [1]}), object())


def test_on_demand_features_are_computed_from_what_was_known(tmp_path: Path) -> None:
    from feast import Field, RequestSource
    from feast.on_demand_feature_view import on_demand_feature_view
    from feast.types import Float64

    asked = RequestSource(name="asked", schema=[Field(name="factor", dtype=Float64)])
    view = told(tmp_path).get_feature_view("labs")

    @on_demand_feature_view(sources=[asked, view[["il6"]]], schema=[Field(name="scaled", dtype=Float64)])
    def scaled(inputs: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"scaled": inputs["il6"] * inputs["factor"]})

    store = small_store(tmp_path, more=[scaled])
    questions = ask(("a", 1, 3), ("b", 1, 9), ("x", 1, 9)).assign(factor=[10.0, 20.0, 30.0])
    got = store.get_historical_features(entity_df=questions, features=["beat:bpm", "scaled:scaled"]).to_df()
    assert got["scaled"].fillna(-1).tolist() == [10.0, 80.0, -1]
    assert got["bpm"].fillna(-1).tolist() == [61, 63, -1]


def pull(store: Any, view: str = "labs", **bounds: Any) -> Any:
    found = store.get_feature_view(view)
    return pull_request(
        store.config,
        found.batch_source,
        [c.name for c in found.entity_columns],
        [f.name for f in found.features],
        ("event_time", "known_time"),
        (bounds.get("start"), bounds.get("end")),
    )


def test_pulls_of_all_rows_and_of_the_latest(tmp_path: Path) -> None:
    store = told(tmp_path)

    def rows(job: Any) -> list[object]:
        return sorted(pa.Table.from_batches(job.to_arrow_batches())["il6"].to_pylist())

    assert rows(everything(pull(store))) == [1, 2, 3, 4]
    assert rows(everything(pull(store, end=day(10)))) == [1, 3, 4]  # the report of day 20 is not known
    assert rows(everything(pull(store, start=day(3), end=day(10)))) == [3, 4]
    assert rows(latest(pull(store, end=day(9)))) == [1, 4]
    assert rows(latest(pull(store, end=day(30)))) == [3, 4]
    assert rows(latest(pull(small_store(tmp_path, known_only=False), end=day(9)))) == [2, 4]
    assert rows(latest(pull(small_store(tmp_path, as_known_at=day(5)), end=day(30)))) == [1, 4]
    assert sorted(latest(pull(store, "beat", end=day(30))).to_arrow()["bpm"].to_pylist()) == [61, 62, 63]
    assert len(BEATS) == 3 and len(STORY) == 4


def test_views_without_an_entity(tmp_path: Path) -> None:
    from feast import FeatureView, Field
    from feast.types import Float64

    from features.offline.delta_source import DeltaSource

    view = FeatureView(
        name="ward",
        entities=[],
        schema=[Field(name="il6", dtype=Float64)],
        source=DeltaSource(
            name="ward", path="labs", timestamp_field="event_time", created_timestamp_column="known_time"
        ),
    )
    told(tmp_path)
    store = small_store(tmp_path, more=[view])
    job = store.get_historical_features(entity_df=ask(("x", 1, 4), ("y", 1, 12)), features=["ward:il6"])
    assert job.to_arrow()["il6"].to_pylist() == [4, 3]
    store.materialize(day(-1), day(12), feature_views=["ward"])
    assert store.get_online_features(["ward:il6"], [{"anything": 1}]).to_dict()["il6"] == [3]


def test_the_latest_rows_do_not_depend_on_how_many_are_looked_at_together(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    n = 3_000
    whole = pa.table(
        {
            "patient_id": pa.array([f"p{i}" for i in random.integers(0, 90, n)]),
            "event_time": pa.array([day(float(d)) for d in random.integers(0, 40, n)], TIME),
            "known_time": pa.array([day(float(d)) for d in random.integers(0, 60, n)], TIME),
            "il6": random.integers(0, 3, n).astype(float),
            "note": pa.array([f"n{i}" for i in random.integers(0, 3, n)]),
            "file_ids": pa.array([["f"]] * n),
        },
        schema=LABS,
    )
    write(tmp_path, "labs", LABS, whole.to_pylist())
    asked = pull(small_store(tmp_path), end=day(30))
    columns = ["patient_id", "il6", "note", "event_time", "known_time"]
    seen = whole.filter((pa.compute.field("known_time") <= day(30)) & (pa.compute.field("event_time") <= day(30)))

    def of(budget: int) -> list[dict[str, object]]:
        reader = seen.select(columns).to_reader(max_chunksize=70)
        return list(latest_of(reader, asked, day(30), budget).read_all().sort_by("patient_id").to_pylist())

    expected: dict[object, tuple[object, ...]] = {}
    for row in seen.select(columns).to_pylist():
        rank = (row["event_time"], row["known_time"], row["il6"], row["note"])
        expected[row["patient_id"]] = max(expected.get(row["patient_id"], rank), rank)
    assert {r["patient_id"]: (r["event_time"], r["known_time"], r["il6"], r["note"]) for r in of(10**9)} == expected
    assert of(100) == of(1_000) == of(10**9)
    assert latest(asked).to_arrow().sort_by("patient_id").select(columns).to_pylist() == of(10**9)


def test_a_pull_holds_a_few_row_groups_only(tmp_path: Path) -> None:
    """Of a table of 24 row groups, reading the first batches must not read the rest."""
    n = 240_000
    rows = pa.table(
        {
            "patient_id": pa.array(np.char.add("p", (np.arange(n) // 100).astype(str))),
            "event_time": pa.array(np.full(n, 1_772_323_200_000_000), TIME),
            "known_time": pa.array(np.full(n, 1_772_323_200_000_000), TIME),
            "il6": np.random.default_rng(1).random(n),
            "note": pa.array(np.random.default_rng(2).random(n).astype(str)),
            "file_ids": pa.array([["f"]] * n),
        },
        schema=LABS,
    )
    properties = deltalake.WriterProperties(max_row_group_size=10_000)
    deltalake.write_deltalake(str(tmp_path / "labs"), rows, writer_properties=properties)
    job = everything(pull(small_store(tmp_path), end=day(0) + timedelta(days=1)))
    before = pa.total_allocated_bytes()
    batches = job.to_arrow_batches()
    n_rows, most = 0, 0
    for batch in batches:
        n_rows += batch.num_rows
        most = max(most, pa.total_allocated_bytes() - before)
    assert n_rows == n
    assert most < rows.nbytes / 6
