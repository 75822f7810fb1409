"""Vital-sign windows: a few minutes of a monitor, worked by hand."""

from datetime import timedelta
from typing import Any

import pytest

from tests.features.silver import build, day, pick, table

pytestmark = pytest.mark.slow

MINUTE = 1 / 1440


def value(minute: float, signal: str, number: float, known: float | None = None, **more: Any) -> dict[str, Any]:
    at = day(0) + timedelta(minutes=minute)
    return {
        "case_id": "op",
        "signal": signal,
        "value": number,
        "unit": "mm[Hg]",
        "device": "monitor",
        "event_time": at,
        "known_time": at if known is None else day(0) + timedelta(minutes=known),
        **more,
    }


def minutes(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    for row in rows:
        row["minute"] = round(row["event_time"] / MINUTE, 6)
        row["known_minute"] = round(row["known_time"] / MINUTE, 6)
    return pick(rows, *names)


def test_bins_of_a_minute_hold_the_median_and_end_when_it_ends(spark: Any) -> None:
    rows = build(
        spark,
        "vital_window",
        vital_sign=table(
            "vital_sign",
            value(0.0, "MAP", 80),
            value(0.5, "MAP", 70),
            value(0.9, "MAP", 61),
            value(0.2, "SBP", 120),
            value(0.2, "DBP", 60),
            value(0.3, "NIBP_MAP", 20),
            value(1.0, "MAP", 60),
            value(1.5, "HR", 75),
        ),
    )
    assert minutes(
        rows,
        "minute",
        "known_minute",
        "map_mmhg",
        "pulse_pressure_mmhg",
        "hr_per_min",
        "map_min_1min_mmhg",
        "map_max_1min_mmhg",
        "map_area_lt65_1min_mmhg_min",
        "map_twa_lt65_1min_mmhg",
        "map_mean_1min_mmhg",
        "map_arv_1min_mmhg",
    ) == [
        (1, 1, 70.0, 60.0, None, 61.0, 80.0, 0.0, 0.0, 70.3333, 9.5),
        # The step from 61 to 60 belongs to no minute.
        (2, 2, 60.0, None, 75.0, 60.0, 60.0, 5.0, 5.0, 60.0, None),
    ]
    assert rows[0]["map_slope_1min_mmhg_per_min"] == pytest.approx(-21.066, abs=0.001)
    assert rows[0]["file_ids"] == ["vital_sign-file"]


def test_windows_look_back_over_the_clock_and_leave_gaps_empty(spark: Any) -> None:
    # MAP 70, 64, 60, then three minutes without MAP, then 66.
    rows = build(
        spark,
        "vital_window",
        vital_sign=table(
            "vital_sign",
            value(0, "MAP", 70),
            value(1, "MAP", 64),
            value(2, "MAP", 60),
            value(4, "HR", 80),
            value(6, "MAP", 66),
        ),
    )
    assert minutes(
        rows,
        "minute",
        "map_mmhg",
        "map_observed_5min_min",
        "map_mean_5min_mmhg",
        "map_min_5min_mmhg",
        "map_max_5min_mmhg",
        "map_area_lt65_5min_mmhg_min",
        "map_twa_lt65_5min_mmhg",
        "map_slope_5min_mmhg_per_min",
        "map_sd_5min_mmhg",
        "map_arv_5min_mmhg",
    ) == [
        (1, 70.0, 1, 70.0, 70.0, 70.0, 0.0, 0.0, None, None, None),
        (2, 64.0, 2, 67.0, 64.0, 70.0, 1.0, 0.5, -6.0, 4.2426, 6.0),
        (3, 60.0, 3, 64.6667, 60.0, 70.0, 6.0, 2.0, -5.0, 5.0332, 5.0),
        (5, None, 3, 64.6667, 60.0, 70.0, 6.0, 2.0, -5.0, 5.0332, 5.0),
        (7, 66.0, 2, 63.0, 60.0, 66.0, 5.0, 2.5, 1.5, 4.2426, None),
    ]
    assert rows[-1]["map_observed_60min_min"] == 4
    assert rows[-1]["map_area_lt65_60min_mmhg_min"] == 6.0


def test_a_late_value_makes_the_windows_that_hold_it_known_late(spark: Any) -> None:
    rows = build(
        spark,
        "vital_window",
        vital_sign=table(
            "vital_sign",
            value(0, "MAP", 70),
            value(1, "MAP", 80, known=9),
            value(70, "MAP", 75),
            value(0, "MAP", 72, known=30, file_id="correction"),
        ),
    )
    assert minutes(rows, "minute", "known_minute", "map_mmhg", "file_ids") == [
        (1, 30, 72.0, ["correction"]),
        (2, 30, 80.0, ["correction", "vital_sign-file"]),
        (71, 71, 75.0, ["vital_sign-file"]),
    ]


def test_each_window_has_each_measure() -> None:
    from features.tables.vital_window import view

    names = {f.name for f in view.features}
    measures = ("mean_{}min_mmhg", "min_{}min_mmhg", "max_{}min_mmhg", "sd_{}min_mmhg", "arv_{}min_mmhg",
                "slope_{}min_mmhg_per_min", "area_lt65_{}min_mmhg_min", "twa_lt65_{}min_mmhg")  # fmt: skip
    assert {"map_" + m.format(w) for m in measures for w in (1, 5, 15, 30, 60)} <= names
