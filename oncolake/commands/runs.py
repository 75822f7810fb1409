"""oncolake runs: the runs of a task side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.errors import UsageError
from oncolake import show
from oncolake.commands.options import JsonOption, LakeOption, load_settings, open_lake

if TYPE_CHECKING:
    from infra.lake import Lake
    from training.comparison import Comparison

app = typer.Typer(help="Training runs.", no_args_is_help=True)
MODELS_ACROSS = 5


def register(root: typer.Typer) -> None:
    app.command()(compare)
    root.add_typer(app, name="runs")


def compare(
    task: Annotated[str, typer.Argument(help="Task whose runs to compare.")],
    html: Annotated[Path | None, typer.Option(help="Also write the comparison as one page into this file.")] = None,
    all_runs: Annotated[
        bool, typer.Option("--all-runs", help="Every finished run, not the newest of each model alone.")
    ] = False,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The runs of a task side by side: the trivial and the clinical baseline first, then the best.

    Runs on different training sets do not compare; without --all-runs those of the newest one are shown.
    """
    from training.comparison import compare as frame_of
    from training.comparison import side_by_side, table_of

    where = open_lake(lake, load_settings())
    if html is not None:
        from training.comparison.page import page_of

        _write(html, page_of(where, side_by_side(where, task, all_runs=all_runs)))
    if as_json:
        # MLflow keeps no NaN, and JSON has none: what a run does not have is null.
        frame = frame_of(where, task, all_runs=all_runs).astype(object)
        show.print_json(frame.where(frame.notna(), None).to_dict(orient="records"))
        return
    _print(table_of(side_by_side(where, task, all_runs=all_runs)))
    if html is not None:
        show.out.print(f"The page is {html}.", highlight=False)


def print_comparison(lake: "Lake", task: str) -> None:
    """The comparison of a task's newest runs, on the terminal."""
    from training.comparison import comparison

    _print(comparison(lake, task))


def _print(shown: "Comparison") -> None:
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


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror or type(error).__name__}).") from error
