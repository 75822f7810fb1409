"""The history of measurements from gold to a model's columns: as of label times, online, and under the leakage test."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.leakage.check import check
from features.retrieval import retrieve
from features.store.repository import apply, get_online, materialize, open_store
from features.store.services import SERVICES, join_key, served
from features.tables import measurement_history
from infra.lake import Lake
from tests.features.gold_lake import day, story, write_gold
from training.columns import (
    DAYS_BEFORE,
    HISTORY_COLUMNS,
    MEASURES,
    OBSERVED_AT,
    TOKEN_MODALITIES,
    VALUES,
    model_columns,
)
from training.modalities import HISTORY, MODALITIES

SERVICE = "overall_survival_v2"
Token = tuple[float, str, str, float]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """a: IL6 of day 2, reported on day 5 and corrected on day 20, and a scan of day 10; b: a burden; c: taken back."""
    built = story(tmp_path_factory.mktemp("lake"))
    write_gold(built, "imaging_measures", {"patient_id": "b", "event_time": day(0), "known_time": day(0)})
    graded: dict[str, object] = {"patient_id": "a", "event_time": day(0), "known_time": day(1), "who_grade": 4.0}
    write_gold(built, "tumour_markers", graded | {"file_ids": ["reports"]})
    scan = (10.0, "imaging", "lesion: Volume [mm3]", 500.0)
    for patient, event, known, tokens in (
        ("a", 2, 5, [(2.0, "cytokines", "IL6", 3.0)]),
        ("a", 10, 10, [(2.0, "cytokines", "IL6", 3.0), scan]),
        ("a", 10, 20, [(2.0, "cytokines", "IL6", 4.0), scan]),
        ("b", 1, 1, [(1.0, "burden", "tmb_maftools_per_mb", 2.0)]),
        ("c", 1, 1, []),
    ):
        row: dict[str, object] = {"patient_id": patient, "event_time": day(event), "known_time": day(known)}
        write_gold(built, HISTORY, row | arrays(tokens) | {"file_ids": [f"{patient}-{known}"]})
    apply(built)
    return built


def arrays(tokens: list[Token]) -> dict[str, object]:
    return {
        "observed_at": [day(t[0]) for t in tokens],
        "modalities": [t[1] for t in tokens],
        "measures": [t[2] for t in tokens],
        "values": [t[3] for t in tokens],
    }


def ask(*rows: tuple[str, float]) -> pd.DataFrame:
    times = pd.to_datetime([day(n) for _, n in rows], utc=True)
    return pd.DataFrame(
        {
            "patient_id": [p for p, _ in rows],
            "event_timestamp": times,
            "is_event": [i % 2 == 0 for i in range(len(rows))],
        }
    )


LABELS = (("a", 4.0), ("a", 12.0), ("b", 3.0), ("a", 25.5), ("stranger", 3.0), ("c", 3.0))


def histories(frame: pd.DataFrame, at: pd.Series) -> list[list[Token] | None]:
    """Of each row (days before, modality, measure, value) of its measurements, as models see them."""
    columns, _ = model_columns(frame, at)
    names = (DAYS_BEFORE, TOKEN_MODALITIES, MEASURES, VALUES)
    return [
        None if row[0] is None else list(zip(*(list(part) for part in row), strict=True))
        for row in zip(*(columns[name] for name in names), strict=True)
    ]


def test_a_history_is_what_was_known_of_each_measurement(lake: Lake) -> None:
    got = retrieve(lake, SERVICE, ask(*LABELS))
    assert list(got.frame.columns[3:]) == served(SERVICE)
    volume = "lesion: Volume [mm3]"
    assert histories(got.frame[served(SERVICE)], got.frame["event_timestamp"]) == [
        None,
        [(10.0, "cytokines", "IL6", 3.0), (2.0, "imaging", volume, 500.0)],
        [(2.0, "burden", "tmb_maftools_per_mb", 2.0)],
        [(23.5, "cytokines", "IL6", 4.0), (15.5, "imaging", volume, 500.0)],
        None,
        None,
    ]
    assert {"a-10", "a-20", "b-1"} <= set(got.file_ids)


@pytest.mark.parametrize("end", [12.0, 25.5])
def test_online_it_is_the_same(lake: Lake, end: float, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'online.db'}"
    materialize(lake, day(end), online=url)
    patients = ("b", "a", "stranger", "c")
    online = get_online(lake, SERVICE, [{"patient_id": p} for p in patients], now=day(end), online=url)
    labels = ask(*((p, end) for p in patients))
    offline = retrieve(lake, SERVICE, labels).frame
    assert histories(online[served(SERVICE)], labels["event_timestamp"]) == histories(
        offline[served(SERVICE)], labels["event_timestamp"]
    )
    assert HISTORY_COLUMNS[0] in model_columns(online[served(SERVICE)], labels["event_timestamp"])[0]


@pytest.mark.parametrize("is_feast_s_own", [False, True])
def test_times_come_through_feast(tmp_path: Path, is_feast_s_own: bool) -> None:
    """Materialised by us or by Feast itself; in whole seconds, as Feast's protocol has them."""
    built = Lake.at(tmp_path)
    tokens = [(2.0, "cytokines", "IL6", 3.0), (10.5, "imaging", "lesion: Volume [mm3]", 500.0)]
    row: dict[str, object] = {"patient_id": "a", "event_time": day(10.5), "known_time": day(11)}
    write_gold(built, HISTORY, row | arrays(tokens) | {"file_ids": ["x"]})
    apply(built)
    store = open_store(built)
    if is_feast_s_own:
        store.materialize(start_date=day(-1), end_date=day(15), feature_views=[HISTORY])
    else:
        materialize(built, day(15))
    asked = [f"{HISTORY}:{name}" for name in ("values", "modalities", "observed_at")]
    got = store.get_online_features(features=asked, entity_rows=[{"patient_id": p} for p in ("a", "nobody")]).to_dict()
    assert got["observed_at"] == [[day(2), day(10.5)], None]
    assert got["values"] == [[3.0, 500.0], None]
    assert got["modalities"] == [["cytokines", "imaging"], None]


def test_the_leakage_test_knows_arrays_of_times(lake: Lake, tmp_path: Path) -> None:
    labels = ask(*LABELS)
    frame = retrieve(lake, SERVICE, labels).frame
    report = check(lake, frame)
    assert report.is_clean
    assert not any(HISTORY in note and "not compared" in note for note in report.notes)
    # As a file keeps it, too.
    frame.to_parquet(tmp_path / "kept.parquet")
    assert check(lake, pd.read_parquet(tmp_path / "kept.parquet")).is_clean

    peeked = retrieve(lake, SERVICE, labels, known_only=False).frame
    found = check(lake, peeked).findings
    of_history = found[found["view"] == HISTORY]
    # Row 0 sees IL6 before its report, and row 1 the corrected value: times, names and modalities with it, or not.
    assert set(zip(of_history["row"], of_history["kind"], of_history["feature"], strict=True)) == {
        *((0, "late report", f.name) for f in measurement_history.view.features),
        (1, "correction after the fact", "values"),
    }
    moved = frame.copy()
    moved.at[1, OBSERVED_AT] = moved.at[1, OBSERVED_AT] + np.timedelta64(1, "us")
    assert [(f["row"], f["feature"]) for f in check(lake, moved).findings.to_dict("records")] == [(1, "observed_at")]


@pytest.mark.parametrize("service", SERVICES)
def test_the_leakage_test_takes_every_service(lake: Lake, service: str) -> None:
    if join_key(service) == "case_id":
        entities, times = ["op", "op", "gone", "op"], [day(0) + timedelta(minutes=m) for m in (3, 4, 5, 12)]
    else:
        entities, times = ["a", "b", "c", "a"], [day(n) for n in (3, 12, 20, 25)]
    labels = pd.DataFrame({join_key(service): entities, "event_timestamp": pd.to_datetime(times, utc=True)})
    frame = retrieve(lake, service, labels.assign(label=[True, False, True, False])).frame
    report = check(lake, frame)
    assert report.is_clean
    assert report.n_values == 4 * len(served(service))
    assert frame[served(service)].notna().any().any()


def test_modalities_are_those_of_training() -> None:
    names = {getattr(measurement_history, n) for n in ("CYTOKINES", "PROTEOMICS", "EXOSOMES", "BURDEN", "IMAGING")}
    assert names <= set(MODALITIES)


@pytest.mark.parametrize("service", [s for s, parts in SERVICES.items() if HISTORY in parts])
def test_a_course_is_served_whole(service: str) -> None:
    """Services of a patient's course serve what the first version did, and scans and the history beside it."""
    parts = SERVICES[service]
    first = SERVICES["overall_survival_v1"]
    assert {view: parts[view] for view in first} == first
    assert set(parts) - set(first) == {"imaging_measures", HISTORY}


def test_hypotension_has_what_its_first_version_had_and_more() -> None:
    first, second = (set(served(f"hypotension_v{n}")) for n in (1, 2))
    assert first < second
    assert "vital_window__dbp_mmhg" in second
    assert {c for c in second - first if "_arv_" not in c} == {
        "vital_window__map_mean_1min_mmhg",
        "vital_window__map_twa_lt65_1min_mmhg",
    }
