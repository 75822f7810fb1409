"""oncolake features audit: whether the online store holds what it should."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from oncolake import show
from oncolake.commands.options import JsonOption, LakeOption, load_settings, open_lake

if TYPE_CHECKING:
    from features.online.audit import Audit, Comparison, ViewAudit

DISAGREES = 1


def audit(
    service: Annotated[str | None, typer.Option(help="Audit the views of this feature service. Default: all.")] = None,
    entities: Annotated[int, typer.Option(help="How many entities of each view to compare.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the sample: the same entities for the same seed.")] = 20_260_301,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the online store with the feature tables, and say how fresh it is. Exit code 1 where it is wrong.

    Wrong is a row that was not what could be known when the store was filled. That more is known by now is no fault:
    it says that `oncolake features materialize` is due.
    """
    from features.online.audit import audit as run

    settings = load_settings()
    where = open_lake(lake, settings)
    found = run(where, service=service, entities=entities, seed=seed, online=settings.online_store)
    if as_json:
        show.print_json(as_plain(found))
    else:
        _print(found)
    if not found.is_consistent:
        raise typer.Exit(DISAGREES)


def as_plain(found: "Audit") -> dict[str, object]:
    """The audit as JSON can hold it: counts, ages in seconds, times in ISO format; no value and no identifier."""
    return {
        "at": found.at.isoformat(),
        "seed": found.seed,
        "is_consistent": found.is_consistent,
        "not_built": list(found.not_built),
        "views": {view.view: _plain_view(view) for view in found.views},
    }


def _plain_view(view: "ViewAudit") -> dict[str, object]:
    return {
        "is_consistent": view.is_consistent,
        "end": None if view.end is None else view.end.isoformat(),
        "version": view.version,
        "newest_version": view.newest_version,
        "compared_with_the_version_materialised": view.pinned,
        "seconds_since": {
            "end": _seconds(view.age(view.end)),
            "newest_event": _seconds(view.age(view.newest_event)),
            "newest_known": _seconds(view.age(view.newest_known)),
        },
        "then": None if view.then is None else _plain_comparison(view.then),
        "now": _plain_comparison(view.now),
    }


def _plain_comparison(found: "Comparison") -> dict[str, object]:
    return {
        "entities": found.entities,
        "differences": found.differences,
        "faults": dict(found.faults),
        "features": dict(found.features),
    }


def _print(found: "Audit") -> None:
    rows = [
        (
            view.view,
            _age(view.age(view.end)),
            _age(view.age(view.newest_event)),
            _age(view.age(view.newest_known)),
            view.now.entities,
            "never filled" if view.then is None else _faults(view.then),
            _faults(view.now),
        )
        for view in found.views
    ]
    show.print_table(
        "Online store", ("feature view", "filled", "newest event", "newest known", "entities", "wrong", "behind"), rows,
        right=(4,),
    )  # fmt: skip
    wrong = [
        (view.view, name, n)
        for view in found.views
        if view.then is not None
        for name, n in sorted(view.then.features.items(), key=lambda item: -item[1])
    ]
    if wrong:
        show.print_table("Features that differ", ("feature view", "feature", "entities"), wrong, right=(2,))
    for view in found.views:
        if view.then is not None and not view.pinned:
            show.out.print(f"{view.view}: the version that was materialised is gone; the newest was compared with.")
    if found.not_built:
        show.out.print(f"Not built yet: {', '.join(found.not_built)}.")
    if not found.is_consistent:
        show.out.print("The online store is not what it should be; run `oncolake features materialize --whole`.")
    elif any(view.now.differences for view in found.views):
        show.out.print("The online store is right, and more is known by now; run `oncolake features materialize`.")
    else:
        show.out.print("The online store is right and up to date.")


def _faults(found: "Comparison") -> str:
    return ", ".join(f"{n} {kind}" for kind, n in sorted(found.faults.items())) or "none"


def _seconds(age: timedelta | None) -> float | None:
    return None if age is None else round(age.total_seconds(), 3)


def _age(age: timedelta | None) -> str:
    if age is None:
        return ""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if age.total_seconds() >= 2 * size:
            return f"{age.total_seconds() / size:.0f} {unit} ago"
    return f"{age.total_seconds():.0f} s ago"
