"""Whatever label rows come as, the same features go out: one row for each, in their order."""

from pathlib import Path
from typing import Any

import deltalake
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from infra.errors import UsageError
from tests.features.small_store import BEAT, BOTH, LABS, STORY, ask, beats, day, labs, small_store, told, write

QUESTIONS = ask(("b", 1, 30), ("a", 11, 3), ("a", 1, 3), ("x", 1, 3), (None, 1, 3), ("a", 11, 3), ("a", None, 21))
ANSWERS: list[list[object]] = [
    [4.0, "n4", None],  # a pulse of day 3 is too old on day 30
    [1.0, "n1", 62],
    [1.0, "n1", 61],
    [None, None, None],
    [None, None, None],
    [1.0, "n1", 62],
    [3.0, "n3", None],
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return told(tmp_path_factory.mktemp("lake"))


def answers(job: Any) -> list[list[object]]:
    return [list(row) for row in zip(*(job.to_arrow()[n].to_pylist() for n in ("il6", "note", "bpm")), strict=True)]


@pytest.mark.parametrize(
    "given",
    [
        lambda frame: frame,
        lambda frame: frame.set_axis(range(7, 0, -1)),
        lambda frame: frame.astype({"patient_id": "category"}),
        lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
        pl.from_pandas,
        lambda frame: pl.from_pandas(frame).lazy(),
        lambda frame: frame.assign(event_timestamp=frame["event_timestamp"].dt.tz_convert("America/New_York")),
    ],
    ids=["pandas", "odd index", "category", "arrow", "polars", "polars lazy", "another zone"],
)
def test_label_rows_of_every_kind(store: Any, given: Any) -> None:
    job = store.get_historical_features(entity_df=given(QUESTIONS), features=BOTH)
    assert answers(job) == ANSWERS
    assert job.to_df()["patient_id"].astype(object).fillna("").tolist() == QUESTIONS["patient_id"].fillna("").tolist()


def test_a_pandas_frame_keeps_its_columns_as_they_were(store: Any) -> None:
    frame = QUESTIONS.assign(arm=pd.Categorical(list("xyxyxyx")))
    got = store.get_historical_features(entity_df=frame, features=BOTH).to_df()
    pd.testing.assert_frame_equal(got[frame.columns], frame)
    assert list(got.columns) == [*frame.columns, "il6", "note", "bpm"]


def test_a_select_over_feature_views_by_name(store: Any) -> None:
    query = """
        SELECT patient_id, event_time + INTERVAL 1 DAY AS event_timestamp FROM labs
        WHERE il6 < 4 ORDER BY event_time DESC
    """
    got = store.get_historical_features(entity_df=query, features=["labs:il6"]).to_df()
    assert got["event_timestamp"].tolist() == [day(11), day(6), day(1)]
    assert got["il6"].tolist() == [3, 1, 1]


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("SELECT * FROM read_csv('/etc/hostname')", "disabled"),
        ("SELECT * FROM '/etc/hostname'", "does not exist"),
        ("COPY labs TO '/tmp/labs.csv'", "not one SELECT"),
        ("DROP TABLE labs", "not one SELECT"),
        ("SELECT 1; SELECT 2", "not one SELECT"),
        ("SET enable_external_access = true", "not one SELECT"),
        ("SELEC 1", "cannot be read"),
        ("SELECT * FROM labs_of_nobody", "does not exist"),
        ("SELECT * FROM query", "does not exist"),  # a variable of ours
        ("SELECT patient_id FROM labs", "no column event_timestamp"),
    ],
)
def test_a_select_reaches_nothing_else(store: Any, query: str, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        store.get_historical_features(entity_df=query, features=["labs:il6"])


def test_a_failing_select_shows_no_value_of_a_patient(tmp_path: Path) -> None:
    write(tmp_path, "labs", LABS, labs(("secret-name", 0, 0, 1)))
    with pytest.raises(UsageError, match="ConversionException") as caught:
        small_store(tmp_path).get_historical_features(
            entity_df="SELECT patient_id::INT AS patient_id, event_time AS event_timestamp FROM labs",
            features=["labs:il6"],
        )
    assert "secret-name" not in str(caught.value)


def test_a_span_asks_at_every_instant_at_which_more_is_known(store: Any) -> None:
    job = store.get_historical_features(features=["labs:il6"], start_date=day(3), end_date=day(20))
    got = [tuple(row.values()) for row in job.to_arrow().to_pylist()]
    # The report of day 20 about day 5 changes nothing: day 10 is later.
    assert got == [("a", day(10), 3), ("a", day(20), 3), ("b", day(3), 4)]
    assert job.metadata.min_event_timestamp == day(3)
    looking_ahead = small_store(Path(store.config.offline_store.root), known_only=False)
    job = looking_ahead.get_historical_features(features=["labs:il6"], start_date=day(3), end_date=day(20))
    assert [tuple(row.values()) for row in job.to_arrow().to_pylist()] == [
        ("a", day(5), 2),
        ("a", day(10), 3),
        ("b", day(3), 4),
    ]
    with pytest.raises(UsageError, match="expected start_date first"):
        store.get_historical_features(features=["labs:il6"], start_date=day(3), end_date=day(1)).to_df()


def test_a_span_over_views_of_different_keys(tmp_path: Path) -> None:
    write(tmp_path, "labs", LABS, labs(("a", 2, 2, 1), ("a", 2, 2, 1)))
    write(tmp_path, "beat", BEAT, beats(("a", 7, 2, 60)))
    job = small_store(tmp_path).get_historical_features(features=BOTH, start_date=day(0), end_date=day(9))
    assert [tuple(row.values()) for row in job.to_arrow().to_pylist()] == [
        ("a", 7, day(2), 1, "n1", 60),
        ("a", None, day(2), 1, "n1", None),
    ]


def test_what_was_known_on_a_given_day(store: Any) -> None:
    questions = ask(("a", 1, 7), ("a", 1, 30), ("b", 1, 30))

    def il6(**options: object) -> list[float]:
        job = store.get_historical_features(entity_df=questions, features=["labs:il6"], **options)
        return list(job.to_arrow()["il6"].to_pylist())

    assert il6() == [1, 3, 4]
    assert il6(as_known_at=day(8)) == [1, 1, 4]
    assert il6(as_known_at=day(1)) == [1, 1, None]
    folder = Path(store.config.offline_store.root)
    in_hindsight = small_store(folder, known_only=False, as_known_at=day(25))
    job = in_hindsight.get_historical_features(entity_df=questions, features=["labs:il6"])
    assert job.to_arrow()["il6"].to_pylist() == [2, 3, 4]  # the state of day 7 as it was known on day 25
    with pytest.raises(UsageError, match="as_known_at has no time zone"):
        il6(as_known_at=day(1).replace(tzinfo=None))


def test_an_old_training_set_from_pinned_versions(tmp_path: Path) -> None:
    write(tmp_path, "labs", LABS, STORY)
    write(tmp_path, "labs", LABS, labs(("a", 2, 2, 9)))
    for version, expected in ((0, [1.0]), (1, [9.0])):
        pinned = small_store(tmp_path, versions={"labs": version})
        job = pinned.get_historical_features(entity_df=ask(("a", 1, 3)), features=["labs:il6"])
        assert job.to_arrow()["il6"].to_pylist() == expected
        assert (job.table_versions, job.file_ids) == ({"labs": version}, (f"file-{expected[0]:g}",))


@pytest.mark.parametrize(
    ("change", "features", "says"),
    [
        (lambda f: f, ["labs:il7"], "il7 not found in projection labs; `oncolake features list`"),
        (lambda f: f, ["lab:il6"], "Feature view lab does not exist .* `oncolake features list`"),
        (lambda f: f.drop(columns="patient_id"), BOTH, "no column patient_id, which feature view labs is keyed by"),
        (lambda f: f.drop(columns="event_timestamp"), BOTH, "name the one that says when .* event_timestamp"),
        (lambda f: f.assign(event_timestamp=f["event_timestamp"].dt.tz_localize(None)), BOTH, "give them one"),
        (lambda f: f.assign(event_timestamp="2026-03-01"), BOTH, "expected timestamps in UTC"),
        (lambda f: f.assign(il6=1.0), BOTH, "rename it, or ask for full feature names"),
        (lambda f: f.assign(odd=[1, "x", *[None] * (len(f) - 2)]), BOTH, "mixes types"),
        (lambda f: pd.concat([f, f[["case_id"]]], axis=1), BOTH, "two columns case_id; rename one"),
        (lambda f: [1, 2], BOTH, "are a list; expected a pandas or Polars frame"),
    ],
)
def test_bad_input_is_answered_with_its_fix(store: Any, change: Any, features: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        store.get_historical_features(entity_df=change(QUESTIONS), features=features)
    assert "\n" not in str(caught.value)


def test_a_view_without_known_time_is_not_taken_for_known(tmp_path: Path) -> None:
    from feast import Entity, FeatureView, Field
    from feast.types import Float64

    from features.delta_source import DeltaSource

    write(tmp_path, "labs", LABS, STORY)
    view = FeatureView(
        name="timeless",
        entities=[Entity(name="patient", join_keys=["patient_id"])],
        schema=[Field(name="il6", dtype=Float64)],
        source=DeltaSource(name="timeless", path="labs", timestamp_field="event_time"),
    )
    asked = {"entity_df": ask(("a", 1, 7)), "features": ["timeless:il6"]}
    for settings in ({}, {"known_only": False, "as_known_at": day(3)}):
        store = small_store(tmp_path, more=[view], **settings)
        with pytest.raises(UsageError, match="timeless has no column of known time; give its source a created_times"):
            store.get_historical_features(**asked)
    store = small_store(tmp_path, known_only=False)
    assert store.get_historical_features(**asked).to_arrow()["il6"].to_pylist() == [2]


def test_files_that_no_label_can_need_are_not_read(tmp_path: Path) -> None:
    for i in range(6):
        write(tmp_path, "labs", LABS, labs((f"p{i}", 1, 1, i), (f"p{i}", 9, 9, 10 + i)))
    store = small_store(tmp_path)
    table = deltalake.DeltaTable(str(tmp_path / "labs"))
    actions = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    for action in actions:
        if action["min.patient_id"] not in {"p2", "p3"}:
            (tmp_path / "labs" / action["path"]).unlink()
    job = store.get_historical_features(entity_df=ask(("p3", 1, 5), ("p2", 1, 10)), features=["labs:il6"])
    assert job.to_arrow()["il6"].to_pylist() == [3, 12]
    assert job.file_ids == ("file-12", "file-3")


def test_no_label_rows_give_no_rows(store: Any) -> None:
    got = store.get_historical_features(entity_df=QUESTIONS.iloc[:0], features=BOTH).to_df()
    assert (len(got), list(got.columns)) == (0, [*QUESTIONS.columns, "il6", "note", "bpm"])


def test_a_view_that_is_not_built_and_a_column_it_lacks(tmp_path: Path) -> None:
    empty = small_store(tmp_path)
    with pytest.raises(UsageError, match="labs has no table yet; run `oncolake features build` first"):
        empty.get_historical_features(entity_df=QUESTIONS, features=BOTH)
    old = LABS.remove(LABS.get_field_index("note"))
    write(tmp_path, "labs", old, [{k: v for k, v in row.items() if k != "note"} for row in STORY])
    with pytest.raises(UsageError, match="labs has no column note; run `oncolake features build`"):
        empty.get_historical_features(entity_df=QUESTIONS, features=["labs:note"])
