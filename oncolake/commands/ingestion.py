"""oncolake ingest, status, quarantine: what a data engineer runs and schedules."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.errors import UsageError
from oncolake import show
from oncolake.commands import replay
from oncolake.commands.options import (
    JsonOption,
    LakeOption,
    LogOption,
    QuietOption,
    for_large,
    lazy_session,
    load_settings,
    open_lake,
)

if TYPE_CHECKING:
    from ingestion.status import LakeStatus

quarantine = typer.Typer(help="Rejected rows, kept whole with their reasons.", no_args_is_help=True)

COUNTS = ("rows_in", "accepted", "quarantined", "duplicates", "warnings")


def register(app: typer.Typer) -> None:
    app.command()(ingest)
    app.command()(status)
    app.add_typer(quarantine, name="quarantine")
    replay.register(quarantine)


def ingest(
    source: Annotated[
        str, typer.Argument(help="What they are: imaging, exosome, cytokine, mutations, vitals, clinical ...")
    ],
    paths: Annotated[list[Path], typer.Argument(help="Files or folders; or idc:COLLECTION for imaging.")],
    site: Annotated[str, typer.Option(help="Who delivered: decides pseudonyms, date order and time zone.")] = "local",
    lake: LakeOption = None,
    as_json: JsonOption = False,
    log_format: LogOption = None,
    quiet: QuietOption = False,
) -> None:
    """Ingest files into the lake.

    The same files again add nothing. A file that cannot be read is recorded with the reason, and the rest goes on;
    the exit code is then 1.
    """
    from ingestion.discovery import Delivery
    from ingestion.pipeline import ingest as run
    from oncolake.lineage_events import batch_events

    if source == "imaging":
        from ingestion.sources.imaging.idc_package import resolved

        paths = resolved(paths)
    settings = load_settings()
    where = open_lake(lake, settings)
    deliveries = [Delivery(p, site, settings.site(site)) for p in paths]
    with (
        show.steps(f"ingest {source}", settings, log_format, quiet) as progress,
        batch_events(source, where, settings, progress) as told,
    ):
        sessions = lazy_session(settings), lazy_session(for_large(settings))
        report = told.report = run(source, deliveries, where, settings, sessions[0], progress, sessions[1])
        records = {name: sum(getattr(f, name) for f in report.files) for name in COUNTS}
        files = {f"files_{s}": report.count(s) for s in ("ingested", "unchanged", "rejected")}
        progress.event("info", "batch", batch_id=report.batch_id, **files, **records)
    if as_json:
        show.print_json(report.as_json())
    else:
        print_report(report)
    if report.count("rejected"):
        raise typer.Exit(1)


def print_report(report: object, most: int = 30) -> None:
    """A batch as tables: what was refused and what was quarantined first, since that is what needs a person."""
    from ingestion.report import BatchReport

    assert isinstance(report, BatchReport)
    order = {"rejected": 0, "ingested": 1, "unchanged": 2}
    files = sorted(report.files, key=lambda f: (order[f.status], -f.quarantined, f.path))
    rows = [
        (Path(f.path).name, f.format, f.status, f.rows_in, f.accepted, f.quarantined, f.duplicates)
        for f in files[:most]
    ]
    more = f" (the first {most} of {len(files)})" if len(files) > most else ""
    show.print_table(
        f"Batch {report.batch_id}: files{more}",
        ("file", "format", "status", "records", "accepted", "quarantined", "duplicates"), rows, right=(3, 4, 5, 6),
    )  # fmt: skip
    for f in files[:most]:
        if f.reason:
            show.out.print(f"{f.path}: {f.reason}", markup=False, highlight=False)
    if report.tables:
        show.print_table(
            "Tables", ("table", "version", "rows added", "rows to quarantine"),
            [(n, t.version, t.rows_added, t.rows_quarantined) for n, t in report.tables.items()], right=(1, 2, 3),
        )  # fmt: skip
    else:
        show.out.print("Nothing new: no table changed.")


def status(lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """Tables, rows and versions, quarantine, orphans, the last batches, and what their checks found."""
    from ingestion.status import lake_status

    found = lake_status(open_lake(lake, load_settings()))
    if as_json:
        show.print_json(found.as_json())
        return
    show.print_table(
        f"Lake {found.root}", ("table", "version", "rows", "files", "MB", "small files", "MB in them", "quarantined"),
        [(t.name, t.version, t.rows, t.files, f"{t.size_bytes / 1e6:.1f}", t.small_files, f"{t.small_bytes / 1e6:.1f}",
          t.quarantined) for t in found.tables],
        right=(1, 2, 3, 4, 5, 6, 7),
    )  # fmt: skip
    show.print_table(
        "Last batches", ("batch", "source", "at (UTC)", "files", "rejected", "records", "accepted", "quarantined"),
        [(b.batch_id, b.source, f"{b.at:%Y-%m-%d %H:%M:%S}", b.files, b.rejected, b.rows_in, b.accepted, b.quarantined)
         for b in found.batches], right=(3, 4, 5, 6, 7),
    )  # fmt: skip
    print_checks(found)
    if any(t.small_files for t in found.tables):
        show.out.print("Small files slow reading down; `oncolake maintain` joins them.")
    for table, n in found.orphans.items():
        show.out.print(f"{n:,} samples of {table} wait for their specimen.")


def print_checks(found: "LakeStatus") -> None:
    """What batch-level and cross-table checks found last (red: warning, yellow: info), and when sites delivered."""
    from rich.text import Text

    if found.checks:
        style = {"warning": "red", "info": "yellow"}
        show.print_table(
            "Checks that want a look", ("severity", "table", "site", "check", "what was found"),
            [(Text(c.severity, style[c.severity]), c.table, c.site_id, c.definition, c.sentence) for c in found.checks],
        )  # fmt: skip
    if found.deliveries:
        show.print_table(
            "Deliveries", ("source", "site", "batches", "last (UTC)", "days ago", "usual days", "newest event (d)"),
            [(d.source, d.site_id, d.batches, f"{d.last_delivery:%Y-%m-%d %H:%M}",
              Text(f"{d.age_days:.1f}", "red" if d.is_overdue else ""), _days(d.usual_days), _days(d.newest_event_days))
             for d in found.deliveries], right=(2, 4, 5, 6),
        )  # fmt: skip


def _days(days: float | None) -> str | None:
    return None if days is None else f"{days:.1f}"


@quarantine.command("list")
def list_quarantine(lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """Counts of rejected rows by table and reason."""
    from ingestion.status import quarantine_reasons

    rows = quarantine_reasons(open_lake(lake, load_settings()))
    if as_json:
        show.print_json([{"table": t, "reason": r, "rows": n} for t, r, n in rows])
    else:
        show.print_table("Quarantine", ("table", "reason", "rows"), rows, right=(2,))


@quarantine.command("show")
def show_quarantine(
    table: Annotated[str, typer.Argument(help="Table that the rows were meant for.")],
    limit: Annotated[int, typer.Option(help="Most rows to print.")] = 20,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rejected rows with their reasons: the place in the file, and the record as it was read (pseudonymised)."""
    from infra.tables import TABLES
    from quality.quarantine import quarantined

    if table not in TABLES:
        raise UsageError(f"There is no table {table}; expected one of {', '.join(TABLES)}.")
    rows = quarantined(open_lake(lake, load_settings()), table).slice(0, limit).to_pylist()
    if as_json:
        show.print_json(rows)
        return
    show.print_table(
        f"Quarantine of {table}", ("file", "record", "reasons", "content"),
        [(r["file_id"][:12], r["file_row"], "; ".join(r["reasons"]), r["record"]) for r in rows], right=(1,),
    )  # fmt: skip
