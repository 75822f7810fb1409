"""Dates as files write them: one reading, or none."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import FileError
from infra.settings import Site
from ingestion.dates import has_time_of_day, is_day_first, parse_time, parse_times

UNDECLARED = Site(site_id="new")
DAY_FIRST, MONTH_FIRST = Site(day_first=True), Site(day_first=False)
dates = st.dates(date(1000, 1, 2), date(9999, 12, 30))
moments = st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30))
open_dates = dates.filter(lambda d: d.day <= 12 and d.day != d.month)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-28", utc(2024, 3, 27, 23)),  # midnight in Paris, winter time
        ("2024-07-01 14:05", utc(2024, 7, 1, 12, 5)),  # summer time
        ("2024-07-01T14:05:06.5Z", utc(2024, 7, 1, 14, 5, 6, 500_000)),
        ("2024-07-01 14:05:06,123456789", utc(2024, 7, 1, 12, 5, 6, 123_456)),
        ("2024-07-01 14:05 -0430", utc(2024, 7, 1, 18, 35)),
        ("28/03/2024 2:05 PM", utc(2024, 3, 28, 13, 5)),
        ("28.03.2024 12:00 AM", utc(2024, 3, 27, 23)),
        ("20240328", utc(2024, 3, 27, 23)),
        ("20240328140506.25+0000", utc(2024, 3, 28, 14, 5, 6, 250_000)),
        ("2896-10-10 00:00:00Z", utc(2896, 10, 10)),
        ("2024-02-30", None),
        ("2024-03-28 25:00", None),
        ("28/03/2024 13:00 PM", None),
        ("2024-03-28 10:00+99:00", None),
        ("28/03-2024", None),
        ("28/03/24", None),  # which century?
        ("45379", None),
        ("soon", None),
        ("", None),
    ],
)
def test_one_text_one_time(text: str, expected: datetime | None) -> None:
    assert parse_time(text, day_first=True, zone=ZoneInfo("Europe/Paris")) == expected


@given(moments, st.integers(-14 * 60, 14 * 60))
def test_iso_times_come_back(moment: datetime, offset_minutes: int) -> None:
    there = moment.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    assert parse_time(there.isoformat(), day_first=False, zone=ZoneInfo("Asia/Tokyo")) == there


@given(st.lists(open_dates, min_size=1), st.sampled_from("/-"))
def test_dates_with_two_readings_are_refused_unless_declared(days: list[date], stroke: str) -> None:
    texts = pa.array([f"{d.day}{stroke}{d.month:02}{stroke}{d.year:04}" for d in days])
    with pytest.raises(FileError, match=r"column drawn can be read two ways .* declare day_first for site new"):
        parse_times(texts, UNDECLARED, "drawn")
    times, problems = parse_times(texts, DAY_FIRST, "drawn")
    assert problems == [None] * len(days)
    assert times.to_pylist() == [utc(d.year, d.month, d.day) for d in days]
    times, _ = parse_times(texts, MONTH_FIRST, "drawn")
    assert times.to_pylist() == [utc(d.year, d.day, d.month) for d in days]


@given(st.lists(dates, min_size=1), st.booleans())
def test_one_date_that_has_one_reading_proves_the_order_of_all(days: list[date], day_first: bool) -> None:
    form = "{0.day}/{0.month}/{0.year:04}" if day_first else "{0.month}/{0.day}/{0.year:04}"
    texts = pa.array([form.format(d) for d in [*days, date(2024, 1, 31)]])
    times, _ = parse_times(texts, UNDECLARED, "drawn")
    assert times.to_pylist()[:-1] == [utc(d.year, d.month, d.day) for d in days]
    with pytest.raises(FileError, match="contradict the site's declared order"):
        parse_times(texts, MONTH_FIRST if day_first else DAY_FIRST, "drawn")


def test_orders_do_not_mix() -> None:
    with pytest.raises(FileError, match="with the day first and dates with the month first"):
        is_day_first(["13/01/2024", "01/13/2024"], UNDECLARED, "drawn")


def test_points_and_twin_numbers_have_one_reading() -> None:
    assert is_day_first(["03.04.2024", "05/05/2024", None, "2024-03-04"], UNDECLARED, "drawn")
    times, _ = parse_times(pa.array(["03.04.2024"]), MONTH_FIRST, "drawn")
    assert times.to_pylist() == [utc(2024, 4, 3)]


def test_a_problem_names_the_column_and_never_the_value() -> None:
    times, problems = parse_times(pa.array(["2024-01-01", None, "Mme Durand"]), UNDECLARED, "drawn")
    assert times.to_pylist() == [utc(2024, 1, 1), None, None]
    assert problems[:2] == [None, None]
    assert problems[2] is not None and problems[2].startswith("drawn is not a date") and "Durand" not in problems[2]


@pytest.mark.parametrize(
    ("text", "has"),
    [("2024-03-28", False), ("28/03/2024 14:05", True), ("20240328", False), ("202403281405", True), (None, False)],
)
def test_a_bare_date_has_no_time_of_day(text: str | None, has: bool) -> None:
    assert has_time_of_day(text) is has
