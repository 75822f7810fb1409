"""Whether the online store holds what it should: entities are sampled and held against the as-of join.

Two questions are asked of each view. Is what is online what could be known at the end of the last materialisation, of
the table version that was materialised? If not, the store is wrong. And how far is it from what is known now? That only
says that a materialisation is due. The expected rows come from the as-of join over the rows of the sampled entities,
which shares nothing with how the store was filled. Counts and names of features are reported, never a value or an id.
"""

import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

import deltalake
import pyarrow as pa
import pyarrow.compute as pc

from features.asof.join import as_of_rows
from features.instants import from_microseconds
from features.online.backend import EMBEDDED, Backend, connect
from features.online.reading import NAMESPACE, OnlineReader, OnlineRow, online_url
from features.online.rows import entities_of
from features.online.state import State, state_of
from features.store.services import views_of
from features.tables import VIEWS
from features.view import EVENT_TIME, FILE_IDS, KNOWN_TIME, GoldView
from infra import delta, scan
from infra.errors import UsageError
from infra.lake import Lake

ENTITIES = 100
SEED = 20_260_301

Fault = Literal["missing", "stale", "wrong value", "known later", "not expected"]
"""How an online row differs from the one that should be there.

missing: there is none. stale: an older row. wrong value: the right row with other values. known later: a row that could
not be known at the time. not expected: a row, or a newer one, that the table does not have.
"""

_TIME = pa.timestamp("us", tz="UTC")


def fault_of(online: OnlineRow | None, expected: OnlineRow | None, at: datetime) -> Fault | None:
    """What is wrong with an online row, where `expected` is what could be known at `at`; None: nothing."""
    if online is not None and max(online.event, online.known) > at:
        return "known later"
    if online is None:
        return None if expected is None else "missing"
    if expected is None or (online.event, online.known) > (expected.event, expected.known):
        return "not expected"
    if (online.event, online.known) < (expected.event, expected.known):
        return "stale"
    return "wrong value" if differing(online, expected) else None


def differing(online: OnlineRow | None, expected: OnlineRow | None) -> list[str]:
    """Features whose values differ; a row that is absent has null everywhere."""
    ours, theirs = _values(online), _values(expected)
    return [name for name in dict.fromkeys([*ours, *theirs]) if not _same(ours.get(name), theirs.get(name))]


def _values(row: OnlineRow | None) -> Mapping[str, object]:
    return {} if row is None else row.values


def _same(a: object, b: object) -> bool:
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return type(a) is type(b) and a == b


@dataclass(frozen=True)
class Comparison:
    """Sampled entities of one view against the as-of join at one time.

    faults: entities by kind of fault. features: entities whose value differs, by feature.
    """

    at: datetime
    entities: int
    faults: Mapping[str, int]
    features: Mapping[str, int]

    @property
    def differences(self) -> int:
        """Entities whose row is not the one that it should be."""
        return sum(self.faults.values())


def compare(online: Sequence[OnlineRow | None], expected: Sequence[OnlineRow | None], at: datetime) -> Comparison:
    """Counts over entities; both in the same order."""
    faults: Counter[str] = Counter()
    features: Counter[str] = Counter()
    for ours, theirs in zip(online, expected, strict=True):
        fault = fault_of(ours, theirs, at)
        if fault is not None:
            faults[fault] += 1
            features.update(differing(ours, theirs))
    return Comparison(at, len(online), dict(faults), dict(features))


@dataclass(frozen=True)
class ViewAudit:
    """One view: how fresh it is online, and how it compares.

    end: as of when it was materialised; None: never. pinned: whether the version that was materialised could still be
    read; if not, the newest was compared with. newest_event, newest_known: of the rows online.
    then: against the as-of join at `end`. now: against what is known now.
    """

    view: str
    at: datetime
    end: datetime | None
    version: int | None
    newest_version: int
    pinned: bool
    newest_event: datetime | None
    newest_known: datetime | None
    then: Comparison | None
    now: Comparison

    @property
    def is_consistent(self) -> bool:
        """Whether every sampled row is the one that was known at the end; a view that was never filled is not."""
        return self.then is not None and not self.then.differences

    def age(self, of: datetime | None) -> timedelta | None:
        """How long ago a time of this view was."""
        return None if of is None else self.at - of


@dataclass(frozen=True)
class Audit:
    """All audited views, and those whose table is not built."""

    at: datetime
    seed: int
    views: Sequence[ViewAudit]
    not_built: Sequence[str] = field(default=())

    @property
    def is_consistent(self) -> bool:
        return all(view.is_consistent for view in self.views)


def audit(
    lake: Lake,
    *,
    service: str | None = None,
    entities: int = ENTITIES,
    seed: int = SEED,
    online: str = EMBEDDED,
    now: datetime | None = None,
) -> Audit:
    """Audits the views of a service (default: every view) on `entities` sampled entities each.

    The sample is drawn, with `seed`, from the entities of the gold table and those that are online together.
    Raises UsageError on an unknown service, on fewer than one entity, and where no table is built.
    """
    names = list(VIEWS) if service is None else views_of(service)
    if entities < 1:
        raise UsageError(f"The number of entities to compare is {entities}; expected at least 1.")
    at = now or datetime.now(UTC)
    built = [name for name in names if delta.exists(lake.gold(name))]
    if not built:
        raise UsageError("No feature table is built yet; run `oncolake features build` first.")
    backend = connect(online_url(lake, online), NAMESPACE)
    try:
        views = [_audit_view(lake, backend, VIEWS[name], entities, seed, at) for name in built]
    finally:
        backend.close()
    return Audit(at, seed, views, [name for name in names if name not in built])


def _audit_view(lake: Lake, backend: Backend, view: GoldView, entities: int, seed: int, at: datetime) -> ViewAudit:
    newest = deltalake.DeltaTable(lake.gold(view.name))
    content = delta.content_version(lake.gold(view.name))
    state = state_of(backend, view.name)
    pinned = _pinned(lake, view, state)
    everyone = _entities(newest, view) | _online_entities(backend, view)
    sample = sampled(everyone, entities, f"{seed}/{view.name}")
    found = OnlineReader(backend).stored(view.name, sample)
    then = None
    if state is not None:
        end = state.done.end
        then = compare(found, known_rows(pinned or newest, view, sample, end), end)
    return ViewAudit(
        view=view.name,
        at=at,
        end=None if state is None else state.done.end,
        version=None if state is None else state.done.version,
        newest_version=newest.version() if content is None else content,
        pinned=pinned is not None,
        newest_event=None if state is None else state.done.newest_event,
        newest_known=None if state is None else state.done.newest_known,
        then=then,
        now=compare(found, known_rows(newest, view, sample, at), at),
    )


def sampled(entities: Iterable[str], n: int, seed: str) -> list[str]:
    """At most n of them, sorted; the same for the same entities and seed."""
    everyone = sorted(entities)
    return everyone if len(everyone) <= n else sorted(random.Random(seed).sample(everyone, n))


def known_rows(
    table: deltalake.DeltaTable, view: GoldView, entities: Sequence[str], at: datetime
) -> list[OnlineRow | None]:
    """What the as-of join gives each entity at `at`, whatever its age: the time-to-live is the reader's to check."""
    history = scan.dataset(table)
    have = set(history.schema.names)
    features = [f.name for f in view.features]
    rows = history.to_table(
        columns=[n for n in (view.join_key, EVENT_TIME, KNOWN_TIME, *features, FILE_IDS) if n in have],
        filter=pc.field(view.join_key).isin(list(entities)),
    )
    labels = pa.table(
        {view.join_key: pa.array(entities, pa.string()), "at": pa.array([at] * len(entities), _TIME)},
    )
    chosen = as_of_rows(
        labels, rows, keys=[view.join_key], label_time="at", event_time=EVENT_TIME, known_time=KNOWN_TIME
    )
    taken = rows.take(pc.drop_null(chosen))
    events, knowns = (taken[name].cast(_TIME).cast(pa.int64()).to_pylist() for name in (EVENT_TIME, KNOWN_TIME))
    columns = {n: taken[n].to_pylist() if n in have else [None] * taken.num_rows for n in features}
    answers = iter(
        OnlineRow(from_microseconds(event), from_microseconds(known), {n: columns[n][i] for n in features})
        for i, (event, known) in enumerate(zip(events, knowns, strict=True))
    )
    return [next(answers) if is_there else None for is_there in chosen.is_valid().to_pylist()]


def _pinned(lake: Lake, view: GoldView, state: State | None) -> deltalake.DeltaTable | None:
    """The table at the version that was materialised; None where it is gone, or another table took its place."""
    if state is None:
        return None
    try:
        table = deltalake.DeltaTable(lake.gold(view.name), version=state.done.version)
    except deltalake.exceptions.DeltaError:
        return None
    files = scan.dataset(table)
    infos = files.filesystem.get_file_info([f.path for f in files.get_fragments()])
    is_there = str(table.metadata().id) == state.table_id and all(info.is_file for info in infos)
    return table if is_there else None


def _entities(table: deltalake.DeltaTable, view: GoldView) -> set[str]:
    keys = scan.dataset(table).scanner(columns=[view.join_key]).to_reader()
    found: set[str] = set()
    for batch in keys:
        found.update(pc.unique(batch.column(0)).drop_null().to_pylist())
    return found


def _online_entities(backend: Backend, view: GoldView) -> set[str]:
    found: set[str] = set()
    for batch in backend.stamps(view.name):
        found.update(entities_of((key for key, _ in batch), view.join_key).to_pylist())
    return found
