"""oncolake models: from runs to registered models, a champion for each task, and the card of each."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.errors import UsageError
from oncolake import show
from oncolake.commands.options import JsonOption, LakeOption, load_settings, open_lake

if TYPE_CHECKING:
    from infra.lake import Lake

models = typer.Typer(help="Registered models: challengers, champions and their cards.", no_args_is_help=True)
SHORT = 8

TaskArgument = Annotated[str, typer.Argument(help="Task whose model is meant, as overall_survival.")]


def register(app: typer.Typer) -> None:
    app.add_typer(models, name="models")


@models.command(name="register")
def register_run(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="MLflow run id, or its first characters.")],
    alias: Annotated[str, typer.Option(help="What the version is called from now on.")] = "challenger",
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register the model of a finished run as a version of its task's model, with a model card."""
    from training.registry.versions import register as run

    found = run(open_lake(lake, load_settings()), run_id, alias)
    if as_json:
        show.print_json(found.as_json())
        return
    show.out.print(f"{found.task}, version {found.version}: {found.model}, {', '.join(found.aliases)}.")


@models.command()
def promote(
    task: TaskArgument,
    which: Annotated[str | None, typer.Argument(metavar="[RUN|VERSION]", help="Default: the challenger.")] = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a version the champion, if it beats the baselines and the champion of now on the same folds."""
    from training.registry.promotion import promote as run

    done = run(open_lake(lake, load_settings()), task, which)
    if as_json:
        show.print_json(done.as_json())
        return
    show.out.print(done.sentence, markup=False, highlight=False)


@models.command(name="list")
def list_models(lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """Every registered version: the task, the model, what it is called, and the verdict on it."""
    from training.registry.versions import every_version

    found = every_version(open_lake(lake, load_settings()))
    if as_json:
        show.print_json([version.as_json() for version in found])
        return
    if not found:
        show.out.print("No model is registered; `oncolake models register RUN` makes a run's model one.", markup=False)
        return
    rows = [
        (v.task, str(v.version), v.model, ", ".join(v.aliases) or "-", v.run_id[:SHORT], v.promotion or "-")
        for v in found
    ]
    show.print_table("registered models", ("task", "version", "model", "is", "run", "verdict"), rows, right=[1])


@models.command()
def card(
    which: Annotated[
        str, typer.Argument(metavar="TASK|RUN", help="A task, for its champion (else its challenger); or a run.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write, .md or .html. Default: Markdown on standard output.")
    ] = None,
    lake: LakeOption = None,
) -> None:
    """The model card: what the run says of its model by the items of TRIPOD+AI, and what its authors still have to."""
    from training.registry.card.writing import card as text_of

    where = open_lake(lake, load_settings())
    if out is not None and out.suffix not in (".md", ".html"):
        raise UsageError(f"The card cannot be written to {out.name}; expected a name that ends in .md or .html.")
    text = text_of(where, _run_of(where, which), as_html=out is not None and out.suffix == ".html")
    if out is None:
        typer.echo(text)
        return
    try:
        out.write_text(text)
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror}).") from error
    show.out.print(f"Written to {out}.", markup=False)


def _run_of(lake: "Lake", which: str) -> str:
    from training.registry.versions import CHALLENGER, champion, chosen
    from training.tasks import TASKS

    if which not in TASKS:
        return which
    return (champion(lake, which) or chosen(lake, which, CHALLENGER)).run_id
