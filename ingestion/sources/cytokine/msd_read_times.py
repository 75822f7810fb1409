"""When an MSD plate was read: the 'Read Time' of the reader's header, with its zone ('09/08/2023 13:39:33 EDT').

Abbreviations of zones mean what the site's declared zone calls so at that moment, else what RFC 5322 (section 4.3)
defines, and CET and CEST; any other is refused, since most stand for several zones (BST, IST).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from infra.errors import FileError
from infra.settings import Site
from ingestion.dates import EXPECTED, has_time_of_day, is_day_first, parse_time

_ABBREVIATION = re.compile(r"(.*\d(?:\s*[AP]M)?)\s+([A-Z]{3,5})")
_OFFSETS = {
    "UTC": "Z",
    "GMT": "Z",
    "EST": "-0500",
    "EDT": "-0400",
    "CST": "-0600",
    "CDT": "-0500",
    "MST": "-0700",
    "MDT": "-0600",
    "PST": "-0800",
    "PDT": "-0700",
    "CET": "+0100",
    "CEST": "+0200",
}


@dataclass(frozen=True)
class ReadTimes:
    """When a plate was read, in UTC, and when that could be known: a bare date only at the day's end."""

    measured: datetime
    known: datetime


def day_first_of(texts: Iterable[str | None], site: Site) -> bool:
    """Whether read times put the day first (see `ingestion.dates.is_day_first`); their zones do not matter here."""
    return is_day_first((text and _apart(text)[0] for text in texts), site, "Read Time")


def read_moment(text: str, site: Site, day_first: bool) -> datetime:
    """A read time in UTC. Raises FileError where it is no time, or its zone is none that has one meaning."""
    body, abbreviation = _apart(text)
    zone = ZoneInfo(site.time_zone)
    time = parse_time(body, day_first, zone)
    if time is None:
        raise FileError(f"The Read Time of a plate is not {EXPECTED}.")
    if abbreviation is None or time.astimezone(zone).tzname() == abbreviation:
        return time
    offset = _OFFSETS.get(abbreviation)
    time = parse_time(f"{body}{offset}", day_first, zone) if offset else None
    if time is None:
        raise FileError(
            "The Read Time of a plate is in a time zone whose abbreviation has several meanings; "
            f"declare time_zone for site {site.site_id} in the settings file."
        )
    return time


def _apart(text: str) -> tuple[str, str | None]:
    match = _ABBREVIATION.fullmatch(" ".join(text.split()))
    return (match[1], match[2]) if match else (" ".join(text.split()), None)


def plate_barcode(text: str) -> str:
    """A plate's barcode without the brackets of the export and the start and stop marks of Code 39: '<*2BO40*>'."""
    return text.strip().strip("<>").strip().strip("*")


def read_times(sheets: list[list[list[str]]], site: Site) -> dict[str, ReadTimes]:
    """Times by plate, out of the reader's headers ('Plate ID :', 'Read Time :') in the sheets of a workbook."""
    blocks = [block for rows in sheets for block in _blocks(rows)]
    day_first = day_first_of((block.get("read time") for block in blocks), site)
    times = {}
    for block in blocks:
        plate, text = plate_barcode(block.get("plate id", "") or block.get("barcode1", "")), block.get("read time")
        if plate and text:
            time = read_moment(text, site, day_first)
            times[plate] = ReadTimes(time, time if has_time_of_day(text) else time + timedelta(days=1))
    return times


def _blocks(rows: list[list[str]]) -> Iterator[dict[str, str]]:
    """Headers as {key in lower case: value}; a key that comes again begins the next plate's header."""
    block: dict[str, str] = {}
    for row in rows:
        if not row or not row[0].endswith(":"):
            continue
        key = " ".join(row[0].rstrip(": ").casefold().split())
        if key in block:
            yield block
            block = {}
        block[key] = " ".join(cell for cell in row[1:] if cell)
    if block:
        yield block
