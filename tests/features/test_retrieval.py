"""From label rows to a training frame through Feast, on Delta tables, with no JVM."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.frames import digest
from features.retrieval import retrieve
from features.store.repository import apply, get_online, materialize, open_store
from features.store.services import SERVICES, served
from features.tables import VIEWS
from features.view import definitions_hash
from infra.errors import UsageError
from infra.lake import Lake
from tests.features.gold_lake import day, story, write_gold
from training.columns import SPREAD
from training.modalities import HISTORY

SURVIVAL = "overall_survival_v1"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    built = story(tmp_path_factory.mktemp("lake"))
    apply(built)
    return built


def ask(*rows: tuple[str, float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "patient_id": [p for p, _ in rows],
            "event_timestamp": pd.to_datetime([day(n) for _, n in rows], utc=True),
            "is_event": [bool(i % 2) for i in range(len(rows))],
        },
        index=range(100, 100 + len(rows)),
    )


def test_one_row_a_label_in_label_order(lake: Lake) -> None:
    labels = ask(("b", 3), ("a", 30), ("stranger", 3), ("a", 3), ("a", 30), ("b", 0.5))
    got = retrieve(lake, SURVIVAL, labels).frame
    pd.testing.assert_frame_equal(got[labels.columns], labels.reset_index(drop=True))
    assert list(got.columns) == [*labels.columns, *served(SURVIVAL)]
    shown = got[
        [
            "clinical_profile__karnofsky",
            "clinical_profile__is_female",
            "clinical_profile__n_fractions_given",
            "cytokine_kinetics__il6_last_pg_per_ml",
            "olink_profile__il6_baseline_npx",
        ]
    ]
    nan = float("nan")
    expected = pd.DataFrame(
        [
            [70.0, 0.0, 2.0, nan, nan],
            [90.0, 1.0, 0.0, 16.0, 1.5],
            [nan, nan, nan, nan, nan],
            [90.0, 1.0, 0.0, nan, nan],
            [90.0, 1.0, 0.0, 16.0, 1.5],
            [nan, nan, nan, nan, nan],
        ],
        columns=shown.columns,
    )
    pd.testing.assert_frame_equal(shown, expected)


def test_a_late_report_that_would_leak_is_absent_by_default(lake: Lake) -> None:
    labels = ask(("a", 10))  # MGMT was drawn on day 5 and reported on day 20
    mgmt = "clinical_profile__mgmt_percent"
    assert retrieve(lake, SURVIVAL, labels).frame[mgmt].isna().all()
    assert retrieve(lake, SURVIVAL, labels, known_only=False).frame[mgmt].tolist() == [31.0]
    assert retrieve(lake, SURVIVAL, ask(("a", 20))).frame[mgmt].tolist() == [31.0]


def test_names_exactly_the_files_of_the_rows_used(lake: Lake) -> None:
    assert retrieve(lake, SURVIVAL, ask(("a", 3))).file_ids == ("clinic-1",)
    assert retrieve(lake, SURVIVAL, ask(("a", 15), ("b", 9))).file_ids == (
        "burden",
        "clinic-1",
        "clinic-2",
        "exosome_summary",
        "imaging_availability",
        "olink",
        "plate-1",
    )
    assert retrieve(lake, SURVIVAL, ask(("stranger", 3))).file_ids == ()


def test_pinned_versions_rebuild_an_old_training_set(tmp_path: Path) -> None:
    lake = story(tmp_path)
    apply(lake)
    labels = ask(("a", 30), ("b", 9))
    before = retrieve(lake, SURVIVAL, labels)
    write_gold(
        lake,
        "clinical_profile",
        {"patient_id": "a", "event_time": day(25), "known_time": day(25), "karnofsky": 60.0, "file_ids": ["clinic-3"]},
    )
    after = retrieve(lake, SURVIVAL, labels)
    replayed = retrieve(lake, SURVIVAL, labels, versions=before.table_versions)

    assert before.table_versions["clinical_profile"] == 0
    assert after.table_versions == before.table_versions | {"clinical_profile": 1}
    assert after.frame["clinical_profile__karnofsky"].tolist() == [60.0, 70.0]
    assert after.digest != before.digest
    assert replayed.digest == before.digest
    pd.testing.assert_frame_equal(replayed.frame, before.frame)
    assert (replayed.file_ids, replayed.definitions_hash) == (before.file_ids, before.definitions_hash)
    with pytest.raises(UsageError, match="Version 9 of the table of feature view clinical_profile cannot be read"):
        retrieve(lake, SURVIVAL, labels, versions={"clinical_profile": 9})


def test_a_lake_that_was_moved_needs_no_second_apply(tmp_path: Path) -> None:
    apply(story(tmp_path / "here"))
    moved = (tmp_path / "here").rename(tmp_path / "there")
    assert retrieve(Lake.at(moved), SURVIVAL, ask(("b", 9))).frame["clinical_profile__karnofsky"].tolist() == [70.0]


def test_vital_windows_expire_after_five_minutes(lake: Lake) -> None:
    minutes = [0.5, 3, 10, 15, 15.1]
    labels = pd.DataFrame(
        {
            "case_id": ["op"] * len(minutes),
            "event_timestamp": pd.to_datetime([day(0) + timedelta(minutes=m) for m in minutes], utc=True),
        }
    )
    got = retrieve(lake, "hypotension_v1", labels).frame["vital_window__map_mmhg"]
    assert got.isna().tolist() == [True, False, False, False, True]
    assert got.dropna().tolist() == [77.0, 70.0, 70.0]


@pytest.mark.parametrize(("end", "fresh_until"), [(10, None), (15, 1), (40, 2)])
def test_online_equals_the_as_of_join_at_the_time_of_materialisation(
    tmp_path: Path, end: float, fresh_until: float | None
) -> None:
    lake = story(tmp_path)
    apply(lake)
    materialize(lake, day(end))
    online = get_online(lake, SURVIVAL, [{"patient_id": p} for p in ("b", "a", "stranger")], now=day(end))
    offline = retrieve(lake, SURVIVAL, ask(("b", end), ("a", end), ("stranger", end))).frame
    pd.testing.assert_frame_equal(online, offline[["patient_id", *served(SURVIVAL)]])
    assert online["cytokine_kinetics__il6_last_pg_per_ml"].notna().sum() == (0 if fresh_until is None else 1)


def test_online_values_expire_as_in_training(lake: Lake) -> None:
    materialize(lake, day(1))
    last = day(0) + timedelta(minutes=10)
    for minutes, expected in ((5, [70.0]), (5.1, [None])):
        now: datetime = last + timedelta(minutes=minutes)
        got = get_online(lake, "hypotension_v1", [{"case_id": "op"}], now=now)["vital_window__map_mmhg"]
        assert got.astype(object).where(got.notna(), None).tolist() == expected


def test_whole_panels_come_as_arrays_with_their_names(lake: Lake) -> None:
    job = open_store(lake).get_historical_features(
        entity_df=ask(("a", 14), ("b", 14)), features=["olink_profile:analytes", "olink_profile:baseline_npx"]
    )
    frame = job.to_df()
    assert list(frame["analytes"].iloc[0]) == ["CCL2", "IL6"]
    assert list(frame["baseline_npx"].iloc[0]) == [7.0, 1.5]
    assert frame["analytes"].iloc[1] is None


def test_saved_datasets_come_back_as_they_were(lake: Lake) -> None:
    from features.offline.delta_source import DeltaStorage

    store = open_store(lake)
    job = store.get_historical_features(
        entity_df=ask(("a", 30), ("b", 9)), features=["clinical_profile:karnofsky"], full_feature_names=True
    )
    with pytest.warns(RuntimeWarning, match="experimental"):  # Feast's own word for saved datasets
        store.create_saved_dataset(job, "two_patients", DeltaStorage("saved/two_patients"))
        back = store.get_saved_dataset("two_patients").to_df().sort_values("patient_id")
    assert back["clinical_profile__karnofsky"].tolist() == [90.0, 70.0]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: f.drop(columns="patient_id"), "no column patient_id"),
        (lambda f: f.drop(columns="event_timestamp"), "no column event_timestamp"),
        (lambda f: f.assign(event_timestamp=f["event_timestamp"].dt.tz_localize(None)), "with a zone"),
        (lambda f: f.assign(event_timestamp=f["event_timestamp"].where(f["is_event"])), "empty in 1 label rows"),
    ],
)
def test_label_frames_that_cannot_be_right_are_refused(lake: Lake, change: object, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        retrieve(lake, SURVIVAL, change(ask(("a", 3), ("b", 3))))  # type: ignore[operator]


def test_what_is_not_there_is_named_with_its_remedy(tmp_path: Path, lake: Lake) -> None:
    labels = ask(("a", 3))
    with pytest.raises(UsageError, match="no feature service survival; the services are overall_survival_v1"):
        retrieve(lake, "survival", labels)
    with pytest.raises(UsageError, match="oncolake features build"):
        retrieve(Lake.at(tmp_path / "empty"), SURVIVAL, labels)
    with pytest.raises(UsageError, match="oncolake features apply"):
        retrieve(story(tmp_path / "unapplied"), SURVIVAL, labels)
    with pytest.raises(UsageError, match="no column event_timestamp"):
        open_store(lake).get_historical_features(entity_df="SELECT 1", features=["clinical_profile:karnofsky"])


def test_the_digest_sees_values_names_order_and_versions() -> None:
    frame = pd.DataFrame({"t": pd.to_datetime([day(0), day(1)], utc=True), "x": [1.0, float("nan")], "s": ["a", None]})
    same = frame.assign(t=frame["t"].dt.tz_convert("Europe/Paris"), x=frame["x"].astype("Float64"))
    same.index = [7, 8]
    versions = {"burden": 3, "clinical_profile": 1}
    times = [np.array([day(0).replace(tzinfo=None)], "datetime64[us]"), None]
    frame["a"], same["a"] = times, [times[0].astype("datetime64[ns]"), None]
    reference = digest(frame, versions)
    assert digest(same, dict(reversed(versions.items()))) == reference
    others = [
        digest(frame, versions | {"burden": 4}),
        digest(frame[["x", "t", "s", "a"]], versions),
        digest(frame.rename(columns={"x": "y"}), versions),
        digest(frame.iloc[::-1], versions),
        digest(frame.fillna({"x": 0.0}), versions),
        digest(frame.fillna({"s": ""}), versions),
        digest(frame.assign(t=frame["t"] + pd.Timedelta(microseconds=1)), versions),
        digest(frame.head(1), versions),
        digest(frame.assign(a=[times[0] + np.timedelta64(1, "us"), None]), versions),
    ]
    assert len({reference, *others}) == 1 + len(others)


def test_the_definitions_hash_sees_meaning_and_not_prose() -> None:
    from dataclasses import replace

    view = VIEWS["burden"]
    feature = view.features[0]
    reworded = replace(view, features=(replace(feature, description="Other words."), *view.features[1:]))
    redefined = replace(view, features=(replace(feature, definition="burden.last_sample/2"), *view.features[1:]))
    assert definitions_hash([reworded]) == definitions_hash([view])
    assert definitions_hash([redefined]) != definitions_hash([view])
    assert definitions_hash([replace(view, ttl=timedelta(days=1))]) != definitions_hash([view])


def test_every_service_serves_features_that_are_declared() -> None:
    for service, parts in SERVICES.items():
        entities = {VIEWS[view].entity for view in parts}
        assert len(entities) == 1, service
        for view, names in parts.items():
            declared = {f.name: f for f in VIEWS[view].features}
            measures, arrays = SPREAD.get(view, ("", ()))
            for name in names or declared:
                # Arrays of measures are served beside the array of their names, and are spread out for training.
                named = name in arrays and measures in (names or declared)
                is_number = declared[name].type in ("double", "int", "boolean")
                is_known = is_number or named or name == measures or view == HISTORY
                assert is_known, f"{service}: {view}.{name} is no number"


@pytest.mark.parametrize("view", VIEWS.values(), ids=lambda v: v.name)
def test_every_feature_says_what_it_is_and_where_it_comes_from(view: object) -> None:
    from features.view import GoldView
    from infra.tables import TABLES

    assert isinstance(view, GoldView)
    for feature in view.features:
        assert feature.description.endswith("."), feature.name
        assert "/" in feature.definition or feature.definition.startswith("hypotension."), feature.name
        if feature.type in ("double", "int", "array<double>"):
            assert feature.unit, f"{feature.name} has no unit"
        for source in feature.sources:
            table, column = source.split(".")
            assert table in view.inputs
            assert column in {c.name for c in TABLES[table].all_columns}, source


def test_importing_the_room_is_cheap() -> None:
    import subprocess
    import sys

    script = "import features, sys; print(sorted(m for m in ('feast', 'pyspark', 'pandas') if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    script = "import features.retrieval, features.building.build, sys; print('feast' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
