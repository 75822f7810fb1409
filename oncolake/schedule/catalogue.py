"""Which source fills which silver table, and what each gold view reads: read from the declarations."""

import importlib
from functools import cache
from importlib.util import find_spec

from features.building.build import ENGINE
from features.tables import VIEWS
from features.view import definitions_hash
from infra import delta
from infra.lake import Lake
from infra.tables import TABLES
from ingestion.registry import SOURCES


@cache
def tables_by_source() -> dict[str, tuple[str, ...]]:
    """By source, the silver tables that are declared in the module of `infra.tables` with the source's name.

    A source may fill tables of another too (a study folder brings patients); a table still has one home.
    Raises ValueError on a table without one: it would be missing from the schedule.
    """
    found: dict[str, tuple[str, ...]] = {}
    for source in SOURCES:
        home = f"infra.tables.{source}"
        # A source without a module of its own fills the tables of others only.
        module = vars(importlib.import_module(home)) if find_spec(home) else {}
        declared = {id(value) for value in module.values()}
        found[source] = tuple(name for name, table in TABLES.items() if id(table) in declared)
    homes = [name for tables in found.values() for name in tables]
    if sorted(homes) != sorted(TABLES):
        wrong = sorted({*(set(TABLES) - set(homes)), *(name for name in homes if homes.count(name) > 1)})
        raise ValueError(f"tables without exactly one source of the same name in infra.tables: {wrong}")
    return found


def derived_inputs() -> dict[str, tuple[str, ...]]:
    """By derived silver table, the silver tables that it is computed from."""
    return {d.table: d.inputs for source in SOURCES.values() for d in source.derived}


def stale_views(lake: Lake) -> dict[str, str]:
    """Gold views that silver or their definition has moved past, with a text that tells this state from others.

    Answered without a JVM, from what each gold commit says that it read. A view whose inputs do not exist is not
    stale: there is nothing to build it from.
    """
    import json

    stale = {}
    # As `build_gold` records them: table care gives silver new versions with the same rows.
    names = {name for view in VIEWS.values() for name in view.inputs}
    versions = {name: delta.content_version(lake.silver(name)) for name in names}
    for view in VIEWS.values():
        read = {name: versions[name] for name in view.inputs}
        if all(version is None for version in read.values()):
            continue
        wanted = {"silver": read, "definition": definitions_hash([view]), "engine": ENGINE}
        try:
            recorded = json.loads(delta.commit_metadata(lake.gold(view.name)) or "{}")
        except ValueError:
            recorded = {}
        if recorded != wanted:
            stale[view.name] = json.dumps(wanted, sort_keys=True)
    return stale
