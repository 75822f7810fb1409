"""Batch-level checks after a batch is written: one call, which never blocks a row and never fails a batch."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from infra import delta
from infra.errors import MachineError
from infra.lake import Lake
from infra.locks import writing
from infra.logs import places
from infra.tables import TABLES
from quality import outcomes, profiles
from quality.cross import cross_checks
from quality.drift import RAN, BatchCheck, Written, compare, quarantined_share
from quality.page import write_page
from quality.profiling import profile
from quality.scanning import added_files, file_system
from quality.validation import docs_index, results_path


def check_batch(lake: Lake, source: str, batch_id: str, tables: Mapping[str, Written]) -> list[BatchCheck]:
    """Profiles what a batch brought, compares it with the recent batches, counts what contradicts between tables.

    Called when the batch is committed. tables: by table that the batch fed what became of it, with its Delta version
    afterwards; one whose rows an interrupted attempt had written already belongs to it. A batch that was checked before
    is answered from the record. Rows are never refused or changed here, so nothing that goes wrong here is the batch's
    fault: it becomes an outcome of its own (`checks.ran/1`), in one sentence with its place.
    """
    if not tables:
        return []
    found: list[BatchCheck] = []
    before: list[BatchCheck] = []
    with _reporting(lake, "", found), writing(lake, "quality"):
        before = outcomes.of_batch(lake, source, batch_id)
        done = {c.table for c in before if c.definition == RAN and c.is_passed}
        todo = {name: written for name, written in tables.items() if name not in done}
        if todo:
            now = datetime.now(UTC)
            for name, written in todo.items():
                with _reporting(lake, name, found):
                    found += _of_table(lake, source, batch_id, name, written, now)
            with _reporting(lake, "", found):
                between = cross_checks(lake, todo)
                said = f"{len(between)} checks between tables were made."
                found += [*between, BatchCheck("", "", "", "", RAN, "info", True, float(len(between)), None, 1, said)]
            outcomes.record(lake, source, batch_id, found, now)
            if lake.is_local and docs_index(lake).parent.exists():
                write_page(docs_index(lake).parent, results_path(lake), outcomes.outcomes(lake))
    return [*before, *found]


@contextmanager
def _reporting(lake: Lake, table: str, found: list[BatchCheck]) -> Iterator[None]:
    """What goes wrong inside is added to `found`. Of a defect its kind and place: its own words may quote a cell."""
    try:
        with delta.explaining(f"{lake.root}/quality"):
            yield
    except MachineError as error:
        found.append(_did_not_run(table, str(error)))
    except Exception as error:
        where = places(error)
        at = where[-1] if where else "an unknown place"
        found.append(_did_not_run(table, f"{type(error).__name__} at {at}; this is a defect of oncolake."))


def _did_not_run(table: str, why: str) -> BatchCheck:
    of = f" of {table}" if table else ""
    said = f"The batch's rows are written; its batch-level checks{of} did not run: {why}"
    return BatchCheck(table, "", "", "", RAN, "warning", False, None, None, 0, said)


def _of_table(lake: Lake, source: str, batch_id: str, name: str, written: Written, now: datetime) -> list[BatchCheck]:
    kept = profiles.of_batches(lake, name, source, [batch_id])
    if not kept:
        files = file_system(lake.silver(name))
        new = profile(files, added_files(files, written.version, batch_id), batch_id, TABLES[name])
        if new:
            profiles.keep(lake, name, source, batch_id, new, now)
        own = [(p, now) for p in new]
    else:
        own = [(past.profile, past.profiled_at) for past in kept.values()]
    found = []
    # The rows as they are in the table: an attempt that found them there already has added none.
    rows = sum(p.rows for p, _ in own)
    share = quarantined_share(name, rows, written.rows_quarantined)
    if share is not None:
        found.append(share)
    if own:
        past = profiles.recent(lake, name, source, before=own[0][1])
        for of_site, at in own:
            found += compare(name, of_site, at, past.get(of_site.site_id, []))
    said = f"{rows:,} rows of {len(own)} sites were profiled."
    return [*found, BatchCheck(name, "", "", "", RAN, "info", True, float(rows), None, 1, said)]
