"""What a run does, without Dagster: the calls of the command line, and errors that hold nothing of a patient."""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from features.build import BuiltView, build_gold
from infra.errors import OncolakeError
from infra.lake import Lake
from infra.settings import Settings
from ingestion.discovery import Delivery
from ingestion.pipeline import ingest, silent
from ingestion.registry import SOURCES
from ingestion.report import BatchReport
from oncolake.schedule.landing import delivered, parse_key
from oncolake.schedule.settings import Schedule

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOMS = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Workplace:
    """The lake and the landing folders of a schedule. session: gives the Spark session, when there is work for it."""

    lake: Lake
    settings: Settings
    schedule: Schedule
    session: "Callable[[], SparkSession]"

    def ingest(self, source: str, keys: Sequence[str]) -> BatchReport | None:
        """Ingests deliveries by their keys (`landing.delivery_key`), as `oncolake ingest` would.

        None where no settled file lies in the folders any more. Raises what `ingestion.pipeline.ingest` raises.
        """
        now = datetime.now(UTC)
        deliveries = [
            Delivery(path, parse_key(key)[0])
            for key in keys
            for path in delivered(SOURCES[source], key, self.schedule, now)
        ]
        if not deliveries:
            return None
        return ingest(source, deliveries, self.lake, self.settings, self.session, silent)

    def build(self, views: Sequence[str]) -> dict[str, BuiltView]:
        """Brings gold views up to date, as `oncolake features build` would."""
        return build_gold(self.session, self.lake, views)


def explained(error: BaseException) -> str:
    """What a run's page may say about an error: our sentences as they are, of any other its kind and its places.

    The message of a foreign exception may quote a cell of a file, and run records lie in the lake.
    """
    if isinstance(error, OncolakeError):
        return str(error)
    places = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_relative_to(ROOMS) and "site-packages" not in path.parts:
            places.append(f"{path.relative_to(ROOMS)}:{frame.lineno} in {frame.name}")
    return f"A defect of oncolake: {type(error).__name__} at {'; '.join(places[-4:]) or 'an unknown place'}."
