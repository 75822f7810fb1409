"""What the lake's own records say about the last batches: the content of the asset checks. No JVM, no Dagster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from infra import delta, scan
from infra.lake import Lake
from infra.tables import TABLES
from ingestion import ledger
from oncolake.schedule.catalogue import stale_views
from quality.outcomes import latest_checks
from quality.validation import results_path

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Verdict:
    """One check. error: the lake breaks a promise; warning: a person should look at what was delivered."""

    name: str
    is_passed: bool
    severity: Severity
    sentence: str
    numbers: Mapping[str, int | str] = field(default_factory=dict)


FILE_CHECKS = {
    "accounting": "Of each file, records read = accepted + quarantined + duplicates.",
    "files_are_read": "No file was refused, or what was refused has been read since.",
}
TABLE_CHECKS = {
    "no_critical_rows": "In the last batch no row broke a critical check; rows that do are in quarantine.",
    "batch_as_before": "The last batch is like the recent ones (volume, drift) and fits the other tables.",
    "expectations_agree": "In the last batch Great Expectations gave each check the verdict that the gate gave it.",
}
VIEW_CHECKS = {"up_to_date": "The table was built from the newest silver tables and the present definition."}


def file_verdicts(lake: Lake, source: str) -> list[Verdict]:
    """The checks of FILE_CHECKS over all files of a source that the ledger has."""
    entries = ledger.entries(lake).filter(pc.field("source") == source)
    accounted = pc.add(pc.add(entries["accepted"], entries["quarantined"]), entries["duplicates"])
    wrong = entries.num_rows - int(pc.sum(pc.equal(entries["rows_in"], accounted)).as_py() or 0)
    read = _keys(entries.filter(pc.field("status") == "ingested"))
    refused = _keys(entries.filter(pc.field("status") == "rejected")) - read
    # A replay has entries of its own over records that were counted when their file came.
    records = int(pc.sum(entries.filter(pc.field("status") == "ingested")["rows_in"]).as_py() or 0)
    return [
        Verdict(
            "accounting", wrong == 0, "error",
            f"{wrong:,} of {entries.num_rows:,} entries of the ledger do not add up."
            if wrong else f"{entries.num_rows:,} entries of the ledger add up.",
            {"entries": entries.num_rows, "records": records, "entries_that_do_not_add_up": wrong},
        ),
        Verdict(
            "files_are_read", not refused, "warning",
            f"{len(refused):,} files were refused; `oncolake ingest {source} ... --json` over the folder names them."
            if refused else "Every file was read.",
            {"files_read": len(read), "files_refused": len(refused)},
        ),
    ]  # fmt: skip


def _keys(entries: pa.Table) -> set[tuple[str, str]]:
    """(file, site) of entries; a file that could not even be hashed counts under its masked name."""
    file = pc.coalesce(entries["file_id"], entries["masked_name"])
    return set(zip(file.to_pylist(), entries["site_id"].to_pylist(), strict=True))


def table_verdicts(lake: Lake, table: str) -> list[Verdict]:
    """The checks of TABLE_CHECKS over the last batch that brought rows of a silver table."""
    return [*_of_rows(lake, table), _of_batch(lake, table)]


def _of_batch(lake: Lake, table: str) -> Verdict:
    checks = latest_checks(lake, table).get(table, [])
    failed = [c for c in checks if not c.is_passed and c.severity == "warning"]
    said = " ".join(c.sentence for c in failed[:5]) if failed else f"{len(checks)} checks of the last batch passed."
    numbers: dict[str, int | str] = {"checks": len(checks), "checks_failed": len(failed)}
    return Verdict("batch_as_before", not failed, "warning", said, numbers)


def _of_rows(lake: Lake, table: str) -> list[Verdict]:
    last = _last_results(lake, table)
    if not last.num_rows:
        none = "No batch has brought rows of this table yet."
        return [Verdict("no_critical_rows", True, "warning", none), Verdict("expectations_agree", True, "error", none)]
    rows = int(pc.max(last["rows"]).as_py())
    broken = {
        severity: last.filter((pc.field("severity") == severity) & (pc.field("rows_failed") > 0))
        for severity in ("critical", "warning", "info")
    }
    differing = last.filter(pc.field("is_expectation_met") != (pc.field("rows_failed") == 0))
    numbers: dict[str, int | str] = {"batch": last["batch_id"][0].as_py(), "rows": rows, "checks": last.num_rows}
    for severity, found in broken.items():
        numbers[f"{severity}_checks_broken"] = found.num_rows
    critical = broken["critical"]
    said = "; ".join(f"{check}: {n:,} rows" for check, n in zip(
        critical["check"].to_pylist(), critical["rows_failed"].to_pylist(), strict=True))  # fmt: skip
    return [
        Verdict(
            "no_critical_rows", not critical.num_rows, "warning",
            f"Of {rows:,} rows some went to quarantine ({said})." if said
            else f"No critical check is broken by the {rows:,} rows.", numbers,
        ),
        Verdict(
            "expectations_agree", not differing.num_rows, "error",
            f"Verdicts differ on {differing.num_rows} of {last.num_rows} checks; this is a defect of oncolake."
            if differing.num_rows else f"{last.num_rows} checks have the same verdict twice.",
            {"batch": last["batch_id"][0].as_py(), "checks": last.num_rows, "checks_that_differ": differing.num_rows},
        ),
    ]  # fmt: skip


def _last_results(lake: Lake, table: str) -> pa.Table:
    """The check results of the last batch of a table; no rows where there is none."""
    if table not in TABLES:
        raise ValueError(f"there is no table {table}")
    path = results_path(lake)
    if not delta.exists(path):
        return pa.table({"batch_id": pa.array([], pa.string())})
    found = scan.rows(path, where=pc.field("table_name") == table)
    if not found.num_rows:
        return found
    newest = pc.max(found["validated_at"])
    return found.filter(pc.equal(found["validated_at"], newest))


def view_verdicts(lake: Lake) -> dict[str, Verdict]:
    """By stale gold view, the check of VIEW_CHECKS; a view that is not named passes."""
    said = "Silver tables or the definition changed since; `oncolake features build` brings it up to date."
    return {name: Verdict("up_to_date", False, "warning", said) for name in stale_views(lake)}
