"""How long ago each site delivered what, held against how often it does; from the profiles alone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any, Final

from infra.lake import Lake
from quality.profiles import history, profile_tables
from quality.statistics import MIN_HISTORY, RECENT_BATCHES

DEFINITION: Final = "freshness.delivery-interval/1"
"""Overdue: nothing for more than three times the median interval between the last deliveries, and more than a day."""
PATIENCE: Final = 3
LEAST: Final = timedelta(days=1)


@dataclass(frozen=True)
class Freshness:
    """What a site delivers of a source. Ages are in days; usual_days and is_overdue need MIN_HISTORY deliveries.

    newest_event_days, newest_known_days: age of the newest event and report that any of its rows has.
    """

    source: str
    site_id: str
    batches: int
    last_delivery: datetime
    age_days: float
    newest_event_days: float | None
    newest_known_days: float | None
    usual_days: float | None
    is_overdue: bool


def freshness(lake: Lake, now: datetime | None = None) -> list[Freshness]:
    """By source and site, those that were silent longest first. Empty where no batch was profiled."""
    at = now or datetime.now(UTC)
    deliveries: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for table in profile_tables(lake):
        columns = ["source", "site_id", "batch_id", "profiled_at", "newest_event_time", "newest_known_time"]
        for row in history(lake, table).select(columns).to_pylist():
            deliveries.setdefault((row["source"], row["site_id"]), []).append(row)
    found = [_of_site(source, site, rows, at) for (source, site), rows in deliveries.items()]
    return sorted(found, key=lambda f: (-f.age_days, f.source, f.site_id))


def _of_site(source: str, site_id: str, rows: list[dict[str, Any]], now: datetime) -> Freshness:
    # A batch that fed several tables is one delivery.
    when: dict[str, datetime] = {}
    for r in rows:
        when[r["batch_id"]] = max(r["profiled_at"], when.get(r["batch_id"], r["profiled_at"]))
    times = sorted(when.values())
    last = times[-RECENT_BATCHES:]
    gaps = [(b - a).total_seconds() / 86_400 for a, b in pairwise(last)]
    usual = median(gaps) if len(times) >= MIN_HISTORY else None
    age = _days(times[-1], now)
    limit = max(PATIENCE * usual, LEAST.total_seconds() / 86_400) if usual is not None else None
    ages = []
    for column in ("newest_event_time", "newest_known_time"):
        newest = max((r[column] for r in rows if r[column] is not None), default=None)
        ages.append(None if newest is None else _days(newest, now))
    return Freshness(
        source, site_id, len(times), times[-1], age, ages[0], ages[1], usual, limit is not None and age > limit
    )


def _days(time: datetime, now: datetime) -> float:
    return (now - time).total_seconds() / 86_400
