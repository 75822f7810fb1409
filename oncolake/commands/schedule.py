"""oncolake schedule: landing folders watched, deliveries ingested, feature tables kept up to date."""

import importlib.util
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.errors import UsageError
from infra.lake import Lake
from oncolake import show
from oncolake.commands.options import JsonOption, LakeOption, load_settings, open_lake

if TYPE_CHECKING:
    from oncolake.schedule.settings import Schedule


def register(app: typer.Typer) -> None:
    app.command()(schedule)


def schedule(
    landing: Annotated[
        Path | None, typer.Option(help="Watch LANDING/SITE/SOURCE/. Default: the setting schedule.landing.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port of the page on 127.0.0.1; 0: any free one.")] = 3000,
    home: Annotated[Path | None, typer.Option(help="Where Dagster keeps its runs. Default: LAKE/dagster.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what lies in the landing folders, and start nothing.")
    ] = False,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Watch landing folders, ingest what arrives and keep features up to date, with a web page (Dagster).

    Files are expected in `LANDING/SITE/SOURCE/`, for example `landing/toulouse/cytokine/plate.csv`. What a site put
    there on one day is a *delivery*. A file that changed in the last minute may still be being written, and waits.

    Each delivery is ingested as `oncolake ingest` would, feature tables are built when ingestion pauses and each
    night, and a fault of the machine is tried again after growing waits. It is safe beside cron, Airflow, a person at
    a terminal, or a second schedule: writers wait for each other, and the same files again add nothing.

    Needs the extra `dagster`. Everything is kept below the lake, listens on this machine only and calls nobody.
    Ctrl-C stops it; start it again at any time, and it goes on where it was. Try `--dry-run` first.
    """
    from oncolake.schedule import home as places
    from oncolake.schedule.settings import load_schedule

    declared = load_schedule()
    if landing is not None:
        declared = declared.model_copy(update={"landing": landing})
    where = open_lake(lake, load_settings())
    _needs_folders(declared)
    if dry_run:
        _show(looked(declared), where, as_json)
        return
    if importlib.util.find_spec("dagster_webserver") is None:
        raise UsageError("Dagster is not installed; expected the extra: pip install 'oncolake[dagster]'.")
    folder = places.prepare(where, declared, home)
    with places.alone(folder):
        _run(folder, places.environment(where, declared, folder), port, as_json)


def _needs_folders(declared: "Schedule") -> None:
    if declared.landing is None and not declared.folders:
        raise UsageError("No landing folder is declared; expected --landing DIR, or landing in [schedule] of the file.")
    if declared.landing is not None and not declared.landing.expanduser().is_dir():
        raise UsageError(f"There is no folder {declared.landing}; expected one with SITE/SOURCE/ in it.")


def _run(folder: Path, environment: Any, port: int, as_json: bool) -> None:
    from oncolake.schedule.server import ending_on_sigterm, running

    ending_on_sigterm()
    try:
        show.err.print("Starting the schedule ...")
        with running(folder, environment, port) as started:
            if as_json:
                show.print_json({"url": started.url, "home": str(folder)})
                # Whoever reads it waits for it, and this command goes on.
                sys.stdout.flush()
            else:
                show.out.print(f"Schedule: {started.url}", highlight=False)
                show.out.print("Ctrl-C stops it.")
            try:
                started.wait()
            except KeyboardInterrupt:
                show.err.print("Stopping ...")
                raise
    except KeyboardInterrupt:
        show.err.print("Stopped. What was under way is taken up again by the next start.")


def looked(declared: "Schedule") -> dict[str, Any]:
    """What lies in the landing folders: files, those that wait, and deliveries by folder. No content is read."""
    from oncolake.schedule import landing

    now = datetime.now(UTC)
    found: list[dict[str, Any]] = []
    for folder in landing.folders(declared):
        row = {"site": folder.site_id, "source": folder.source, "path": str(folder.path)}
        try:
            files = landing.files(folder, now, declared.settle)
        except OSError as error:
            found.append(row | {"files": 0, "waiting": 0, "deliveries": {}, "problem": error.strerror})
            continue
        days = Counter(f.day for f in files if f.is_settled)
        found.append(row | {
            "files": len(files), "waiting": sum(not f.is_settled for f in files),
            "deliveries": dict(sorted(days.items())), "problem": None,
        })  # fmt: skip
    return {"folders": found, "unknown_folders": [str(path) for path in landing.unknown_folders(declared)]}


def _show(found: dict[str, Any], lake: Lake, as_json: bool) -> None:
    if as_json:
        show.print_json(found)
        return
    show.print_table(
        f"Landing folders of lake {lake.root}", ("site", "source", "files", "waiting", "days", "folder"),
        [(f["site"], f["source"], f["files"], f["waiting"], len(f["deliveries"]), f["problem"] or f["path"])
         for f in found["folders"]], right=(2, 3, 4),
    )  # fmt: skip
    for path in found["unknown_folders"]:
        show.out.print(f"{path} is not watched: its name is no source, or its site's cannot be one.", markup=False)
