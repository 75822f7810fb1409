"""What a run does, without Dagster: the calls of the command line, and errors that hold nothing of a patient."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from features.building.build import BuiltView, build_gold
from infra.errors import MachineError, OncolakeError
from infra.lake import Lake
from infra.logs import places
from infra.settings import Settings
from infra.storage import fault
from ingestion.discovery import Delivery
from ingestion.pipeline import Progress, ingest, silent
from ingestion.registry import SOURCES
from ingestion.report import BatchReport
from oncolake import show
from oncolake.lineage_events import batch_events
from oncolake.schedule.landing import delivered, parse_key
from oncolake.schedule.settings import Schedule

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Workplace:
    """The lake and the landing folders of a schedule. session: gives the Spark session, when there is work for it."""

    lake: Lake
    settings: Settings
    schedule: Schedule
    session: "Callable[[], SparkSession]"
    large_session: "Callable[[], SparkSession] | None" = None

    def ingest(self, source: str, keys: Sequence[str], progress: Progress = silent) -> BatchReport | None:
        """Ingests deliveries by their keys (`landing.delivery_key`), as `oncolake ingest` would.

        None where no settled file lies in the folders any more. Raises what `ingestion.pipeline.ingest` raises.
        """
        deliveries = [Delivery(path, parse_key(key)[0]) for key in keys for path in self._paths(source, key)]
        if not deliveries:
            return None
        with (
            show.steps(f"ingest {source}", log_format=self._log_format) as steps,
            batch_events(source, self.lake, self.settings, steps) as told,
        ):

            def both(step: str, done: int = 0, total: int = 0, **counts: object) -> None:
                steps(step, done, total, **counts)
                progress(step, done, total, **counts)

            told.report = ingest(source, deliveries, self.lake, self.settings, self.session, both, self.large_session)
        return told.report

    def build(self, views: Sequence[str], progress: Progress = silent) -> dict[str, BuiltView]:
        """Brings gold views up to date, as `oncolake features build` would."""
        with show.steps("features build", log_format=self._log_format):
            return build_gold(self.session, self.lake, views, lambda view: progress(f"built {view}"))

    def materialize(self) -> dict[str, int]:
        """Copies the latest known features online, as `oncolake features apply` and `materialize` would."""
        from features.store.repository import apply, materialize

        with show.steps("features materialize", log_format=self._log_format):
            apply(self.lake, online=self.settings.online_store)
            filled = materialize(self.lake, online=self.settings.online_store)
        return {name: done.version for name, done in filled.items()}

    def keyed(self, text: str) -> str:
        """A hash under the pseudonym key: what may be kept of a path."""
        return self.settings.pseudonymiser.identifier("schedule", text)

    @property
    def _log_format(self) -> str:
        # Runs share one terminal, if any: bars would overwrite each other.
        return "json" if self.settings.log_format == "auto" else self.settings.log_format

    def _paths(self, source: str, key: str) -> list[Path]:
        try:
            return delivered(SOURCES[source], key, self.schedule, datetime.now(UTC))
        except OSError as error:
            site = parse_key(key)[0]
            raise MachineError(f"A folder of {source} of site {site} cannot be read ({error.strerror}).") from error


def explained(error: BaseException) -> str:
    """What a run's page may say about an error: our sentences as they are, of any other its kind and its places.

    The message of a foreign exception may quote a cell of a file, and run records lie in the lake.
    """
    if isinstance(error, OncolakeError):
        return str(error)
    if disk := fault(error, "The lake"):
        return str(disk)
    return f"A defect of oncolake: {type(error).__name__} at {'; '.join(places(error)[-4:]) or 'an unknown place'}."


def may_pass(error: BaseException) -> bool:
    """Whether another attempt may succeed: not where the caller has to change something first.

    An error that is none of ours may be a JVM that died for want of memory.
    """
    return isinstance(error, MachineError) or not isinstance(error, OncolakeError | AssertionError)
