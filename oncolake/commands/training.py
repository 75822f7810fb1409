"""oncolake train, runs, trace: from features to runs that can be compared and followed back to files."""

from typing import Annotated

import typer

from oncolake import show
from oncolake.commands.options import JsonOption, LakeOption, load_settings, open_lake

runs = typer.Typer(help="Training runs.", no_args_is_help=True)
MODELS_ACROSS = 5


def register(app: typer.Typer) -> None:
    app.command()(train)
    app.command()(trace)
    app.add_typer(runs, name="runs")


def train(
    task: Annotated[str, typer.Argument(help="overall_survival, treatment_response, hypotension, or all.")],
    folds: Annotated[int, typer.Option(help="Folds of the patient-grouped cross-validation.")] = 5,
    seed: Annotated[int, typer.Option(help="Seed of the splits and of the models.")] = 0,
    permute: Annotated[bool, typer.Option(help="Permute the labels within each site: what chance looks like.")] = False,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train every candidate model of a task, tracked in MLflow. The trivial baseline always comes first."""
    from training.run import train as run
    from training.tasks import TASKS

    where = open_lake(lake, load_settings())
    names = list(TASKS) if task == "all" else [task]
    summaries = []
    for name in names:
        with show.steps(f"train {name}") as progress:
            summaries.extend(run(where, name, folds=folds, seed=seed, permute=permute, progress=progress))
    if as_json:
        show.print_json([s.as_json() for s in summaries])
        return
    for name in names:
        print_comparison(where, name)
    known = sum(not s.is_new for s in summaries)
    if known:
        show.out.print(f"{known} of {len(summaries)} runs existed already for the same data, code and seed.")


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
