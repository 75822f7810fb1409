"""oncolake train: from features to runs."""

import sys
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from oncolake import show
from oncolake.commands.options import JsonOption, LakeOption, load_settings, open_lake
from oncolake.commands.runs import print_comparison

if TYPE_CHECKING:
    from infra.lake import Lake
    from training.run import Trained


def register(app: typer.Typer) -> None:
    app.command()(train)


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
    sentence and does not stop the others; the exit code is then 1. With "all", a task about patients of whom this lake
    has none is only named.

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
    if say_refused(trained.values(), are_all="all" in tasks):
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


def say_refused(trained: "Collection[Trained]", *, are_all: bool = False) -> bool:
    """A sentence on standard error for each task that was not trained. Returns whether that is a failure.

    are_all: whatever the lake has was asked for, so that a task without a cohort is none, unless no task has one.
    """
    refused = [answer for answer in trained if answer.refused]
    elsewhere = [a for a in refused if are_all and not a.has_cohort]
    if elsewhere:
        names = ", ".join(answer.task for answer in elsewhere)
        sys.stderr.write(f"oncolake: This lake has no cohort for {names}; `oncolake train TASK` says why.\n")
    told = [answer for answer in refused if answer not in elsewhere]
    for answer in told:
        sys.stderr.write(f"oncolake: {answer.task} was not trained. {answer.refused}\n")
    return bool(told) or len(elsewhere) == len(trained)
