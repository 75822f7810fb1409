"""oncolake features check, drift: whether a training frame looked ahead, and how far it is from now."""

from collections.abc import Hashable, Mapping
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.errors import UsageError
from infra.lake import Lake
from oncolake import show
from oncolake.commands.options import JsonOption, LakeOption, load_settings, open_lake
from oncolake.sparks import bar, bars

if TYPE_CHECKING:
    import pandas as pd

    from features.datasets import Dataset

RUN_ID_LETTERS = set("0123456789abcdef")
SHORTEST_RUN_ID = 6
ROWS_NAMED = 5
FULL_BAR = 0.25
"""The PSI that fills the bar: the limit of a warning."""

DatasetArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATASET",
        help="A frame that `features get --out` wrote (.csv, .parquet), a saved dataset, or the id of a training run.",
    ),
]


def register(features: typer.Typer) -> None:
    features.command()(check)
    features.command()(drift)


def check(dataset: DatasetArgument, lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """Name every value of a training set that could not have been known at its label's time.

    Each value is derived again, by another way than `features get`, from the tables that the dataset was made of.
    Leaves with 1 where anything is found.
    """
    from features.leakage.check import check as run

    where = open_lake(lake, load_settings())
    given = open_dataset(where, dataset)
    report = run(where, given.frame, versions=given.table_versions)
    if as_json:
        show.print_json({"dataset": given.name, "is_unchanged": given.is_unchanged} | report.as_json())
    else:
        show.out.print(report.sentence(given.name), markup=False, highlight=False)
        if not report.is_clean:
            rows = [(_column(r["view"], r["feature"]), _how(report.findings, r), r["count"],
                     _duration(r["longest_early_s"])) for r in report.summary().to_dict("records")]  # fmt: skip
            header = ("feature", "kind and rows", "values", "early by")
            show.print_table("What could not have been known", header, rows, right=(2, 3), whole=(0, 3))
        if given.is_unchanged is False:
            show.out.print("The dataset has been changed since it was fetched.")
        for note in report.notes:
            show.out.print(note, markup=False, highlight=False)
    if not report.is_clean:
        raise typer.Exit(1)


def drift(dataset: DatasetArgument, lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """How far the features of a training set are from what is known of everyone now."""
    import pandas as pd

    from features.catalogue import current
    from features.leakage.check import feature_columns
    from features.leakage.comparable import NUMBERS
    from features.statistics import Drift, drifts
    from features.tables import VIEWS

    where = open_lake(lake, load_settings())
    given = open_dataset(where, dataset)
    found: list[Drift] = []
    versions = {}
    for name, features in feature_columns(given.frame).items():
        if name not in VIEWS:
            continue
        view = VIEWS[name]
        if view.join_key not in given.frame.columns:
            raise UsageError(f"The dataset has no column {view.join_key}, which feature view {name} is keyed by.")
        of_numbers = [f.name for f in view.features if f.type in NUMBERS and f.name in features]
        now, now_of, versions[name] = current(where, view, of_numbers)
        columns = [f"{name}__{f}" for f in of_numbers]
        training = given.frame[columns].apply(pd.to_numeric, errors="coerce")
        found += drifts(training, now, columns, pd.factorize(given.frame[view.join_key])[0], now_of)
    if as_json:
        show.print_json({"dataset": given.name, "table_versions": versions, "features": [d.as_json() for d in found]})
        return
    order = {"drifted": 0, "moved": 1, "steady": 2, "too few": 3}
    found.sort(key=lambda d: (order[d.verdict], -(d.psi or 0)))
    rows = [
        (_column(*d.feature.split("__", 1)), "\n".join(map(bars, d.histograms or ())),
         "" if d.psi is None else f"{d.psi:.2f}\n{bar(d.psi / FULL_BAR, 6)}", "" if d.ks is None else f"{d.ks:.2f}",
         d.verdict + (f"\n{d.why}" if d.why else ""))
        for d in found
    ]  # fmt: skip
    header = ("feature", "training\nnow", "PSI", "KS", "verdict")
    show.print_table(f"{given.name} and now", header, rows, right=(3,), whole=(0, 1, 2))
    counts = {verdict: sum(d.verdict == verdict for d in found) for verdict in order}
    show.out.print(", ".join(f"{n} {verdict}" for verdict, n in counts.items() if n) + ".", highlight=False)


def open_dataset(lake: Lake, name: str) -> "Dataset":
    """The training frame that a name stands for. Raises UsageError where it stands for none."""
    from features.datasets import read, saved

    path = Path(name)
    if path.is_file() or path.suffix in (".csv", ".parquet"):
        return read(path)
    no_run = None
    if len(name) >= SHORTEST_RUN_ID and set(name) <= RUN_ID_LETTERS:
        from training.rebuild import rebuild

        try:
            return rebuild(lake, name)
        except UsageError as error:
            # A word such as "facade" may be the name of a dataset all the same.
            no_run = error
    found = saved(lake, name)
    if found is None:
        raise no_run or UsageError(
            f"{name} is no file, no saved dataset and no run id; expected a frame that `oncolake features get --out` "
            "wrote, the name of a saved dataset, or the id of a training run."
        )
    return found


def _column(view: str, feature: str) -> str:
    return f"{view}\n{feature}" if feature else view


def _how(findings: "pd.DataFrame", group: Mapping[Hashable, Any]) -> str:
    """The kind of some findings, the first rows of the dataset where they are, and what is known beyond that."""
    lines = [str(group["kind"])]
    same = findings[
        (findings[["view", "feature", "kind"]] == [group[k] for k in ("view", "feature", "kind")]).all(axis=1)
    ]
    rows = [str(r) for r in same["row"].dropna().head(ROWS_NAMED)]
    if rows:
        lines.append(f"rows {', '.join(rows)}{' ...' if len(same) > ROWS_NAMED else ''}")
    if group["detail"]:
        lines.append(str(group["detail"]))
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    if isnan(seconds):
        return ""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:,.1f} s"
