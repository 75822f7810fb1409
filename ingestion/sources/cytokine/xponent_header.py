"""What the header of an xPONENT export says about the whole plate: when it was read, and by what."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from infra.errors import FileError
from infra.settings import Site
from ingestion.dates import EXPECTED, is_day_first, parse_time
from ingestion.sources.cytokine.xponent_blocks import Export

_NUMERIC_DATE = re.compile(r"\b(\d{1,2})[/-](\d{1,2})[/-]\d{4}\b")
_REPORT_KEYS = ("ReportDate", "Report Date", "ReportTime", "Report Time")


def batch_name(export: Export) -> str:
    """The batch, which names the plate. Raises FileError where there is none."""
    name = export.value("Batch")
    if name is None:
        raise FileError("The header of the xPONENT export names no Batch; expected a line 'Batch,<name>'.")
    return name


def platform(export: Export) -> str:
    """Instrument family: INTELLIFLEX writes the same format under its own name."""
    program = " ".join(export.header.get("program", [])).casefold()
    return "intelliflex" if "intelliflex" in program else "luminex_xponent"


def measured_time(export: Export, site: Site) -> datetime | None:
    """When the plate was read, in UTC: BatchStopTime, else BatchStartTime, else Date; None where all are blank.

    The order of day and month is the site's, else what the dates of the run prove, else what any other date of the
    header proves (the software writes its calibrations in the same form). Raises FileError where it stays open.
    """
    date = " ".join(export.header.get("date", [])[:2]).strip()
    dates = [export.value("BatchStopTime"), export.value("BatchStartTime"), date or None]
    return _time(next((text for text in dates if text), None), dates, export, site)


def reported_time(export: Export, site: Site) -> datetime | None:
    """The report date, in UTC, where the header was given one (xPONENT itself writes none)."""
    text = next((value for key in _REPORT_KEYS if (value := export.value(key))), None)
    return _time(text, [text], export, site)


def _time(text: str | None, dates: list[str | None], export: Export, site: Site) -> datetime | None:
    if text is None:
        return None
    evidence = list(dates)
    if site.day_first is None and not _proofs(" ".join(date or "" for date in dates)):
        evidence += _proofs(" ".join(cell for line in export.header_lines for cell in line))
    time = parse_time(text, is_day_first(evidence, site, "BatchStopTime"), ZoneInfo(site.time_zone))
    if time is None:
        raise FileError(f"The time of the batch in the xPONENT header is not {EXPECTED}.")
    return time


def _proofs(text: str) -> list[str]:
    """The dates in a text that have only one order: one of their first two numbers is over 12."""
    return [m[0] for m in _NUMERIC_DATE.finditer(text) if max(int(m[1]), int(m[2])) > 12]
