"""oncolake trace, replay, impact: from a run to its files, the run once more, and from a file to its runs."""

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.errors import UsageError
from oncolake import show
from oncolake.commands.options import JsonOption, LakeOption, load_settings, open_lake

if TYPE_CHECKING:
    from infra.settings import Settings
    from training.impact import Impact
    from training.registered import Version
    from training.replay import Check
    from training.trace import Trace

HASH = 16
PSEUDONYM_LENGTH = 26


def register(app: typer.Typer) -> None:
    app.command()(trace)
    app.command()(replay)
    app.command()(impact)


def trace(
    run_id: Annotated[str, typer.Argument(help="MLflow run id, or its first characters.")],
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow a run down to its files: model, run, feature service, definitions, Delta versions, files."""
    from training.trace import trace as run

    found = run(open_lake(lake, load_settings()), run_id)
    if as_json:
        show.print_json(found.as_json())
        return
    _print_trace(found)


def replay(
    run_id: Annotated[str, typer.Argument(help="MLflow run id, or its first characters.")],
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a run again: its training set from the pinned versions, its model on the same folds, and its metrics.

    Leaves with 0 where the digest is equal and every number lies within the tolerance of the model, else with 1.
    """
    from training.replay import replay as run

    with show.steps("replay", quiet=as_json):
        found = run(open_lake(lake, load_settings()), run_id)
    if as_json:
        show.print_json(found.as_json())
    else:
        same = "the same" if found.is_same_data else "another"
        rows = [("training set (digest)", found.digest[:HASH], found.digest_again[:HASH], "", same)]
        rows += [_replayed(check) for check in found.checks]
        title = f"Run {found.run_id} ({found.task}, {found.model}) made again: {found.n_rows:,} rows"
        show.print_table(title, ("", "recorded", "again", "difference", ""), rows, right=(1, 2, 3))
        for note in found.notes:
            show.out.print(note, markup=False, highlight=False)
        verdict = "Proven: the same data" if found.is_proven else "Not proven: expected the same data"
        show.out.print(f"{verdict}, and every number within {found.tolerance:g}.", highlight=False)
    if not found.is_proven:
        raise typer.Exit(1)


def impact(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="FILE|TABLE|PATIENT",
            help="A file's path, its id (SHA-256) or the first characters of it; silver.NAME or gold.NAME, with "
            "@VERSION for one of it; a pseudonym, or with --site a patient's identifier.",
        ),
    ],
    site: Annotated[
        str | None, typer.Option(help="The site that gave out the identifier: its pseudonym is made with the key.")
    ] = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Which runs and registered models used a file, a table or a patient."""
    settings = load_settings()
    found = _impact(subject, site, lake, settings)
    if as_json:
        show.print_json(found.as_json())
        return
    looked = f"{found.n_runs:,} runs on {found.n_training_sets:,} training sets were looked through"
    if found.runs:
        rows = [
            (
                r.task,
                r.model
                + (" (permuted)" if r.is_permuted else "")
                + ("" if r.status == "finished" else f" ({r.status})"),
                r.run_id[:8],
                "; ".join(r.how),
                "; ".join(map(_named, r.models)) or "-",
            )
            for r in found.runs
        ]
        title = f"Runs that used {found.kind} {found.subject}"
        show.print_table(title, ("task", "model", "run", "for", "registered"), rows, whole=(0, 1, 2))
        show.out.print(f"{len(found.runs):,} runs used it; {looked}.", highlight=False)
    else:
        show.out.print(f"No run used {found.kind} {found.subject}; {looked}.", markup=False, highlight=False)
    if found.unknown:
        show.out.print(f"Of {len(set(found.unknown)):,} runs nothing can be said: they name no training set.")


def _impact(subject: str, site: str | None, lake: str | None, settings: "Settings") -> "Impact":
    from training import impact as run

    where = open_lake(lake, settings)
    if site is not None:
        from infra.identifiers import normalised_one

        identifier = normalised_one(subject, settings.site(site).patient_ids)
        return run.of_patient(where, settings.pseudonymiser.identifier(site, identifier))
    if run.is_table(subject):
        return run.of_table(where, subject)
    path = Path(subject)
    if path.is_file():
        return run.of_file(where, _ids_of(path))
    if path.is_dir():
        raise UsageError(f"{subject} is a folder; expected one file, since each is followed for itself.")
    if all(c in "0123456789abcdef" for c in subject.lower()):
        return run.of_file(where, [subject])
    if len(subject) == PSEUDONYM_LENGTH and subject.isalnum() and subject.islower():
        return run.of_patient(where, subject)
    # What was given may be a patient's identifier: it is not repeated.
    raise UsageError(
        "This is neither a file, a file id, a table (silver.NAME, gold.NAME) nor a pseudonym (26 characters); a "
        "patient's own identifier needs --site."
    )


def _ids_of(path: Path) -> list[str]:
    """The ids that a file may go by: its SHA-256, and for formats whose files have companions that of all of them."""
    from ingestion.discovery import Delivery, discover
    from ingestion.registry import SOURCES

    ids = {found.file_id for source in SOURCES.values() for found in discover(source, [Delivery(path)])}
    return sorted(filter(None, ids))


def _replayed(check: "Check") -> tuple[str, str, str, str, str]:
    numbers = (check.recorded, check.again, check.difference)
    recorded, again, difference = ("-" if math.isnan(n) else f"{n:.6g}" for n in numbers)
    return check.name, recorded, again, difference, "the same" if check.is_same else "another"


def _named(version: "Version") -> str:
    aliases = f" ({', '.join(version.aliases)})" if version.aliases else ""
    return f"{version.name} version {version.version}{aliases}"


def _print_trace(found: "Trace") -> None:
    from rich.text import Text
    from rich.tree import Tree

    names = [_named(version) for version in found.registered] or [f"logged model {m}" for m in found.logged_models]
    tree = Tree(Text(f"model {'; '.join(names)}" if names else "no model"))
    run = tree.add(Text(f"run {found.run_id} ({found.task}, {found.model})"))
    service = run.add(Text(f"feature service {found.service}, training set {found.digest[:HASH]}"))
    for view in found.views:
        meaning = f"definition {view.definition[:HASH]}" if view.definition else "definition not kept by the run"
        since = ", changed since" if view.is_same_now is False else ""
        branch = service.add(Text(f"feature view {view.name}: {meaning}{since}"))
        branch.add(Text(f"gold.{view.name}, Delta version {view.version}"))
    labels = run.add(Text("labels"))
    for table, version in found.label_versions.items():
        labels.add(Text(f"silver.{table}, Delta version {version}"))
    for use, branch in (("features", service), ("labels", labels)):
        used = [f for f in found.files if use in f["used_for"]]
        files = branch.add(Text(f"{len(used):,} files"))
        for (source, format_, site), n in sorted(
            Counter((f["source"], f["format"], f["site_id"]) for f in used).items()
        ):
            files.add(Text(f"{source} from {site}: {n:,} {format_}"))
    show.out.print(tree)
    if found.definitions_changed:
        show.out.print(found.definitions_changed, markup=False, highlight=False)
    if found.unknown_files:
        show.out.print(f"{len(found.unknown_files):,} files of the run are not in the ledger.")
    show.out.print("--json lists every file.")
