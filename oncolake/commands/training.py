"""oncolake train, runs, trace: from features to runs that can be compared and followed back to files."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from oncolake import show
from oncolake.commands.options import JsonOption, LakeOption, load_settings, open_lake

if TYPE_CHECKING:
    from infra.lake import Lake
    from training.run import Trained

runs = typer.Typer(help="Training runs.", no_args_is_help=True)
MODELS_ACROSS = 5


def register(app: typer.Typer) -> None:
    app.command()(train)
    app.command()(trace)
    app.add_typer(runs, name="runs")


def train(
    tasks: Annotated[list[str], typer.Argument(metavar="TASK...", help="Names of tasks, or all.")],
    is_full: Annotated[
        bool, typer.Option("--full/--quick", help="Everything that a number to be defended needs, or a look.")
    ] = False,
    folds: Annotated[int | None, typer.Option(help="Folds of the outer cross-validation. Default: 5.")] = None,
    seeds: Annotated[
        int | None, typer.Option(help="How many times patients are split into folds. Default: 1 quick, 3 full.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The first seed, of splits and of models.")] = 0,
    permute: Annotated[
        bool, typer.Option(help="Exchange outcomes within each site before anything else: runs of what chance gives.")
    ] = False,
    jobs: Annotated[int | None, typer.Option(help="Processes. Default: one for each core, where that pays.")] = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train every candidate model of a task, tracked in MLflow.

    The trivial baseline comes first, then a reference that a new model has to beat (clinical variables alone, the
    last value), then the others, all on the same folds in which no patient is on both sides.

    --quick, the default, is one cross-validation with intervals over patients. --full adds further seeds, each site
    left out, each modality left out and alone, and a permutation test of the best model.

    The same command again answers with the runs that are there, as long as data and code are the same; after an
    interruption it goes on where it stopped. A task that is refused (too few patients, one class only) is told in one
    sentence and does not stop the others; the exit code is then 1.

    \b
    oncolake train overall_survival               a look at one task
    oncolake train recurrence overall_survival --full
    oncolake train all                            a look at every task
    oncolake train overall_survival --permute     what chance looks like here
    """
    from training.plan import planned
    from training.run import train_all
    from training.tasks import TASKS

    where = open_lake(lake, load_settings())
    plan = planned(is_full=is_full, folds=folds, n_seeds=seeds, first_seed=seed)
    names = list(TASKS) if "all" in tasks else tasks
    with show.steps("train") as progress:
        trained = train_all(where, plan, tasks=names, permute=permute, jobs=jobs, progress=progress)
    if as_json:
        show.print_json({name: answer.as_json() for name, answer in trained.items()})
    else:
        print_trained(where, trained.values())
    if say_refused(trained.values()):
        raise typer.Exit(1)


def print_trained(lake: "Lake", trained: "Iterable[Trained]") -> None:
    """The runs of each task side by side, and a sentence on each candidate that was left out."""
    answers = list(trained)
    for answer in answers:
        if not answer.refused:
            print_comparison(lake, answer.task)
        for sentence in (*answer.left_out.values(), *answer.notes):
            show.out.print(sentence, markup=False, highlight=False)
    runs_of_all = [run for answer in answers for run in answer]
    known = sum(not run.is_new for run in runs_of_all)
    if known:
        show.out.print(f"{known} of {len(runs_of_all)} runs existed already for the same data, code and plan.")


def say_refused(trained: "Iterable[Trained]") -> bool:
    """A sentence on standard error for each task that was not trained. Returns whether there is one."""
    refused = [answer for answer in trained if answer.refused]
    for answer in refused:
        sys.stderr.write(f"oncolake: {answer.task} was not trained. {answer.refused}\n")
    return bool(refused)


@runs.command()
def compare(
    task: Annotated[str, typer.Argument(help="Task whose runs to compare.")],
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The runs of a task side by side, the baseline first."""
    where = open_lake(lake, load_settings())
    if as_json:
        from training.compare import compare as frame_of

        show.print_json(frame_of(where, task).to_dict(orient="records"))
    else:
        print_comparison(where, task)


def print_comparison(lake: object, task: str) -> None:
    from infra.lake import Lake
    from training.compare import comparison

    assert isinstance(lake, Lake)
    shown = comparison(lake, task)
    # Models across, metrics down: a dozen metrics with intervals do not fit side by side. At most five models.
    for start in range(0, len(shown.rows), MODELS_ACROSS):
        some = shown.rows[start : start + MODELS_ACROSS]
        cells = [[_stacked(cell) for cell in row] for row in some]
        rows = [(name, *(row[i] for row in cells)) for i, name in enumerate(shown.header) if i > 0]
        title = shown.title if start == 0 else "and"
        show.print_table(title, ("", *(row[0] for row in some)), rows, right=range(1, len(some) + 1))
    if shown.note:
        show.out.print(shown.note, markup=False, highlight=False)


def _stacked(cell: str) -> str:
    """'0.946 (0.936 to 0.957)' with its interval below it: five models fit side by side."""
    value, _, interval = cell.partition(" (")
    return f"{value}\n{interval.rstrip(')').replace('0.', '.').replace(' to ', '–')}" if interval else value


def trace(
    run_id: Annotated[str, typer.Argument(help="MLflow run id, or its first characters.")],
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow a run down to its files: run, feature service, feature views, Delta versions, files."""
    from training.trace import trace as run

    found = run(open_lake(lake, load_settings()), run_id)
    if as_json:
        show.print_json(found.as_json())
        return
    from rich.tree import Tree

    tree = Tree(f"run {found.run_id} ({found.task}, {found.model})")
    service = tree.add(f"feature service {found.service}, training set {found.digest[:16]}")
    for view, version in found.table_versions.items():
        service.add(f"{view}: Delta version {version}")
    files = service.add(f"{len(found.files):,} files")
    by_kind: dict[tuple[str, str, str], int] = {}
    for f in found.files:
        kind = (f["source"], f["format"], f["site_id"])
        by_kind[kind] = by_kind.get(kind, 0) + 1
    for (source, format_, site), n in sorted(by_kind.items()):
        files.add(f"{source} from {site}: {n:,} {format_}")
    show.out.print(tree)
    show.out.print("--json lists every file.")
