"""oncolake features: gold tables, Feast, and features for labels."""

from dataclasses import asdict
from datetime import UTC, datetime
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.errors import UsageError
from infra.lake import Lake
from oncolake import show
from oncolake.commands import features_audit, features_catalogue, features_check
from oncolake.commands.options import JsonOption, LakeOption, lazy_session, load_settings, open_lake
from oncolake.sparks import sparkline

if TYPE_CHECKING:
    import pandas as pd

PAGE = 80
"""Columns of a terminal that a frame is cut to; the rest of it is in --json and --out."""
CELL = 12

features = typer.Typer(help="Feature tables, and features as they could have been known.", no_args_is_help=True)
features_catalogue.register(features)
features_check.register(features)
features.command()(features_audit.audit)


def register(app: typer.Typer) -> None:
    app.add_typer(features, name="features")


@features.command()
def build(
    views: Annotated[list[str] | None, typer.Argument(help="Feature views to build; none: all.")] = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build the gold tables from the silver ones (on Spark): what new rows touch, or all where that is not enough.

    What has not changed is left as it is.
    """
    from features.building.build import build_gold

    settings = load_settings()
    with show.steps("features build") as progress:
        where = open_lake(lake, settings)
        built = build_gold(lazy_session(settings), where, views, lambda view: progress(f"built {view}"))
    if as_json:
        show.print_json({name: asdict(b) for name, b in built.items()})
    else:
        show.print_table(
            "Feature tables",
            ("view", "version", "rows", "done", "entities built", "rows written"),
            [(name, b.version, b.rows, b.how, b.entities, b.rows_written) for name, b in built.items()],
            right=(1, 2, 4, 5),
        )


@features.command()
def apply(lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """Register entities, feature views and services with Feast."""
    from features.store.repository import apply as run

    settings = load_settings()
    services = run(open_lake(lake, settings), online=settings.online_store)
    if as_json:
        show.print_json({"services": services})
    else:
        show.print_table("Feast registry", ("feature service",), [(name,) for name in services])


@features.command()
def materialize(
    end: Annotated[datetime | None, typer.Option(help="As of when (UTC). Default: now.")] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Look at every entity, whatever was done before.")] = False,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the online store to what is known now: only what changed since the last time is written."""
    from features.store.repository import materialize as run

    settings = load_settings()
    at = end.replace(tzinfo=UTC) if end else datetime.now(UTC)
    with show.steps("features materialize") as progress:
        filled = run(open_lake(lake, settings), at, online=settings.online_store, whole=whole, progress=progress)
    if as_json:
        versions = {name: done.version for name, done in filled.items()}
        views = {name: done.to_json() for name, done in filled.items()}
        show.print_json({"end": at.isoformat(), "versions": versions, "views": views})
    else:
        show.print_table("Online store", ("feature view", "Delta version", "entities", "written", "removed"),
                         [(n, d.version, d.entities, d.written, d.removed) for n, d in filled.items()],
                         right=(1, 2, 3, 4))  # fmt: skip
        show.out.print(f"The online store holds what was known at {at:%Y-%m-%d %H:%M} UTC.")


@features.command()
def get(
    service: Annotated[str, typer.Argument(help="Feature service, for example overall_survival_v1.")],
    labels: Annotated[
        Path | None, typer.Option(help="CSV or parquet with the entity column and event_timestamp.")
    ] = None,
    entity: Annotated[list[str] | None, typer.Option(help="Pseudonym: its features from the online store.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the frame here (.csv or .parquet).")] = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Features of a service: for label rows as of their times, or the latest of single entities.

    A label row at time t gets only what could be known at t.
    """
    settings = load_settings()
    where = open_lake(lake, settings)
    if (labels is None) == (not entity):
        raise UsageError("Give either --labels FILE (as of label times) or --entity ID (online).")
    provenance = None
    if labels is not None:
        from features.datasets import Provenance, read_labels
        from features.retrieval import retrieve

        got = retrieve(where, service, read_labels(labels))
        frame = got.frame
        provenance = Provenance(got.service, got.table_versions, got.digest, got.definitions_hash)
    else:
        from features.store.repository import get_online
        from features.store.services import join_key

        key = join_key(service)
        rows = [{key: value} for value in entity or []]
        frame = get_online(where, service, rows, online=settings.online_store)
    if out is not None:
        from features.datasets import write

        write(out, frame, provenance)
    if as_json:
        show.print_json([{k: _items(v) for k, v in row.items()} for row in frame.to_dict(orient="records")])
    elif entity is not None and len(entity) == 1:
        _print_entity(where, service, entity[0], frame)
    else:
        _print_frame(frame)


def _print_frame(frame: "pd.DataFrame") -> None:
    """Features down, and as many label rows across as fit: a hundred features do not fit side by side."""
    names = [_stacked(str(name)) for name in frame.columns]
    widest = max((len(part) for name in names for part in name.split("\n")), default=0)
    head = frame.head(max(1, (PAGE - widest - 4) // (CELL + 3)))
    cells = [[_short(v) for v in head[column]] for column in frame.columns]
    rows = [(name, *row) for name, row in zip(names, cells, strict=True)]
    shown = "" if len(head) == len(frame) else f", the first {len(head)} shown"
    title = f"{len(frame):,} rows, {frame.shape[1]} columns{shown}"
    show.print_table(title, ("", *(f"row {i}" for i in range(len(head)))), rows)


def _print_entity(lake: Lake, service: str, entity: str, frame: "pd.DataFrame") -> None:
    """The features of one entity, with how those that are numbers came to be what they are."""
    from features.catalogue import history
    from features.leakage.comparable import NUMBERS
    from features.store.services import SERVICES
    from features.tables import VIEWS

    lines = []
    for name in SERVICES[service]:
        view = VIEWS[name]
        features = [f for f in view.features if f"{name}__{f.name}" in frame]
        drawn = [f.name for f in features if f.type in NUMBERS]
        past = history(lake, view, entity, drawn)
        for f in features:
            line = sparkline(past[f.name].tolist()) if f.name in drawn else ""
            lines.append((_stacked(f"{name}__{f.name}"), _short(frame[f"{name}__{f.name}"].iloc[0]), f.unit, line))
    title = f"{service}: what was known when the online store was filled, and what is known since"
    show.print_table(title, ("", "online", "unit", "history"), lines, right=(1,))


def _stacked(column: str) -> str:
    """`view__feature` on two lines."""
    return column.replace("__", "\n__", 1)


def _items(value: object) -> object:
    """An array's items as a list, times with their zone; anything else as it is."""
    import numpy as np
    import pandas as pd

    if isinstance(value, np.ndarray):
        return pd.to_datetime(value, utc=True).tolist() if value.dtype.kind == "M" else value.tolist()
    return value


def _short(value: object) -> str:
    import numpy as np
    import pandas as pd

    if isinstance(value, np.ndarray | list):
        return f"array of {len(value):,}"
    if isinstance(value, float):
        return "" if isnan(value) else f"{value:.4g}"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}\n{value:%H:%M:%S}"
    text = "" if value is None else str(value)
    return text if len(text) <= CELL else f"{text[: CELL - 1]}…"
