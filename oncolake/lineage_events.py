"""OpenLineage events of batches, for those who declare where they go; without a declaration nothing is made or sent.

An event holds ids of files (SHA-256 of their content), names and versions of tables, and counts. Paths, file names and
the texts of errors stay here. The settings are `openlineage_url` (events are posted there) and `openlineage_file`
(events are appended to LAKE/lineage/events.jsonl); the extra `openlineage` brings the library.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from infra.errors import UsageError
from infra.lake import Lake
from infra.locks import writing
from infra.settings import Settings
from oncolake.show import Steps

if TYPE_CHECKING:
    from ingestion.report import BatchReport

NAMESPACE = "oncolake"
PRODUCER = "urn:oncolake"
TIMEOUT_SECONDS = 5.0
FILE = "events.jsonl"


class Transport(Protocol):
    """Where events go; a transport of openlineage-python is one."""

    def emit(self, event: Any) -> Any: ...


@dataclass
class Told:
    """What a batch says of itself before it ends."""

    report: "BatchReport | None" = None


@contextmanager
def batch_events(source: str, lake: Lake, settings: Settings, progress: Steps) -> Iterator[Told]:
    """START before the block, then COMPLETE with what `Told.report` holds, or FAIL with the kind of the error.

    An event that cannot be delivered is logged and stops nothing: lineage follows the batch and never decides it.
    Raises UsageError where events are declared and the library is not installed.
    """
    told = Told()
    transports = _transports(lake, settings)
    if not transports:
        yield told
        return
    from openlineage.client.uuid import generate_new_uuid

    run_id = str(generate_new_uuid())

    def send(state: str, **more: Any) -> None:
        event = _event(state, run_id, source, **more)
        for transport in transports:
            try:
                # Processes at once append to one file: a line is whole or the next one's.
                with writing(lake, "lineage"):
                    transport.emit(event)
            except Exception as error:
                # Of whatever kind: the client wraps network, disk and HTTP errors as it likes. Its text has addresses.
                progress.event("warning", "openlineage_event_not_delivered", state=state, error=type(error).__name__)

    send("START")
    try:
        yield told
    except BaseException as error:
        send("FAIL", error=type(error).__name__)
        raise
    send("COMPLETE", report=told.report)


def _transports(lake: Lake, settings: Settings) -> list[Transport]:
    if not settings.openlineage_url and not settings.openlineage_file:
        return []
    try:
        from openlineage.client.transport.file import FileConfig, FileTransport
        from openlineage.client.transport.http import HttpConfig, HttpTransport
    except ImportError as error:
        raise UsageError(
            "The settings declare OpenLineage events, and the extra is not installed; expected oncolake[openlineage]."
        ) from error
    # Transports are made here, never from the client's own environment variables and files: what is not declared in
    # our settings is not sent.
    made: list[Transport] = []
    if settings.openlineage_file:
        place = str(lake.folder("lineage") / FILE)
        made.append(FileTransport(FileConfig(log_file_path=place, append=True)))
    if settings.openlineage_url:
        retry = {"total": 1, "backoff_factor": 0.3}
        made.append(HttpTransport(HttpConfig(url=settings.openlineage_url, timeout=TIMEOUT_SECONDS, retry=retry)))
    return made


def _event(state: str, run_id: str, source: str, report: "BatchReport | None" = None, error: str | None = None) -> Any:
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import dataset_version_dataset, error_message_run, output_statistics_output_dataset

    inputs, outputs = [], []
    if report is not None:
        new = {f.file_id for f in report.files if f.status == "ingested" and f.file_id}
        inputs = [InputDataset(NAMESPACE, f"file/{file_id}") for file_id in sorted(new)]
        outputs = [
            OutputDataset(
                NAMESPACE,
                f"silver/{name}",
                facets={"version": dataset_version_dataset.DatasetVersionDatasetFacet(str(t.version))},
                outputFacets={
                    "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                        rowCount=t.rows_added
                    )
                },
            )
            for name, t in report.tables.items()
        ]
    facets = {}
    if error is not None:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(error, "python")
    return RunEvent(
        eventType=RunState[state],
        eventTime=datetime.now(UTC).isoformat(),
        run=Run(run_id, facets),
        job=Job(NAMESPACE, f"ingest.{source}"),
        producer=PRODUCER,
        inputs=inputs,
        outputs=outputs,
    )
