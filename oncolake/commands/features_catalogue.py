"""oncolake features list, describe: what there is to be had, and what it looks like."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from oncolake import show
from oncolake.commands.options import JsonOption, LakeOption, load_settings, open_lake
from oncolake.sparks import bars

if TYPE_CHECKING:
    from features.catalogue import Described, Listed


_ARRAYS = {"array<double>": "array of numbers", "array<string>": "array of texts", "array<timestamp>": "array of times"}


def register(features: typer.Typer) -> None:
    features.command(name="list")(list_)
    features.command()(describe)


def list_(
    search: Annotated[str | None, typer.Option(help="Words in the name or description of a feature.")] = None,
    modality: Annotated[str | None, typer.Option(help="clinical, cytokine, exosome, imaging ...")] = None,
    unit: Annotated[str | None, typer.Option(help="UCUM code, for example pg/mL.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who answers for the definitions.")] = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The feature views with their rows and freshness; with --search or --unit also the features that match."""
    from features.catalogue import definitions, listed

    found = listed(open_lake(lake, load_settings()), search=search, modality=modality, unit=unit, owner=owner)
    if as_json:
        show.print_json({"views": [v.as_json() for v in found]})
        return
    rows = [
        (f"{v.view.name} ({v.view.entity})\n{', '.join(definitions(v.view))}", f"{v.view.modality}\n{v.view.owner}",
         f"{'not built' if v.rows is None else f'{v.rows:,}'}\n{len(v.features):,}", _age(v.known_until))
        for v in found
    ]  # fmt: skip
    header = ("view (entity)\ndefinitions", "modality\nowner", "rows\nfeatures", "known until")
    show.print_table("Feature views", header, rows, right=(2,), whole=(2, 3))
    if search or unit:
        show.print_table("Features", ("feature", "unit", "description"), _features(found), whole=(0,))
    if not found:
        show.out.print("Nothing matches.")


def describe(
    name: Annotated[str, typer.Argument(metavar="VIEW[.FEATURE]", help="A feature view, or one of its features.")],
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """A view or a feature: meaning, unit, sources, and the distribution of what is known of everyone now."""
    from features.catalogue import described, services

    found = described(open_lake(lake, load_settings()), name)
    view = found.view
    if as_json:
        show.print_json(
            {
                "view": view.name,
                "entity": view.entity,
                "modality": view.modality,
                "owner": view.owner,
                "description": view.description,
                "ttl_seconds": None if view.ttl is None else view.ttl.total_seconds(),
                "version": found.version,
                "rows": found.rows,
                "entities": found.entities,
                "known_after_event_d": found.delay_days,
                "features": [
                    {
                        "name": f.name,
                        "type": f.type,
                        "unit": f.unit,
                        "description": f.description,
                        "definition": f.definition,
                        "sources": list(f.sources),
                        "services": services(view.name, f.name),
                        "distribution": found.distributions[f.name].as_json()
                        if f.name in found.distributions
                        else None,
                    }
                    for f in found.features
                ],
            }
        )
    elif len(found.features) == 1:
        _print_feature(found)
    else:
        _print_view(found)


def _print_view(found: "Described") -> None:
    show.print_table(found.view.description, (found.view.name, ""), _about(found))
    rows = []
    for f in found.features:
        shape = found.distributions.get(f.name)
        rows.append(
            (f.name, f.unit, "" if shape is None else f"{shape.missing:.0%}",
             _number(shape.quantiles[2]) if shape and shape.quantiles else "",
             bars(shape.histogram) if shape and shape.histogram else _ARRAYS.get(f.type, ""))
        )  # fmt: skip
    header = ("feature", "unit", "missing", "median", "5 % to 95 %")
    show.print_table("Features", header, rows, right=(2, 3), whole=(0, 4))


def _print_feature(found: "Described") -> None:
    from features.catalogue import services
    from features.statistics import QUANTILES

    (feature,) = found.features
    rows: list[tuple[str, object]] = [
        ("type", _ARRAYS.get(feature.type, feature.type)),
        ("unit", feature.unit or "none"),
        ("definition", feature.definition),
        ("drawn from", ", ".join(feature.sources)),
        ("served by", ", ".join(services(found.view.name, feature.name)) or "no service"),
        *(row for row in _about(found) if row[0] != "services"),
    ]
    shape = found.distributions.get(feature.name)
    if shape is not None:
        rows.append(("missing", f"{shape.missing:.1%} of {shape.n:,} rows"))
        if shape.quantiles is None or shape.histogram is None:
            rows.append(("values", "too few patients or cases to show without telling whose"))
        else:
            rows.append(("mean, SD", f"{_number(shape.mean)}, {_number(shape.sd)}"))
            rows += [(f"{q:.0%} quantile", _number(v)) for q, v in zip(QUANTILES, shape.quantiles, strict=True)]
            low, high = shape.quantiles[0], shape.quantiles[-1]
            rows.append(("distribution", f"{_number(low)} {bars(shape.histogram)} {_number(high)}"))
    show.print_table(feature.description, (feature.name, ""), rows)


def _about(found: "Described") -> list[tuple[str, object]]:
    from features.catalogue import services

    view = found.view
    rows: list[tuple[str, object]] = [
        ("view", view.name),
        ("modality, owner", f"{view.modality}, {view.owner}"),
        ("keyed by", view.join_key),
        ("services", ", ".join(services(view.name)) or "none"),
        ("values expire", "never" if view.ttl is None else f"{view.ttl.total_seconds() / 60:g} min after their event"),
    ]
    if found.version is None:
        return [*rows, ("table", "not built yet; run `oncolake features build`")]
    rows.append(("table", f"version {found.version}, {found.rows:,} rows of {found.entities:,} {view.entity}s"))
    if found.delay_days is not None:
        low, middle, high = (_number(q) for q in found.delay_days)
        rows.append(("known after event", f"{middle} d (5 % {low}, 95 % {high})"))
    return rows


def _features(found: "list[Listed]") -> list[tuple[str, str, str]]:
    return [(f"{v.view.name}\n.{f.name}", f.unit or "", f.description) for v in found for f in v.features]


def _age(until: datetime | None) -> str:
    if until is None:
        return ""
    days = (datetime.now(UTC) - until).total_seconds() / 86_400
    return f"{until:%Y-%m-%d}\n{days:,.0f} d ago"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
