"""DICOM dates and times in, UTC out."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ingestion.sources.imaging.times import Instant, date_time_instant, instant, observed_and_available

PARIS = ZoneInfo("Europe/Paris")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("date", "time", "offset", "start", "end"),
    [
        ("20240328", "143005.25", None, utc(2024, 3, 28, 13, 30, 5, 250_000), None),
        ("20240328", "1430", None, utc(2024, 3, 28, 13, 30), None),
        ("20240328", "14", None, utc(2024, 3, 28, 13), None),
        ("20240328", "143000", "-0500", utc(2024, 3, 28, 19, 30), None),
        ("20240328", "235960", "+0000", utc(2024, 3, 28, 23, 59, 59), None),
        ("2024.03.28", "14:30:00", None, utc(2024, 3, 28, 13, 30), None),
        ("20240328", "", None, utc(2024, 3, 27, 23), utc(2024, 3, 28, 23)),
        ("20240328", "noon", None, utc(2024, 3, 27, 23), utc(2024, 3, 28, 23)),
        ("20240331", None, None, utc(2024, 3, 30, 23), utc(2024, 3, 31, 22)),  # a day of 23 hours
        ("2704-02-29", None, "+0000", utc(2704, 2, 29), utc(2704, 3, 1)),
    ],
)
def test_instants(date: str, time: str | None, offset: str | None, start: datetime, end: datetime | None) -> None:
    assert instant(date, time, offset, PARIS) == Instant(start, end or start)


@pytest.mark.parametrize("date", [None, "", "2024", "20241301", "20230229", "28/03/2024", "00000000", "ABCDEFGH"])
def test_what_is_no_date_is_none(date: str | None) -> None:
    assert instant(date, "120000", None, PARIS) is None


def test_the_last_day_of_the_calendar_has_an_end() -> None:
    last = instant("99991231", None, "+0000", PARIS)
    assert last is not None and last.end >= last.start


def test_a_date_time_brings_its_own_offset() -> None:
    assert date_time_instant("20240328143000.5-0500", "+0100", PARIS) == Instant(
        utc(2024, 3, 28, 19, 30, 0, 500_000), utc(2024, 3, 28, 19, 30, 0, 500_000)
    )
    assert date_time_instant("20240328", "+0000", PARIS) == Instant(utc(2024, 3, 28), utc(2024, 3, 29))
    assert date_time_instant("2024", None, PARIS) is None


def test_an_image_is_observed_when_acquired_and_a_segmentation_when_its_study_was() -> None:
    study = Instant(utc(2011, 5, 1), utc(2011, 5, 2))
    made = Instant(utc(2024, 8, 6), utc(2024, 8, 7))
    acquired = Instant(utc(2011, 5, 1, 10), utc(2011, 5, 1, 10))
    assert observed_and_available(acquired, study, study, "MR") == (acquired.start, acquired.end)
    assert observed_and_available(None, made, study, "SEG") == (study.start, made.end)
    assert observed_and_available(acquired, made, study, "MR") == (acquired.start, made.end)
    assert observed_and_available(None, None, None, "MR") == (None, None)
