"""Labels of hypotension, minute by minute, against a case worked by hand."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from infra.current import current_arrow
from infra.lake import Lake
from infra.tables import TABLES
from tests.training.synthetic import START, pressures, write
from training.task import LABEL, PREDICTION_TIME
from training.tasks.hypotension import task, tasks
from training.tasks.hypotension_labels import GROUP, MAP_NOW, TARGET_MAP, hypotension_labels, map_bins


def labelled(tmp_path: Path, rows: list[dict[str, Any]], lead: int = 5) -> pd.DataFrame:
    lake = Lake.at(tmp_path)
    write(lake, "vital_sign", rows)
    return hypotension_labels(lake, lead).frame


def minutes(frame: pd.DataFrame) -> list[tuple[int, float, float, bool]]:
    """(minutes from the start to the prediction, MAP now, MAP then, label) of each row."""
    at = ((frame[PREDICTION_TIME] - START) / timedelta(minutes=1)).astype(int)
    return list(zip(at, frame[MAP_NOW], frame[TARGET_MAP], frame[LABEL], strict=True))


def test_by_hand(tmp_path: Path) -> None:
    #         bin ends at minute 1   2   3   4   5   6   7   8     9   10
    rows = pressures("c", [80, 78, None, 70, 66, 65, 64.9, 60, None, 50])
    assert minutes(labelled(tmp_path, rows)) == [
        # minute 3 has no MAP now; 4 has none in minute 9
        (1, 80, 65, False),  # strictly below 65
        (2, 78, 64.9, True),
        (5, 66, 50, True),
    ]


@pytest.mark.parametrize(
    ("lead", "expected"),
    [
        # minute: value, for the minutes that have one now and so many minutes later
        (10, [(1, 80, 64, True), (2, 78, 70, False), (4, 60, 66, False), (6, 75, 50, True)]),
        (15, [(1, 80, 50, True), (5, 62, 40, True)]),
    ],
)
def test_by_hand_further_ahead(tmp_path: Path, lead: int, expected: list[tuple[int, float, float, bool]]) -> None:
    values: list[float | None] = [None] * 21
    for minute, value in {1: 80, 2: 78, 4: 60, 5: 62, 6: 75, 11: 64, 12: 70, 14: 66, 16: 50, 20: 40}.items():
        values[minute - 1] = value
    named = {t.name: t for t in tasks}[f"hypotension_{lead}min"]
    lake = Lake.at(tmp_path)
    write(lake, "vital_sign", pressures("c", values))
    labels = named.build_labels(lake)
    assert minutes(labels.frame) == expected
    assert labels.flow == {
        "cases with MAP": 1,
        "minutes with MAP": 10,
        f"of these with MAP {lead} minutes later": len(expected),
    }


def test_a_bin_is_the_median_of_its_minute_and_begins_with_it(tmp_path: Path) -> None:
    rows = [row for second in (0, 20, 59) for row in pressures("c", [80.0 + second], second=second)]
    later = [row for second, value in ((0, 60), (20, 66), (59, 10)) for row in pressures("c", [value], second=second)]
    for row in later:
        row["event_time"] += timedelta(minutes=5)
    frame = labelled(tmp_path, [*rows, *later])
    assert minutes(frame) == [(1, 100.0, 60.0, True)]


def test_a_correction_counts_and_what_it_replaces_does_not(tmp_path: Path) -> None:
    rows = pressures("c", [80, 80, 80, 80, 80, 60])
    corrected = {**rows[-1], "value": 70.0, "known_time": START + timedelta(days=1)}
    assert minutes(labelled(tmp_path, [*rows, corrected])) == [(1, 80, 70, False)]


def test_cases_of_one_patient_are_one_group(tmp_path: Path) -> None:
    values: list[float | None] = [80] * 6
    rows = [*pressures("c1", values, "p"), *pressures("c2", values, "p"), *pressures("c3", values)]
    assert dict(labelled(tmp_path, rows).groupby("case_id")[GROUP].first()) == {"c1": "p", "c2": "p", "c3": "c3"}


def test_other_signals_and_the_cuff_do_not_enter(tmp_path: Path) -> None:
    cuff = [{**row, "signal": "NIBP_MAP", "value": 50.0} for row in pressures("c", [80] * 6)]
    assert minutes(labelled(tmp_path, [*pressures("c", [80] * 6), *cuff])) == [(1, 80, 80, False)]


@pytest.mark.parametrize("years", [400, -80], ids=["beyond 2262", "before 1970"])
def test_far_years_keep_their_minutes(tmp_path: Path, years: int) -> None:
    shift = timedelta(days=365 * years)
    rows = [{**row, "event_time": row["event_time"] + shift} for row in pressures("c", [80, 80, 80, 80, 80, 60])]
    frame = labelled(tmp_path, rows)
    assert [t.to_pydatetime() for t in frame[PREDICTION_TIME]] == [START + shift + timedelta(minutes=1)]
    assert list(frame[LABEL]) == [True]


def test_subgroups_keep_the_gray_zone_and_new_onsets_apart() -> None:
    now = pd.DataFrame({MAP_NOW: [60, 65, 70, 75, 90]})
    masks = {s.name: list(s.rows(now)) for s in task.subgroups}
    assert masks == {"gray_zone": [False, True, True, True, False], "new_onset": [False, True, True, True, True]}


@pytest.mark.slow
def test_labels_and_features_stand_on_the_same_bins(spark: Any, tmp_path: Path) -> None:
    from features.tables.minute_bins import minute_bins

    lake = Lake.at(tmp_path)
    rng = np.random.default_rng(4)
    rows = [
        {**row, "event_time": row["event_time"] + timedelta(seconds=float(rng.uniform(-30, 30)))}
        for case in ("c1", "c2")
        for _ in range(4)
        for row in pressures(case, list(rng.normal(70, 10, 30)))
    ]
    rows += [{**row, "value": 40.0, "known_time": START + timedelta(days=2)} for row in rows[:20]]
    write(lake, "vital_sign", rows)
    ours = map_bins(current_arrow(lake, "vital_sign", where={"signal": "MAP"}))
    frame = spark.createDataFrame(
        pa.Table.from_pylist(
            DeltaTable(lake.silver("vital_sign")).to_pyarrow_table().to_pylist(), TABLES["vital_sign"].arrow_schema()
        )
    )
    theirs = minute_bins(frame).where("map_mmhg IS NOT NULL").toPandas()
    columns = ["case_id", "minute", "map_mmhg"]
    pd.testing.assert_frame_equal(
        ours[columns], theirs.sort_values(["case_id", "minute"])[columns].reset_index(drop=True)
    )
