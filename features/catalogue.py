"""The feature views of a lake for people: what there is, how much of it, how fresh, and what it looks like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import deltalake
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import TableNotFoundError

from features.asof.join import latest_rows
from features.leakage.comparable import NUMBERS
from features.statistics import Distribution, distribution
from features.store.services import SERVICES
from features.tables import VIEWS
from features.view import EVENT_TIME, KNOWN_TIME, Feature, GoldView
from infra import delta, scan
from infra.errors import UsageError
from infra.lake import Lake

Codes = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Listed:
    """A feature view as it stands. version, rows, known_until: None where its table is not built.

    features: those that the search asked for. known_until: the newest known time of a row.
    """

    view: GoldView
    features: tuple[Feature, ...]
    version: int | None
    rows: int | None
    known_until: datetime | None

    def as_json(self) -> dict[str, Any]:
        view = self.view
        return {
            "view": view.name,
            "entity": view.entity,
            "modality": view.modality,
            "owner": view.owner,
            "description": view.description,
            "version": self.version,
            "rows": self.rows,
            "known_until": None if self.known_until is None else self.known_until.isoformat(),
            "definitions": definitions(view),
            "features": [
                {
                    "name": f.name,
                    "type": f.type,
                    "unit": f.unit,
                    "definition": f.definition,
                    "description": f.description,
                    "sources": list(f.sources),
                    "services": services(view.name, f.name),
                }
                for f in self.features
            ],
        }


@dataclass(frozen=True)
class Described:
    """A view, or one feature of it, in numbers. version: None and no distributions where its table is not built.

    distributions: by feature that is a number. delay_days: quantiles 0.05, 0.5 and 0.95 of known less event time.
    """

    view: GoldView
    features: tuple[Feature, ...]
    version: int | None
    rows: int
    entities: int
    distributions: Mapping[str, Distribution]
    delay_days: tuple[float, float, float] | None


def definitions(view: GoldView) -> list[str]:
    """The names of the definitions of a view's features, each once, in their order."""
    return list(dict.fromkeys(f.definition for f in view.features))


def services(view: str, feature: str | None = None) -> list[str]:
    """The services that serve a view, or a feature of it."""
    serving = []
    for service, parts in SERVICES.items():
        if view in parts:
            names = parts[view]
            if feature is None or names is None or feature in names:
                serving.append(service)
    return serving


def listed(
    lake: Lake,
    *,
    search: str | None = None,
    modality: str | None = None,
    unit: str | None = None,
    owner: str | None = None,
) -> list[Listed]:
    """The views that meet every condition, each with the features that do; without conditions all of them.

    search: words, each of which must be in the name or description of the feature or of its view, whatever its case.
    unit: UCUM code, as it is written. Counts and times come from the table's log; no rows are read where it has them.
    Raises UsageError on a modality, unit or owner that no view has.
    """
    _known("modality", modality, {v.modality for v in VIEWS.values()})
    _known("owner", owner, {v.owner for v in VIEWS.values()})
    _known("unit", unit, {f.unit for v in VIEWS.values() for f in v.features if f.unit})
    found = []
    for view in VIEWS.values():
        if modality not in (None, view.modality) or owner not in (None, view.owner):
            continue
        features = tuple(f for f in view.features if unit in (None, f.unit) and _mentions(view, f, search))
        if features:
            found.append(Listed(view, features, *_state(lake, view)))
    return found


def named(name: str) -> tuple[GoldView, tuple[Feature, ...]]:
    """The view and features that `VIEW`, `VIEW.FEATURE` or `VIEW__FEATURE` names. Raises UsageError on others."""
    view_name, _, feature = name.replace("__", ".", 1).partition(".")
    if view_name not in VIEWS:
        raise UsageError(f"There is no feature view {view_name}; the views are {', '.join(VIEWS)}.")
    view = VIEWS[view_name]
    if not feature:
        return view, view.features
    found = tuple(f for f in view.features if f.name == feature)
    if not found:
        raise UsageError(f"The feature view {view_name} has no feature {feature}; see `oncolake features list`.")
    return view, found


def described(lake: Lake, name: str) -> Described:
    """A view or feature with the distribution of its current values. Raises UsageError on a name that is neither."""
    view, features = named(name)
    version = delta.content_version(lake.gold(view.name))
    if version is None:
        return Described(view, features, None, 0, 0, {}, None)
    wanted = [f.name for f in features if f.type in NUMBERS]
    every, now = _rows(lake, view, version, wanted)
    frame, of = numbers(now, wanted), _entities(now, view)
    delay = None
    if every.num_rows:
        us = pc.subtract(every[KNOWN_TIME].cast(pa.int64()), every[EVENT_TIME].cast(pa.int64())).drop_null()
        if len(us):
            low, middle, high = (float(q) for q in np.quantile(us.to_numpy() / 86_400e6, (0.05, 0.5, 0.95)))
            delay = (low, middle, high)
    shapes = {f: distribution(frame[f].to_numpy(dtype=float), of) for f in wanted}
    return Described(
        view, features, version, every.num_rows, pc.count_distinct(every[view.join_key]).as_py(), shapes, delay
    )


def current(lake: Lake, view: GoldView, features: Sequence[str]) -> tuple[pd.DataFrame, Codes, int]:
    """(numbers named `<view>__<feature>`, codes of whom the rows are of, Delta version) of what is known now.

    A view with a time-to-live follows its entities as they change, and each of its rows was once current: all count.
    Of the others the newest row of each entity does. Raises UsageError where the table is not built.
    """
    version = delta.content_version(lake.gold(view.name))
    if version is None:
        raise UsageError(f"The feature view {view.name} has no table yet; run `oncolake features build` first.")
    _, now = _rows(lake, view, version, features)
    return numbers(now, features).add_prefix(f"{view.name}__"), _entities(now, view), version


def history(lake: Lake, view: GoldView, entity: str, features: Sequence[str]) -> pd.DataFrame:
    """The rows of one entity in the order in which they became usable; numbers as float64, with event and known time.

    Empty where the table is not built.
    """
    try:
        table = scan.dataset(lake.gold(view.name))
    except TableNotFoundError:
        return pd.DataFrame(columns=[EVENT_TIME, KNOWN_TIME, *features])
    rows = table.to_table(columns=[EVENT_TIME, KNOWN_TIME, *features], filter=pc.field(view.join_key) == entity)
    rows = rows.sort_by([(EVENT_TIME, "ascending"), (KNOWN_TIME, "ascending")])
    return numbers(rows, features).assign(**{t: rows[t].to_pandas() for t in (EVENT_TIME, KNOWN_TIME)})


def numbers(rows: pa.Table, features: Sequence[str]) -> pd.DataFrame:
    """Features that are numbers or flags as float64, missing as NaN."""
    return pd.DataFrame({f: rows[f].cast(pa.float64()).to_numpy() for f in features})


def _rows(lake: Lake, view: GoldView, version: int, features: Sequence[str]) -> tuple[pa.Table, pa.Table]:
    """(keys and times of all rows, those of `current`, with the features)."""
    table = deltalake.DeltaTable(lake.gold(view.name), version=version)
    every = scan.rows(table, [view.join_key, EVENT_TIME, KNOWN_TIME, *features])
    if view.ttl is not None:
        return every, every
    at = pa.scalar(datetime.now(UTC), pa.timestamp("us", tz="UTC"))
    return every, latest_rows(every, keys=[view.join_key], event_time=EVENT_TIME, known_time=KNOWN_TIME, at=at)


def _entities(rows: pa.Table, view: GoldView) -> Codes:
    return np.asarray(pd.factorize(rows[view.join_key].to_pandas())[0], np.intp)


def _state(lake: Lake, view: GoldView) -> tuple[int | None, int | None, datetime | None]:
    """(content version, rows, newest known time), from the log where its statistics say."""
    path = lake.gold(view.name)
    version = delta.content_version(path)
    if version is None:
        return None, None, None
    table = deltalake.DeltaTable(path)
    actions = pa.table(table.get_add_actions(flatten=True))
    newest = f"max.{KNOWN_TIME}"
    if newest in actions.column_names and not actions[newest].null_count:
        times = actions[newest]
    else:
        times = scan.rows(table, [KNOWN_TIME])[KNOWN_TIME]
    until = pc.max(times).as_py()
    return version, int(table.count()), None if until is None else until.replace(tzinfo=until.tzinfo or UTC)


def _mentions(view: GoldView, feature: Feature, search: str | None) -> bool:
    text = f"{view.name} {view.description} {feature.name} {feature.description}".lower()
    return all(word in text for word in (search or "").lower().split())


def _known(what: str, wanted: str | None, there_are: set[str | None]) -> None:
    if wanted is not None and wanted not in there_are:
        names = ", ".join(sorted(n for n in there_are if n))
        raise UsageError(f"No feature has the {what} {wanted}; there are {names}.")
