"""How long a site has been silent, beside how often it speaks."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from infra.lake import Lake
from quality.freshness import freshness
from quality.profiles import keep
from quality.profiling import Profile
from tests.quality.batches import START


def kept(lake: Lake, table: str, batch: str, day: float, site: str = "paris", event_day: float | None = None) -> None:
    event = None if event_day is None else at(event_day)
    keep(lake, table, "vitals", batch, [Profile(site, 10, 1, 2, event, event)], at(day))


def at(day: float) -> datetime:
    return START + timedelta(days=day)


def test_an_empty_lake_has_no_deliveries(tmp_path: Path) -> None:
    assert freshness(Lake.at(tmp_path)) == []


def test_a_daily_delivery_is_overdue_after_three_days(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    for day in range(10):
        kept(lake, "vital_sign", f"b{day}", day, event_day=day - 0.5)
        # The same batch in another table is no further delivery.
        kept(lake, "patient", f"b{day}", day)
    (fresh,) = freshness(lake, at(11.9))
    assert (fresh.batches, fresh.usual_days, fresh.is_overdue) == (10, 1.0, False)
    assert (fresh.age_days, fresh.newest_event_days) == pytest.approx((2.9, 3.4))
    (stale,) = freshness(lake, at(12.1))
    assert stale.is_overdue


def test_deliveries_every_minute_are_not_overdue_within_a_day(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    for minute in range(6):
        kept(lake, "vital_sign", f"b{minute}", minute / 1440)
    assert [f.is_overdue for f in freshness(lake, at(0.9))] == [False]
    assert [f.is_overdue for f in freshness(lake, at(1.1))] == [True]


def test_four_deliveries_tell_no_rhythm_and_sites_are_apart(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    for day in range(4):
        kept(lake, "vital_sign", f"b{day}", day)
    kept(lake, "vital_sign", "c", 50, site="boston")
    found = freshness(lake, at(100))
    assert [(f.site_id, f.batches, f.usual_days, f.is_overdue) for f in found] == [
        ("paris", 4, None, False), ("boston", 1, None, False),
    ]  # fmt: skip
