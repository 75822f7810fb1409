"""A landing folder with a lake beside it, and files that landed some time ago."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from infra.lake import Lake
from infra.settings import Settings
from ingestion.report import BatchReport
from oncolake.schedule.settings import Schedule
from oncolake.schedule.work import Workplace
from tests.ingestion.lakes import KEY, no_session

NOON = datetime(2024, 3, 28, 12, tzinfo=UTC)
SETTLED = Schedule(settle_seconds=0)


def land(path: Path, content: str = "x", at: datetime = NOON) -> Path:
    """Writes a file whose modification time is `at`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def later(days: float) -> datetime:
    return NOON + timedelta(days=days)


def place_at(folder: Path, session: Callable[[], Any] = no_session, **schedule: Any) -> Workplace:
    """A workplace whose landing folder is FOLDER/landing; files count as settled at once."""
    landing = folder / "landing"
    landing.mkdir(exist_ok=True)
    declared = {"landing": landing, "settle_seconds": 0, "retry_seconds": 0} | schedule
    return Workplace(Lake.at(folder / "lake"), Settings(pseudonym_key=KEY), Schedule(**declared), session)


@dataclass(frozen=True)
class Acted(Workplace):
    """A workplace whose ingestion does what it is told instead, and remembers what it was asked for."""

    act: Callable[[], BatchReport | None] = lambda: None
    asked: list[list[str]] = field(default_factory=list)

    def ingest(self, source: str, keys: Any, progress: Any = None) -> BatchReport | None:
        self.asked.append(list(keys))
        return self.act()


def acting(folder: Path, act: Callable[[], BatchReport | None], **schedule: Any) -> Acted:
    place = place_at(folder, **schedule)
    return Acted(place.lake, place.settings, place.schedule, place.session, act=act)
