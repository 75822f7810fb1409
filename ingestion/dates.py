"""Dates and times as files write them, into UTC. What can be read two ways is refused, never guessed."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pyarrow as pa

from infra.errors import FileError
from infra.settings import Site

_TIME = r"(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp][Mm])?)?"
_ZONE = r"\s*(Z|[+-]\d{2}:?\d{2})?"
_ISO = re.compile(rf"(\d{{4}})-(\d{{1,2}})-(\d{{1,2}}){_TIME}{_ZONE}$")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:[ T]?(\d{2})(\d{2})(?:(\d{2})(?:\.(\d{1,9}))?)?)?([+-]\d{4})?$")
_NUMERIC = re.compile(rf"(\d{{1,2}})([/.-])(\d{{1,2}})\2(\d{{4}}){_TIME}{_ZONE}$")

EXPECTED = "a date such as 2024-03-28, 2024-03-28 14:05:00 or 28/03/2024"


def is_day_first(values: Iterable[str | None], site: Site, column: str) -> bool:
    """Whether d/m/y dates of a column put the day first: as the site declares, else as the values prove.

    Points between the numbers (28.03.2024) mean day first. Raises FileError where dates with strokes can be read
    both ways, and where the values contradict each other or the declaration.
    """
    day = month = ambiguous = False
    for value in values:
        match = _NUMERIC.match(value.strip()) if value else None
        if match is None or match[2] == ".":
            continue
        first, second = int(match[1]), int(match[3])
        day |= first > 12
        month |= second > 12
        ambiguous |= first <= 12 and second <= 12 and first != second
    if site.day_first is not None:
        if (month and site.day_first) or (day and not site.day_first):
            order = "day first" if site.day_first else "month first"
            raise FileError(f"Column {column} holds dates that contradict the site's declared order ({order}).")
        return site.day_first
    if day and month:
        raise FileError(f"Column {column} holds dates with the day first and dates with the month first.")
    if ambiguous and not day and not month:
        raise FileError(
            f"Dates in column {column} can be read two ways (day or month first); "
            f"declare day_first for site {site.site_id} in the settings file."
        )
    return not month


def parse_time(text: str, day_first: bool, zone: ZoneInfo) -> datetime | None:
    """One date or time in UTC, or None where it is none. Without an offset it is local to `zone`."""
    text = text.strip()
    if match := _ISO.match(text):
        year, month, day = int(match[1]), int(match[2]), int(match[3])
        rest = match.groups()[3:]
    elif match := _COMPACT.match(text):
        year, month, day = int(match[1]), int(match[2]), int(match[3])
        rest = (*match.groups()[3:7], None, match[8])
    elif match := _NUMERIC.match(text):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        day, month = (first, second) if day_first or match[2] == "." else (second, first)
        rest = match.groups()[4:]
    else:
        return None
    hour_text, minute, second_text, fraction, half, offset = rest
    hour = int(hour_text or 0)
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half.lower() == "pm" else 0)
    microsecond = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        local = datetime(year, month, day, hour, int(minute or 0), int(second_text or 0), microsecond)
        if offset and offset != "Z":
            return datetime.fromisoformat(f"{local.isoformat()}{offset[:3]}:{offset[-2:]}").astimezone(UTC)
        return local.replace(tzinfo=UTC if offset == "Z" else zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_times(values: pa.Array, site: Site, column: str) -> tuple[pa.Array, list[str | None]]:
    """A string array into timestamps (us, UTC), and for each row the problem or None. Null stays null.

    Raises FileError where the order of day and month is open (see `is_day_first`).
    """
    encoded = values.cast(pa.string()).dictionary_encode()
    distinct = encoded.dictionary.to_pylist()
    day_first = is_day_first(distinct, site, column)
    zone = ZoneInfo(site.time_zone)
    parsed = [None if v is None else parse_time(v, day_first, zone) for v in distinct]
    problem = f"{column} is not {EXPECTED}"
    problems = [problem if v is not None and p is None else None for v, p in zip(distinct, parsed, strict=True)]
    indices = encoded.indices
    times = pa.array(parsed, pa.timestamp("us", tz="UTC")).take(indices)
    return times, pa.array(problems, pa.string()).take(indices).to_pylist()


def has_time_of_day(text: str | None) -> bool:
    """Whether a date text says a time of day. A bare date is observed at 00:00 and known at the day's end."""
    return bool(text and re.search(r"\d{1,2}:\d{2}|\d{8}[ T]?\d{4}", text))


DAY_ZERO = datetime(2000, 1, 1, tzinfo=UTC)
"""What stands for 'day 0' where a de-identified file gives only intervals (months from diagnosis, seconds from case
start). A convention of this project: the date says nothing, intervals between such times are exact."""
