"""Reads features online: no Feast, no pandas, one look-up for all the views of a service.

What could not be known now is never answered: a row whose event or known time lies after `now`, or whose event is older
than its view's time-to-live, is as absent as it would be in training.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from operator import itemgetter
from pathlib import Path
from types import TracebackType

from features.instants import MICROSECOND, from_microseconds, to_microseconds
from features.online.backend import EMBEDDED, Backend, connect
from features.online.rows import Packing, Value, entity_key, schema_of, times_of
from features.store.services import SERVICES, join_key
from features.tables import VIEWS
from features.view import GoldView
from infra.errors import UsageError
from infra.lake import Lake

NAMESPACE = "oncolake"
FILE = "online.db"


def online_url(lake: Lake, setting: str = EMBEDDED) -> str:
    """Where a lake's online rows lie: its own SQLite file, or what the setting names."""
    return f"sqlite:{Path(lake.folder('feast')) / FILE}" if setting == EMBEDDED else setting


@cache
def packing_of(view: str) -> Packing:
    """How the rows of one of our views are packed."""
    return Packing([(f.name, f.type) for f in VIEWS[view].features])


@dataclass(frozen=True)
class OnlineRow:
    """One row as it lies in the store: its times in UTC, and every feature by name."""

    event: datetime
    known: datetime
    values: Mapping[str, Value]


class PackedRows:
    """The rows of a database, unpacked; rows that an older definition of their view packed are read as they were."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._packings: dict[bytes, Packing] = {}

    def declare(self, packing: Packing) -> None:
        """Keeps a packing beside the rows, so that whoever reads them later can."""
        if packing.fingerprint not in self._packings:
            self.backend.put_note(_schema_note(packing.fingerprint), packing.description)
            self._packings[packing.fingerprint] = packing

    def unpack(self, stamp: bytes, body: bytes, wanted: Packing) -> list[Value]:
        """Values in the order of `wanted`; features that the row was packed without are null."""
        schema = schema_of(stamp)
        if schema == wanted.fingerprint:
            return wanted.unpack(body)
        values = self.values(stamp, body)
        return [values.get(name) for name in wanted.names]

    def values(self, stamp: bytes, body: bytes) -> dict[str, Value]:
        """Every feature of a row by name; nothing where its packing is not known."""
        schema = schema_of(stamp)
        packing = self._packings.get(schema)
        if packing is None:
            description = self.backend.note(_schema_note(schema))
            if description is None:
                return {}
            packing = self._packings[schema] = Packing.described(description)
        return dict(zip(packing.names, packing.unpack(body), strict=True))


def may_be_used(stamp: bytes, at: int, ttl: int | None) -> bool:
    """Whether a row could be known at `at`, and is not too old then (both in microseconds)."""
    event, known = times_of(stamp)
    return event <= at and known <= at and (ttl is None or event >= at - ttl)


def ttl_microseconds(ttl: timedelta | None) -> int | None:
    """A time-to-live in microseconds; none where it is absent or zero, which is Feast's way to say so."""
    return ttl // MICROSECOND if ttl else None


@dataclass(frozen=True)
class _Part:
    """What a service takes of one view."""

    view: str
    ttl: int | None
    packing: Packing
    names: tuple[str, ...]
    pick: Callable[[Sequence[Value]], tuple[Value, ...]]

    @staticmethod
    def of(view: GoldView, names: Iterable[str] | None) -> "_Part":
        packing = packing_of(view.name)
        names = tuple(packing.names if names is None else names)
        at = [packing.names.index(name) for name in names]
        pick = itemgetter(*at) if len(at) > 1 else lambda values: tuple(values[i] for i in at)
        return _Part(view.name, ttl_microseconds(view.ttl), packing, tuple(f"{view.name}__{n}" for n in names), pick)


@cache
def _parts(service: str) -> tuple[_Part, ...]:
    return tuple(_Part.of(VIEWS[view], names) for view, names in SERVICES[service].items())


class OnlineReader:
    """An open online store; keep it open where features are asked for again and again."""

    def __init__(self, backend: Backend) -> None:
        self._rows = PackedRows(backend)
        self._filled = set[str]()

    @staticmethod
    def open(lake: Lake, setting: str = EMBEDDED) -> "OnlineReader":
        """The online store of a lake. Raises what `connect` raises."""
        return OnlineReader(connect(online_url(lake, setting), NAMESPACE))

    def __enter__(self) -> "OnlineReader":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._rows.backend.close()

    def get(self, service: str, entities: Sequence[str], *, now: datetime | None = None) -> dict[str, list[Value]]:
        """Features of a service as columns named `<view>__<feature>`, each with one value for each of `entities`.

        now: when the features are used (default: the clock). Null: nothing could be known, or it is too old.
        Raises UsageError on an unknown service, and where nothing of it was ever materialised.
        """
        key_column = join_key(service)
        parts = _parts(service)
        self._require(service)
        at = to_microseconds(now or datetime.now(UTC))
        keys = [entity_key(key_column, entity) for entity in entities]
        found = self._rows.backend.read(list(dict.fromkeys(keys)), [part.view for part in parts])
        columns: dict[str, list[Value]] = {}
        for part in parts:
            blank: tuple[Value, ...] = (None,) * len(part.names)
            rows: list[tuple[Value, ...]] = []
            for key in keys:
                packed = found.get((key, part.view))
                if packed is None or not may_be_used(packed[0], at, part.ttl):
                    rows.append(blank)
                else:
                    rows.append(part.pick(self._rows.unpack(*packed, part.packing)))
            if rows:
                columns.update(zip(part.names, map(list, zip(*rows, strict=True)), strict=True))
            else:
                columns.update((name, []) for name in part.names)
        return columns

    def stored(self, view: str, entities: Sequence[str]) -> list[OnlineRow | None]:
        """The rows of some entities as they lie in the store, whatever their times say."""
        keys = [entity_key(VIEWS[view].join_key, entity) for entity in entities]
        found = self._rows.backend.read(list(dict.fromkeys(keys)), [view])
        return [self._stored(found.get((key, view))) for key in keys]

    def _stored(self, packed: tuple[bytes, bytes] | None) -> OnlineRow | None:
        if packed is None:
            return None
        event, known = times_of(packed[0])
        return OnlineRow(from_microseconds(event), from_microseconds(known), self._rows.values(*packed))

    def _require(self, service: str) -> None:
        """Nothing materialised looks like nothing known: it is said, once."""
        if service not in self._filled:
            if not any(self._rows.backend.note(state_note(view)) for view in SERVICES[service]):
                raise UsageError(
                    f"The online store holds nothing of feature service {service}; "
                    "run `oncolake features materialize` first."
                )
            self._filled.add(service)


def state_note(view: str) -> str:
    """The name of the note that says up to when a view is materialised."""
    return f"state:{view}"


def _schema_note(fingerprint: bytes) -> str:
    return f"schema:{fingerprint.hex()}"
