"""When a DICOM object's patient was observed, and since when the object existed.

An acquired image is observed when it was acquired. An object that was made from images (a segmentation, a report)
observes nothing: its patient was observed at the study's time, and the object existed only since its own date.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ingestion.dates import parse_time

NO_IMAGE_MODALITIES = frozenset(
    {
        "SEG",
        "RTSTRUCT",
        "RTPLAN",
        "RTDOSE",
        "RTRECORD",
        "SR",
        "PR",
        "KO",
        "REG",
        "FID",
        "RWV",
        "DOC",
        "PLAN",
        "M3D",
        "TEXTUREMAP",
    }
)
"""Modalities of objects that are made from images (PS3.3 C.7.3.1.1.1)."""


@dataclass(frozen=True)
class Instant:
    """A moment (UTC) as a file gives it. end: the moment itself, or the end of the local day for a bare date."""

    start: datetime
    end: datetime


def instant(date: str | None, time: str | None, offset: str | None, zone: ZoneInfo) -> Instant | None:
    """DICOM DA and TM (PS3.5 6.2) as UTC, or None where there is no readable date.

    Takes the older forms with points and colons too. offset: (0008,0201), as +HHMM; without it the time is local to
    `zone`. A time that cannot be read leaves the bare date.
    """
    day = re.sub(r"[.\-]", "", date or "").strip()
    if not re.fullmatch(r"\d{8}", day):
        return None
    offset = offset.strip() if offset and re.fullmatch(r"\s*[+-]\d{4}\s*", offset) else ""
    clock = re.fullmatch(r"(\d{2}):?(\d{2})?:?(\d{2})?(\.\d{1,6})?", (time or "").strip())
    if clock:
        # 60 is a leap second (PS3.5); the calendar has none.
        seconds = "59" if clock[3] == "60" else clock[3] or "00"
        exact = parse_time(f"{day} {clock[1]}{clock[2] or '00'}{seconds}{clock[4] or ''}{offset}", True, zone)
        if exact is not None:
            return Instant(exact, exact)
    start = parse_time(f"{day} 0000{offset}", True, zone)
    if start is None:
        return None
    return Instant(start, _end_of_day(day, start, offset, zone))


def _end_of_day(day: str, start: datetime, offset: str, zone: ZoneInfo) -> datetime:
    try:
        following = datetime.strptime(day, "%Y%m%d") + timedelta(days=1)
    except (ValueError, OverflowError):
        return start
    # Through the calendar, not by 24 hours: a local day may have 23 or 25.
    return parse_time(f"{following:%Y%m%d} 0000{offset}", True, zone) or start + timedelta(days=1)


def date_time_instant(text: str | None, offset: str | None, zone: ZoneInfo) -> Instant | None:
    """DICOM DT (PS3.5 6.2), whose own offset goes before (0008,0201); None where it is not at least a date."""
    match = re.fullmatch(r"\s*(\d{8})(\d{2,6}(?:\.\d{1,6})?)?([+-]\d{4})?\s*", text or "")
    return instant(match[1], match[2], match[3] or offset, zone) if match else None


def observed_and_available(
    acquired: Instant | None, series: Instant | None, study: Instant | None, modality: str | None
) -> tuple[datetime | None, datetime | None]:
    """(when the patient was observed, when the object existed at the latest), UTC; None where no date is given."""
    is_image = (modality or "").strip().upper() not in NO_IMAGE_MODALITIES
    order = (acquired, series, study) if is_image else (study, acquired, series)
    observed = next((moment for moment in order if moment is not None), None)
    if observed is None:
        return None, None
    later = [moment.end for moment in order if moment is not None and moment.start > observed.start]
    return observed.start.astimezone(UTC), max([observed.end, *later]).astimezone(UTC)
