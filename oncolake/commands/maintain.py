"""oncolake maintain: compaction, clustering and clean-up of a lake's tables."""

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from infra.errors import UsageError
from infra.lake import Lake
from infra.maintenance import Care
from oncolake import show
from oncolake.commands.options import JsonOption, LakeOption, LogOption, QuietOption, load_settings, open_lake

LEAST_DAYS = 1
"""A training set may be read, and a writer may be under way, for hours before any run or commit names its files."""


def register(app: typer.Typer) -> None:
    app.command()(maintain)


def maintain(
    tables: Annotated[
        str, typer.Option("--tables", help="Names such as vital_sign,gold/vital_window; default: every table.")
    ] = "",
    retention_days: Annotated[
        int, typer.Option(help="Days for which files that no version needs are kept; at least 1.")
    ] = 7,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    lake: LakeOption = None,
    as_json: JsonOption = False,
    log_format: LogOption = None,
    quiet: QuietOption = False,
) -> None:
    """Compact and cluster tables, and remove files that no version needs any more.

    Versions that a training run names stay readable, however old; delete the run in MLflow to give them free.
    """
    if retention_days < LEAST_DAYS:
        raise UsageError(f"--retention-days is {retention_days}; expected at least {LEAST_DAYS}.")
    settings = load_settings()
    where = open_lake(lake, settings)
    chosen = _chosen(where, [name.strip() for name in tables.split(",") if name.strip()])
    with show.steps("maintain", settings, log_format, quiet) as progress:
        done = _care(where, chosen, timedelta(days=retention_days), dry_run, progress)
    if as_json:
        answer = {"root": where.root, "dry_run": dry_run, "retention_days": retention_days}
        show.print_json(answer | {"tables": {name: asdict(care) for name, care in done.items()}})
    else:
        _print(done, where, dry_run)


def lake_tables(lake: Lake) -> dict[str, str]:
    """Path of every table that may be in a lake, by the name that people type: silver bare, others with their room."""
    from features.tables import VIEWS
    from infra.tables import TABLES
    from quality.outcomes import outcomes_path
    from quality.profiles import profiles_path
    from quality.validation import results_path

    found = {name: lake.silver(name) for name in TABLES}
    found |= {f"quarantine/{name}": lake.quarantine(name) for name in TABLES}
    found |= {f"gold/{name}": lake.gold(name) for name in VIEWS}
    found |= {f"quality/profiles/{name}": profiles_path(lake, name) for name in TABLES}
    quality = {"quality/results": results_path(lake), "quality/batch_checks": outcomes_path(lake)}
    return found | {"ledger": lake.ledger} | quality


def _chosen(lake: Lake, names: list[str]) -> dict[str, str]:
    from infra import delta

    known = lake_tables(lake)
    for name in names:
        if name not in known:
            raise UsageError(f"There is no table {name}; expected one of {', '.join(known)}.")
        if not delta.exists(known[name]):
            raise UsageError(f"The lake {lake.root} has no table {name} yet; expected one that was written.")
    return {n: p for n, p in known.items() if (n in names if names else delta.exists(p))}


def _care(
    lake: Lake, tables: dict[str, str], retention: timedelta, dry_run: bool, progress: show.Steps
) -> dict[str, Care]:
    from infra.maintenance import care_for, clear_staging, clustering
    from infra.tables import TABLES
    from training.pins import pinned_versions

    if not tables:
        return {}
    clear_staging(lake, retention, dry_run=dry_run)
    progress("asking the runs which versions they need")
    done: dict[str, Care] = {}
    pinned = pinned_versions(lake)
    for n, (name, path) in enumerate(tables.items()):
        progress(f"caring for {name}", n, len(tables), table=name)
        done[name] = care_for(
            lake,
            path,
            cluster_by=clustering(TABLES[name]) if name in TABLES else (),
            # Each build replaces a gold table whole, in files of its own choice.
            is_rewritten=not name.startswith("gold/"),
            retention=retention,
            protected=pinned.get(path, ()),
            dry_run=dry_run,
        )
    return done


def _print(done: dict[str, Care], lake: Lake, dry_run: bool) -> None:
    show.print_table(
        f"Lake {lake.root}" + (": what would be done" if dry_run else ""),
        ("table", "version", "rewritten", "files before", "files after", "files removed", "MB freed", "versions kept"),
        [
            (name, c.version, "" if c.rewrite == "none" else c.rewrite, c.before.n, c.after.n, c.removed_files,
             f"{c.removed_bytes / 1e6:.1f}", len(c.kept_versions))
            for name, c in done.items()
        ], right=(1, 3, 4, 5, 6, 7),
    )  # fmt: skip
    for name, care in done.items():
        if care.lost_versions:
            versions = ", ".join(map(str, care.lost_versions))
            show.out.print(f"Runs name versions of {name} that were gone before: {versions}.")
