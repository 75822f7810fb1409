"""oncolake quarantine replay: sends rejected records through again after something of ours was changed."""

from pathlib import Path
from typing import Annotated

import typer

from infra.errors import UsageError
from oncolake import show
from oncolake.commands.options import JsonOption, LakeOption, lazy_session, load_settings, open_lake


def register(quarantine: typer.Typer) -> None:
    quarantine.command()(replay)


def replay(
    source: Annotated[list[str] | None, typer.Option(help="Only this source; may be repeated.")] = None,
    originals: Annotated[
        list[Path] | None,
        typer.Option("--from", help="Where delivered files lie: their held records are read again, not taken as kept."),
    ] = None,
    site: Annotated[str, typer.Option(help="Who delivered the files of --from.")] = "local",
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send quarantined records through again, after a check, a mapping or a reader was changed.

    What passes now moves to its table and keeps its history; what does not stays, with the reasons of today. The
    counts of each file stay exact. A changed reader needs the files themselves (--from); other changes do not.
    """
    from ingestion.discovery import Delivery
    from ingestion.registry import SOURCES
    from ingestion.replay import replay as run

    for name in source or ():
        if name not in SOURCES:
            raise UsageError(f"There is no source {name}; expected one of {', '.join(SOURCES)}.")
    for path in originals or ():
        if not path.exists():
            raise UsageError(f"There is no file or folder {path}; expected where the delivered files lie.")
    settings = load_settings()
    with show.steps("quarantine replay") as progress:
        report = run(
            open_lake(lake, settings), settings, lazy_session(settings), source or tuple(SOURCES),
            [Delivery(path, site, settings.site(site)) for path in originals or ()], progress,
        )  # fmt: skip
    if as_json:
        show.print_json(report.as_json())
        return
    if report.files:
        show.print_table(
            f"Replay {report.replay_id}: records", ("file", "source", "sent", "accepted", "duplicates", "still held"),
            [(f.file_id[:12], f.source, f.sent, f.accepted, f.duplicates, f.held) for f in report.files],
            right=(2, 3, 4, 5),
        )  # fmt: skip
    else:
        show.out.print("Nothing was sent: no record in quarantine can be.")
    for reason, n in report.left.items():
        show.out.print(f"{n:,} rows were left: {reason}.", highlight=False)
