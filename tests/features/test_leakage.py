"""The leakage test of training sets: silent on what was known, and a name for each kind of planted leak."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.asof.join import as_of_join
from features.frames import plain_types
from features.leakage.check import check, outcome_sources
from features.leakage.known_then import NEVER, Moments, winners
from features.store.services import SERVICES
from features.tables import VIEWS
from infra.errors import UsageError
from infra.lake import Lake
from tests.features.gold_lake import TIME, day, write_gold
from tests.training import synthetic

KARNOFSKY, MGMT = "clinical_profile__karnofsky", "clinical_profile__mgmt_percent"
IL6 = "cytokine_kinetics__il6_last_pg_per_ml"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """KPS of patients a and b falls on day 30; a's MGMT of day 5 is reported on day 20; a's IL6 of day 2, reported on
    day 4 as 8 pg/mL, is corrected to 32 on day 25."""
    lake = Lake.at(tmp_path_factory.mktemp("lake"))
    files = {"file_ids": ["x"]}
    for patient in "ab":
        for n, kps in ((0, 90.0), (30, 60.0)):
            times = {"patient_id": patient, "event_time": day(n), "known_time": day(n)}
            write_gold(lake, "clinical_profile", times | {"karnofsky": kps} | files)
    late: dict[str, object] = {"patient_id": "a", "event_time": day(5), "known_time": day(20), "karnofsky": 90.0}
    write_gold(lake, "clinical_profile", late | {"mgmt_percent": 31.0} | files)
    for known, value in ((4, 8.0), (25, 32.0)):
        row: dict[str, object] = {"patient_id": "a", "event_time": day(2), "known_time": day(known)}
        write_gold(lake, "cytokine_kinetics", row | {"il6_last_pg_per_ml": value} | files)
    return lake


def frame(*rows: tuple[str, float, dict[str, float]], **others: Any) -> pd.DataFrame:
    labels = pd.DataFrame(
        {
            "patient_id": [p for p, _, _ in rows],
            "event_timestamp": pd.to_datetime([day(n) for _, n, _ in rows], utc=True),
            "is_event": [bool(i % 2) for i in range(len(rows))],
        }
    )
    return pd.concat([labels, pd.DataFrame([values for _, _, values in rows])], axis="columns").assign(**others)


KNOWN = [
    ("a", 10, {KARNOFSKY: 90.0, MGMT: np.nan, IL6: 8.0}),
    ("b", 10, {KARNOFSKY: 90.0, MGMT: np.nan, IL6: np.nan}),
    ("stranger", 10, {KARNOFSKY: np.nan, MGMT: np.nan, IL6: np.nan}),
    ("a", 25, {KARNOFSKY: 90.0, MGMT: 31.0, IL6: 32.0}),
    ("a", 40, {KARNOFSKY: 60.0, MGMT: np.nan, IL6: 32.0}),
]


def test_what_was_known_is_no_finding(lake: Lake) -> None:
    report = check(lake, frame(*KNOWN))
    assert report.is_clean
    assert (report.n_values, report.n_rows) == (15, 5)
    assert report.table_versions == {"clinical_profile": 4, "cytokine_kinetics": 1}
    assert report.sentence("it") == "Nothing in it was ahead of its time: 15 values of 5 rows."


@pytest.mark.parametrize(
    ("row", "column", "value", "kind", "days"),
    [
        (1, KARNOFSKY, 60.0, "future event", 20),
        (0, MGMT, 31.0, "late report", 10),
        (0, IL6, 32.0, "correction after the fact", 15),
        (0, IL6, 9.5, "not what was known", None),
        (3, IL6, 8.0, "not what was known", None),  # superseded by then
        (3, MGMT, np.nan, "not what was known", None),  # withheld
    ],
)
def test_each_planted_leak_is_named(
    row: int, column: str, value: float, kind: str, days: float | None, lake: Lake
) -> None:
    planted = frame(*KNOWN)
    planted.loc[row, column] = value
    report = check(lake, planted)
    (found,) = report.findings.to_dict("records")
    assert (found["kind"], f"{found['view']}__{found['feature']}", found["row"]) == (kind, column, row)
    assert found["early_s"] == (
        pytest.approx(days * 86_400) if days is not None else pytest.approx(np.nan, nan_ok=True)
    )
    # Neither the value nor the patient is told.
    said = str(report.as_json()) + report.sentence("it")
    assert "stranger" not in said
    assert str(value) not in said or np.isnan(value)


def test_the_sentence_names_the_worst(lake: Lake) -> None:
    planted = frame(*KNOWN).assign(**{KARNOFSKY: [60.0, 60, np.nan, 90, 60]})
    planted.loc[0, MGMT] = 31.0
    assert check(lake, planted).sentence("the frame") == (
        "In the frame 3 findings say that it knew what could not be known at the time of its labels: "
        "clinical_profile.karnofsky (future event, 2), clinical_profile.mgmt_percent (late report, 1)."
    )


def test_it_is_held_against_the_versions_that_were_read(lake: Lake) -> None:
    first = check(lake, frame(("a", 40, {KARNOFSKY: 90.0})), versions={"clinical_profile": 0})
    assert first.is_clean
    assert first.table_versions == {"clinical_profile": 0}
    newest = check(lake, frame(("a", 40, {KARNOFSKY: 90.0})))
    assert not newest.is_clean
    assert "No version of clinical_profile is recorded" in " ".join(newest.notes)
    with pytest.raises(UsageError, match="Version 99 of the table of feature view clinical_profile cannot be read"):
        check(lake, frame(("a", 40, {KARNOFSKY: 90.0})), versions={"clinical_profile": 99})


def test_columns_that_cannot_be_derived_are_noted(lake: Lake) -> None:
    report = check(lake, frame(("a", 10, {KARNOFSKY: 90.0, "clinical_profile__mine": 1.0, "gait__speed": 1.0})))
    assert report.is_clean
    assert "Not declared, or not kept as it was, and so not compared: mine of clinical_profile." in report.notes
    assert "There is no feature view gait; its 1 columns were not derived again." in report.notes


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: f[["patient_id", "event_timestamp"]], "no feature column"),
        (lambda f: f.drop(columns="patient_id"), "no column patient_id"),
        (lambda f: f.drop(columns="event_timestamp"), "no column event_timestamp"),
        (lambda f: f.assign(event_timestamp=f["event_timestamp"].dt.tz_localize(None)), "with a zone"),
        (lambda f: f.assign(event_timestamp=f["event_timestamp"].where(f["is_event"])), "empty in 3 rows"),
        (lambda f: f.assign(burden__is_hypermutated=1.0), "oncolake features build"),
    ],
)
def test_frames_that_cannot_be_checked_are_refused(lake: Lake, change: Any, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        check(lake, change(frame(*KNOWN)))


def test_whole_panels_and_texts_are_compared_too(tmp_path: Path) -> None:
    """An array that differs in one protein is another, and one that comes later is a future event."""
    lake = Lake.at(tmp_path)
    for n, panel in ((0, [7.0, 1.5]), (9, [7.0, 2.5])):
        row: dict[str, object] = {"patient_id": "a", "event_time": day(n), "known_time": day(n), "file_ids": ["x"]}
        write_gold(lake, "olink_profile", row | {"analytes": ["CCL2", "IL6"], "baseline_npx": panel})
    names, npx = "olink_profile__analytes", "olink_profile__baseline_npx"
    labels = frame(("a", 3, {}), ("a", 9, {}), ("b", 3, {}))
    panels = [np.array([7.0, 1.5]), [7.0, 2.5], None]
    honest = labels.assign(**{names: [["CCL2", "IL6"], np.array(["CCL2", "IL6"], object), None], npx: panels})
    report = check(lake, honest)
    assert report.is_clean
    assert report.n_values == 6
    (found,) = check(lake, honest.assign(**{npx: [panels[1], panels[1], None]})).findings.to_dict("records")
    assert (found["kind"], found["feature"], found["row"]) == ("future event", "baseline_npx", 0)
    assert found["early_s"] == 6 * 86_400
    as_text = check(lake, honest.assign(**{npx: ["[7.0 1.5]", "[7.0 2.5]", None]}))
    assert any("not kept as it was, and so not compared: baseline_npx" in note for note in as_text.notes)


def test_values_expire_with_their_view(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    row: dict[str, object] = {"case_id": "op", "event_time": day(0), "known_time": day(0), "map_mmhg": 80.0}
    write_gold(lake, "vital_window", row | {"file_ids": ["m"]})
    minutes = [0.0, 5.0, 5.1, -1.0]
    times = pd.to_datetime([day(0) + timedelta(minutes=m) for m in minutes], utc=True)
    labels = pd.DataFrame({"case_id": "op", "event_timestamp": times, "label": [True, False, True, False]})
    values = [80.0, 80.0, np.nan, np.nan]
    assert check(lake, labels.assign(vital_window__map_mmhg=values)).is_clean
    found = check(lake, labels.assign(vital_window__map_mmhg=80.0)).findings
    assert found["row"].tolist() == [2, 3]
    assert found["kind"].tolist() == ["not what was known", "future event"]
    assert found["early_s"].iloc[1] == 60


def test_gold_that_names_files_before_they_were_known_is_found(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    for n, file_id in ((0, "early"), (9, "late")):
        synthetic.write(
            lake,
            "biomarker",
            [{"patient_id": "a", "marker": "KPS", "file_id": file_id, "event_time": day(0), "known_time": day(n)}],
        )
    row: dict[str, object] = {"patient_id": "a", "event_time": day(0), "known_time": day(0), "karnofsky": 90.0}
    write_gold(lake, "clinical_profile", row | {"file_ids": ["early", "late"]})
    report = check(lake, frame(("a", 4, {KARNOFSKY: 90.0}), ("a", 9, {KARNOFSKY: 90.0})))
    (found,) = report.findings.to_dict("records")
    assert (found["kind"], found["view"], found["row"]) == ("late report", "clinical_profile", 0)
    assert found["early_s"] == 5 * 86_400


def test_laboratory_files_are_known_with_their_specimen(tmp_path: Path) -> None:
    """A result without a report date is known after its delay, and not before its specimen."""
    lake = Lake.at(tmp_path)
    drawn = {"patient_id": "a", "sample_id": "s", "collected_time": day(0), "file_id": "tubes"}
    synthetic.write(lake, "specimen", [drawn | {"event_time": day(0), "known_time": day(1)}])
    result = {"sample_id": "s", "analyte": "IL6", "file_id": "plate", "event_time": None, "known_time": None}
    synthetic.write(lake, "cytokine_result", [result | {"reporting_delay_days": 14.0}])
    row: dict[str, object] = {"patient_id": "a", "event_time": day(0), "known_time": day(0), "il6_last_pg_per_ml": 8.0}
    write_gold(lake, "cytokine_kinetics", row | {"file_ids": ["plate", "tubes", "unknown"]})
    report = check(lake, frame(*(("a", n, {IL6: 8.0}) for n in (13.0, 14.0))))
    assert report.findings["early_s"].tolist() == [86_400]
    assert any(note.startswith("1 of 3 files named by rows of cytokine_kinetics") for note in report.notes)


def test_no_view_that_is_served_draws_on_outcomes() -> None:
    for parts in SERVICES.values():
        served = {view: names or tuple(f.name for f in VIEWS[view].features) for view, names in parts.items()}
        assert not outcome_sources(served)


def test_features_that_draw_on_outcomes_are_named(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    view = VIEWS["clinical_profile"]
    followed = replace(view.features[2], sources=("outcome.outcome_time",))
    features = (*view.features[:2], followed, *view.features[3:])
    monkeypatch.setitem(VIEWS, view.name, replace(view, inputs=(*view.inputs, "outcome"), features=features))
    report = check(lake, frame(*KNOWN))
    assert [(r["kind"], r["view"], r["feature"]) for r in report.findings.to_dict("records")] == [
        ("outcome as a source", "clinical_profile", ""),
        ("outcome as a source", "clinical_profile", followed.name),
    ]
    renamed = check(lake, frame(*KNOWN, outcome__days=1.0, clinical_profile__outcome_time=1.0)).findings
    named = renamed[renamed["feature"].isin(["days", "outcome_time"])]
    assert named["kind"].unique().tolist() == ["outcome as a source"]


def test_a_label_in_disguise_is_named(tmp_path: Path) -> None:
    """The feature is what was known, and yet it is the label."""
    lake = Lake.at(tmp_path)
    rows = []
    labels = pd.DataFrame({"patient_id": [f"p{i}" for i in range(60)], "time_days": np.arange(60) + 0.5})
    labels["event_timestamp"] = pd.to_datetime([day(1)] * 60, utc=True)
    labels["is_event"] = np.arange(60) % 3 > 0
    for i, patient in enumerate(labels["patient_id"]):
        times: dict[str, object] = {"patient_id": patient, "event_time": day(0), "known_time": day(0)}
        rows.append(times | {"karnofsky": float(-(i**2)), "age_years": 40.0 + i * 7 % 31, "file_ids": ["x"]})
    write_gold(lake, "clinical_profile", *rows)
    features = pd.DataFrame([{KARNOFSKY: r["karnofsky"], "clinical_profile__age_years": r["age_years"]} for r in rows])
    report = check(lake, pd.concat([labels, features], axis="columns"))
    (found,) = report.findings.to_dict("records")
    assert (found["kind"], found["view"], found["feature"]) == ("label in disguise", "clinical_profile", "karnofsky")
    assert found["detail"].startswith("rank correlation 1.000")
    assert found["row"] is None


# --- the independent path against the one that retrieval uses ---

BEGIN = datetime.fromisoformat("1969-12-31T23:58:00+00:00")


def moment(n: int) -> datetime:
    return BEGIN + timedelta(minutes=n)


@pytest.mark.parametrize("reach", [None, 0, 1, 3, 6])
def test_winners_are_those_of_a_plain_reading(reach: int | None) -> None:
    """3,000 small histories around the epoch with many equal times, and labels of which some are nobody's."""
    random = np.random.default_rng(reach)
    key = random.integers(0, 3000, 9000)
    event, known = random.integers(-9, 9, (2, 9000))
    asked, at = random.integers(-1, 3100, 6000), random.integers(-9, 9, 6000)
    of: dict[int, list[int]] = {}
    for i, k in enumerate(key):
        of.setdefault(int(k), []).append(i)
    expected = []
    for number, t in enumerate(at):
        usable = [i for i in of.get(int(asked[number]), []) if event[i] <= t and known[i] <= t]
        usable = [i for i in usable if reach is None or t - event[i] <= reach]
        best = max(((event[i], known[i]) for i in usable), default=None)
        expected += [(number, i) for i in usable if (event[i], known[i]) == best]
    ttl = None if reach is None else timedelta(microseconds=reach)
    got = winners(asked, at, Moments(key, event, known), ttl)
    assert list(zip(*(a.tolist() for a in got), strict=True)) == expected


def test_what_is_never_known_never_wins() -> None:
    one = np.zeros(1, np.int64)
    for rows in (Moments(one, one, one + NEVER), Moments(one, one + NEVER, one)):
        for ttl in (None, timedelta(days=1)):
            assert not len(winners(one, one + NEVER - 1, rows, ttl)[0])


@pytest.mark.parametrize(("seed", "has_ties"), [(1, False), (2, False), (3, True)])
def test_it_agrees_with_the_as_of_join_and_finds_what_looking_ahead_changes(
    seed: int, has_ties: bool, tmp_path: Path
) -> None:
    """600 small histories with equal times, missing values and reports out of order, each asked five times."""
    random = np.random.default_rng(seed)
    rows: dict[tuple[str, int, int, int], dict[str, object]] = {}
    for n in range(600):
        for extra in range(random.integers(0, 7)):
            event, known = sorted(map(int, random.integers(0, 8, 2)))
            value = None if random.random() < 0.2 else float(random.integers(0, 4))
            row: dict[str, object] = {"event_time": moment(event), "known_time": moment(known), "karnofsky": value}
            rows[f"p{n}", event, known, extra * has_ties] = {"patient_id": f"p{n}", "file_ids": ["x"]} | row
    lake = Lake.at(tmp_path)
    write_gold(lake, "clinical_profile", *rows.values())
    names = {"patient_id": pa.string(), "event_time": TIME, "known_time": TIME, "karnofsky": pa.float64()}
    past = pa.Table.from_pylist(list(rows.values()), pa.schema(list(names.items())))
    times = [moment(int(n)) for n in random.integers(-1, 9, 3000)]
    asked = pa.table({"patient_id": [f"p{n % 601}" for n in range(3000)], "event_timestamp": pa.array(times, TIME)})

    def fetched(known_only: bool) -> pd.DataFrame:
        columns = {"keys": ["patient_id"], "event_time": "event_time", "known_time": "known_time"}
        got = as_of_join(asked, past, label_time="event_timestamp", known_only=known_only, **columns)  # type: ignore[arg-type]
        values = plain_types(got.select(["karnofsky"]).to_pandas(), ["karnofsky"])["karnofsky"]
        return asked.to_pandas().assign(**{KARNOFSKY: values.to_numpy()})

    known = fetched(True)
    assert check(lake, known).is_clean
    peeked = fetched(False)
    a, b = known[KARNOFSKY], peeked[KARNOFSKY]
    differs = np.flatnonzero((a != b) & ~(a.isna() & b.isna()))
    assert len(differs) > 200
    found = check(lake, peeked).findings
    # Rows alike in key, event and known time are told apart by their content alone: either of them was known.
    assert set(found["row"]) <= set(differs)
    assert has_ties or found["row"].tolist() == differs.tolist()
    by_patient: dict[object, list[dict[str, object]]] = {}
    for r in rows.values():
        by_patient.setdefault(r["patient_id"], []).append(r)
    for finding in found.to_dict("records"):
        label = peeked.iloc[finding["row"]]
        held = by_patient[label["patient_id"]]
        kinds, seconds = plain_cause(held, label["event_timestamp"], label[KARNOFSKY])
        assert finding["kind"] in kinds
        assert finding["early_s"] == pytest.approx(seconds, nan_ok=True)


def plain_cause(rows: list[dict[str, Any]], at: Any, value: float) -> tuple[set[str], float]:
    """(kinds that the rows usable soonest after a time with that value stand for, seconds until then)."""
    later = [r for r in rows if r["karnofsky"] == value and max(r["event_time"], r["known_time"]) > at]
    if not later:
        return {"not what was known"}, float("nan")
    soonest = min(max(r["event_time"], r["known_time"]) for r in later)
    kinds = set()
    for r in later:
        if max(r["event_time"], r["known_time"]) == soonest:
            before = [b for b in rows if b["event_time"] == r["event_time"] and b["known_time"] <= at]
            was_known = any(b["karnofsky"] is not None for b in before)
            late = "correction after the fact" if was_known else "late report"
            kinds.add("future event" if r["event_time"] > at else late)
    return kinds, (soonest - at).total_seconds()
