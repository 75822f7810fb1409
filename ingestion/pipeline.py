"""The whole pipeline, the same for every source: read, conform, gate, append, and the ledger last.

Exactly once rests on three things. A file whose content the ledger has is not read again. Rows that an interrupted
attempt left in a table are found by their file and record and not written again, whatever batch comes next. And the
ledger is written when everything else is, so a killed batch is simply run again.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from infra.errors import UsageError
from infra.lake import Lake
from infra.locks import writing
from infra.settings import Settings
from ingestion import ledger
from ingestion.batch import Batch, Counts
from ingestion.discovery import Delivery, Found, discover
from ingestion.format import Source
from ingestion.reading import FileKey
from ingestion.registry import SOURCES
from ingestion.report import BatchReport, FileReport, TableReport
from quality.batches import check_batch
from quality.validation import validate

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


LARGE_BYTES = 64_000_000


class Progress(Protocol):
    """Told what is being done, and how far it is where that is known."""

    def __call__(self, step: str, done: int = 0, total: int = 0, **counts: object) -> None:
        """counts: rows and files so far, ids of batch and table: what may stand in a log, never a value of a file."""
        ...


def silent(step: str, done: int = 0, total: int = 0, **counts: object) -> None:
    """A Progress that says nothing."""


def ingest(
    source_name: str,
    deliveries: Iterable[Delivery],
    lake: Lake,
    settings: Settings,
    session: "Callable[[], SparkSession]",
    progress: Progress = silent,
    large_session: "Callable[[], SparkSession] | None" = None,
) -> BatchReport:
    """Ingests every new file of the deliveries into the lake.

    session: gives the Spark session; called only where there is something new, so that a repeated delivery is
    answered without a JVM. large_session: the same for more than LARGE_BYTES of new files.
    Raises UsageError for an unknown source, MachineError where the lake cannot be written.
    """
    if source_name not in SOURCES:
        raise UsageError(f"There is no source {source_name}; expected one of {', '.join(SOURCES)}.")
    source = SOURCES[source_name]
    deliveries = [replace(d, site=settings.site(d.site_id)) for d in deliveries]
    found = discover(source, deliveries, lambda done, total: progress("looking at files", done, total))
    new = _unseen(found, ledger.ingested(lake, source.name))
    batch_id = _batch_id(source, new or found, settings)
    counts: dict[FileKey, Counts] = {}
    tables: dict[str, TableReport] = {}
    progress("looked at files", len(found), len(found), batch_id=batch_id, files=len(found), new_files=len(new))
    if new:
        is_large = large_session is not None and sum(f.size_bytes or 0 for f in new) > LARGE_BYTES
        spark = large_session() if large_session is not None and is_large else session()
        batch = Batch(spark, lake, settings, source, batch_id, datetime.now(UTC), progress)
        try:
            prepared = batch.prepare(new)
            evidence = batch.evidence(prepared)
            # One ingestion at a time compares with the tables and writes to them; others wait here, not in the middle.
            with ThreadPoolExecutor(1) as beside, writing(lake, "ingest"):
                new = _unseen(new, ledger.ingested(lake, source.name))
                # The expectations judge the rows that the gate has judged already, while these become visible.
                validation = beside.submit(validate, evidence, prepared.broken(), lake, source.name, batch_id)
                counts, fed = batch.commit(prepared, new)
                tables = {name: r for name, r in fed.items() if r.rows_added or r.rows_quarantined}
                progress("validating")
                check_batch(lake, source.name, batch_id, fed)
                validation.result()
                reports = _reports(found, new, counts, source)
                ledger.record(lake, _entries(reports, found, settings, batch_id))
        finally:
            batch.release()
    else:
        reports = _reports(found, new, counts, source)
        ledger.record(lake, _entries(reports, found, settings, batch_id))
    return BatchReport(batch_id, reports, tables)


def _unseen(found: Sequence[Found], done: set[tuple[str, str]]) -> list[Found]:
    """The files to read: known format, and content that neither the ledger nor an earlier file of the batch has."""
    new: list[Found] = []
    seen = set(done)
    for f in found:
        if f.reason is None and f.key not in seen:
            seen.add(f.key)
            new.append(f)
    return new


def _batch_id(source: Source, files: Sequence[Found], settings: Settings) -> str:
    """The same files under the same readers and declarations give the same batch: a repeated attempt is recognised.

    files: those to read, and not the whole delivery. A file that was refused and can be read now makes another
    batch, whose rows Delta would otherwise drop as already written.
    """
    parts = [f"{f.site_id} {f.file_id} {f.format.name} {f.format.version}" for f in files if f.format]
    sites = {f.site_id: settings.site(f.site_id).model_dump_json() for f in files}
    parts = sorted([*parts, *sites.values()])
    return hashlib.sha256("\n".join([source.name, *parts]).encode()).hexdigest()[:16]


def _reports(
    found: Sequence[Found], new: Sequence[Found], counts: dict[FileKey, Counts], source: Source
) -> tuple[FileReport, ...]:
    read = {(f.path, f.site_id) for f in new}
    return tuple(_report(f, source, counts, (f.path, f.site_id) in read) for f in found)


def _report(f: Found, source: Source, by_file: dict[FileKey, Counts], is_read: bool) -> FileReport:
    format_name = f.format.name if f.format else None
    if f.reason is not None:
        return FileReport(str(f.path), f.file_id, source.name, format_name, "rejected", f.reason)
    counts = by_file.get(f.key)
    if counts is None or (not is_read and counts.error is None):
        return FileReport(str(f.path), f.file_id, source.name, format_name, "unchanged")
    if counts.error is not None:
        return FileReport(str(f.path), f.file_id, source.name, format_name, "rejected", counts.error)
    total = counts.accepted + counts.quarantined + counts.duplicates
    if total != counts.rows_in:
        raise AssertionError(
            f"{f.format.name if f.format else '?'}: {counts.rows_in} records were read and {total} are accounted for; "
            "the ledger was not written"
        )
    return FileReport(
        str(f.path), f.file_id, source.name, format_name, "ingested", None,
        counts.rows_in, counts.accepted, counts.quarantined, counts.duplicates, counts.warnings,
    )  # fmt: skip


def _entries(
    reports: Sequence[FileReport], found: Sequence[Found], settings: Settings, batch_id: str
) -> list[ledger.Entry]:
    return [
        ledger.Entry(
            file_id=r.file_id,
            masked_name=f.masked_name(settings.pseudonymiser),
            source=r.source,
            format=r.format,
            reader_version=f.format.version if f.format else None,
            site_id=f.site_id,
            size_bytes=f.size_bytes,
            status=r.status,
            reason=r.reason,
            rows_in=r.rows_in,
            accepted=r.accepted,
            quarantined=r.quarantined,
            duplicates=r.duplicates,
            warnings=r.warnings,
            batch_id=batch_id,
        )
        for r, f in zip(reports, found, strict=True)
        if r.status != "unchanged"
    ]
