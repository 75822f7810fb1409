"""Brings the online store to what could be known at a given end: only what changed, in bounded memory.

The answer for an entity at `end` is, of its rows with `max(event, known) <= end`, the one with the latest event, then
the latest known. So between two ends of one gold version only entities with a row that became usable in between can
change, and only those rows are read. Another gold version may hold anything: then every entity's answer is looked for
(keys and times only), its row packed, and what has the same stamp as the row online is not written again. An entity
without an answer is taken out.

What a view holds online, and up to when, is kept in the online store itself, beside the rows that it speaks of, and
written last. So a run that was killed is run again; another store, or one that lost its data, starts anew.

Memory: keys and times of the entities (some 100 bytes each) and one chunk of rows; never the history.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import deltalake
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from features.arrow_sql import query
from features.asof.join import latest_rows
from features.instants import from_microseconds, to_microseconds
from features.online.backend import Backend
from features.online.reading import PackedRows, packing_of, state_note
from features.online.rows import SCHEMA_BYTES, entities_of, entity_key, stamped
from features.online.state import Materialised, state_of
from features.view import EVENT_TIME, FILE_IDS, KNOWN_TIME, GoldView
from infra import scan
from infra.errors import UsageError

CHUNK = 20_000
"""Rows that are read, packed and written at once."""

_TIME = pa.timestamp("us", tz="UTC")
_STAMPS = pa.schema([("k", pa.string()), ("old_event", pa.int64()), ("old_known", pa.int64()), ("stamp", pa.binary())])


def materialise_view(
    rows: PackedRows,
    view: GoldView,
    table: deltalake.DeltaTable,
    version: int,
    end: datetime,
    *,
    whole: bool = False,
    chunk: int = CHUNK,
    reached: Callable[[int, int], None] | None = None,
) -> Materialised:
    """Makes the online rows of a view what the as-of join of every entity at `end` gives.

    table: the gold table, opened. version: the one that wrote its content. whole: looks at every entity, whatever was
    done before. reached: called after each chunk with entities done and to do.
    Raises UsageError where `end` is not in the past: rows known later than now must not be answered.
    """
    if end > datetime.now(UTC):
        raise UsageError("Features are materialised as of a time up to now; the end that was given lies in the future.")
    at = to_microseconds(end)
    packing = packing_of(view.name)
    table_id = str(table.metadata().id)
    backend = rows.backend
    state = state_of(backend, view.name)
    stamps = _stamps(backend, view)
    is_same_content = (
        not whole
        and state is not None
        and (state.table_id, state.done.version, state.schema) == (table_id, version, packing.fingerprint.hex())
        # What is not stamped as the state says was packed or left by something else.
        and state.done.entities == stamps.num_rows
        and _is_packed_as(stamps, packing.fingerprint)
    )
    last = to_microseconds(state.done.end) if state is not None and is_same_content else None
    newest = pc.max(pc.max_element_wise(stamps["old_event"], stamps["old_known"])).as_py()
    is_forward = last is not None and last <= at and (newest is None or newest <= last)
    history = scan.dataset(table)
    since = last if is_forward else None
    chosen = _chosen(history, view, at, since)
    todo, gone = _difference(chosen, stamps, is_forward=is_forward, is_same_content=is_same_content)
    rows.declare(packing)
    written = 0
    for start in range(0, todo.num_rows, chunk):
        some = todo.slice(start, chunk)
        payload = _payload(history, view, some, at, since)
        packed = _packed(view, payload)
        old = dict(zip(some["k"].to_pylist(), some["stamp"].to_pylist(), strict=True))
        new = [(entity_key(view.join_key, k), stamp, body) for k, stamp, body in packed if old[k] != stamp]
        backend.write(view.name, new)
        written += len(new)
        if reached is not None:
            reached(min(start + chunk, todo.num_rows), todo.num_rows)
    for start in range(0, len(gone), chunk):
        backend.remove(view.name, [entity_key(view.join_key, k) for k in gone[start : start + chunk]])
    event, known, entities = _newest(backend, view.name)
    done = Materialised(
        version=version,
        end=end,
        entities=entities,
        newest_event=event,
        newest_known=known,
        finished=datetime.now(UTC),
        mode="difference" if is_forward else "everything",
        written=written,
        removed=len(gone),
    )
    backend.put_note(
        state_note(view.name),
        json.dumps({"done": done.to_json(), "table_id": table_id, "schema": packing.fingerprint.hex()}),
    )
    return done


def _stamps(backend: Backend, view: GoldView) -> pa.Table:
    """Entity, times and stamp of every row that is online."""
    batches = []
    for batch in backend.stamps(view.name):
        event, known = _times(batch)
        batches.append(
            pa.record_batch(
                [
                    entities_of((key for key, _ in batch), view.join_key),
                    pa.array(event),
                    pa.array(known),
                    pa.array([stamp for _, stamp in batch], pa.binary()),
                ],
                schema=_STAMPS,
            )
        )
    return pa.Table.from_batches(batches, _STAMPS)


def _times(batch: list[tuple[bytes, bytes]]) -> tuple[Any, Any]:
    """Event and known times (int64 microseconds) of the stamps of a batch."""
    import numpy as np

    read = np.frombuffer(b"".join(stamp[:16] for _, stamp in batch), dtype=np.dtype("<i8")).reshape(-1, 2)
    return read[:, 0].copy(), read[:, 1].copy()


def _is_packed_as(stamps: pa.Table, schema: bytes) -> bool:
    """Whether every row is packed as the view is packed now."""
    schemas = pc.binary_slice(stamps["stamp"], *SCHEMA_BYTES)
    return not stamps.num_rows or bool(pc.all(pc.equal(schemas, pa.scalar(schema, pa.binary()))).as_py())


def _usable(at: int, after: int | None, keys: tuple[str, str] | None = None, key: str = "") -> ds.Expression:
    """Rows that can be used at `at` and, where it is given, could not be at `after`; of the entities between `keys`."""
    end = pa.scalar(at, pa.int64()).cast(_TIME)
    where = (pc.field(EVENT_TIME) <= end) & (pc.field(KNOWN_TIME) <= end)
    if after is not None:
        last = pa.scalar(after, pa.int64()).cast(_TIME)
        where = where & ((pc.field(EVENT_TIME) > last) | (pc.field(KNOWN_TIME) > last))
    if keys is not None:
        where = where & (pc.field(key) >= keys[0]) & (pc.field(key) <= keys[1])
    return where


def _chosen(history: ds.Dataset, view: GoldView, at: int, after: int | None) -> pa.Table:
    """(k, event, known) of the row that answers for each entity, among those that `_usable` lets through.

    Only keys and times are read, as a stream.
    """
    stream = history.scanner(
        columns={
            "k": pc.field(view.join_key).cast(pa.string()),
            "event": pc.field(EVENT_TIME).cast(_TIME).cast(pa.int64()),
            "known": pc.field(KNOWN_TIME).cast(_TIME).cast(pa.int64()),
        },
        filter=_usable(at, after),
    ).to_reader()
    return query(
        """
        SELECT k, max(event) AS event, arg_max(known, event) AS known
        FROM (SELECT k, event, max(known) AS known FROM history WHERE k IS NOT NULL GROUP BY k, event)
        GROUP BY k
        """,
        history=stream,
    )


def _difference(
    chosen: pa.Table, stamps: pa.Table, *, is_forward: bool, is_same_content: bool
) -> tuple[pa.Table, list[str]]:
    """(entities to write with their times and old stamps, in order; entities to take out).

    is_forward: `chosen` holds only what became usable since. is_same_content: equal times mean an equal row.
    """
    if is_forward:
        which = "old_event IS NULL OR (event, known) > (old_event, old_known)"
    elif is_same_content:
        which = "old_event IS NULL OR (event, known) <> (old_event, old_known)"
    else:
        which = "TRUE"
    tables = {"chosen": chosen, "stamps": stamps}
    todo = query(f"SELECT * FROM chosen LEFT JOIN stamps USING (k) WHERE {which} ORDER BY k", **tables)
    if is_forward:
        return todo, []
    gone = query("SELECT k FROM stamps ANTI JOIN chosen USING (k) ORDER BY k", **tables)
    return todo, gone["k"].to_pylist()


def _payload(history: ds.Dataset, view: GoldView, chosen: pa.Table, at: int, since: int | None) -> pa.Table:
    """The whole rows that were chosen, one for each entity; of rows that differ in values alone, the as-of join's."""
    names = [view.join_key, EVENT_TIME, KNOWN_TIME, *(f.name for f in view.features), FILE_IDS]
    have = set(history.schema.names)
    wanted = pa.table(
        {
            view.join_key: chosen["k"],
            EVENT_TIME: chosen["event"].cast(_TIME),
            KNOWN_TIME: chosen["known"].cast(_TIME),
        }
    )
    bounds = (chosen["k"][0].as_py(), chosen["k"][-1].as_py())
    scanner = history.scanner(
        columns=[name for name in names if name in have], filter=_usable(at, since, bounds, view.join_key)
    )
    rows = pa.concat_tables(_matching(scanner, wanted))
    if rows.num_rows > chosen.num_rows:
        rows = latest_rows(
            rows,
            keys=[view.join_key],
            event_time=EVENT_TIME,
            known_time=KNOWN_TIME,
            at=pa.scalar(at, pa.int64()).cast(_TIME),
        )
    return rows


def _matching(scanner: ds.Scanner, wanted: pa.Table) -> Iterator[pa.Table]:
    """Of each batch the rows whose key and times are wanted."""
    keys = wanted.column_names
    for batch in scanner.to_batches():
        if not batch.num_rows:
            continue
        rows = pa.Table.from_batches([batch])
        narrow = pa.table(
            {name: rows[name].cast(wanted.schema.field(name).type) for name in keys} | {"r": pa.array(range(len(rows)))}
        )
        hits = narrow.join(wanted, keys, join_type="left semi")["r"]
        if len(hits):
            yield rows.take(hits.combine_chunks().sort())


def _packed(view: GoldView, payload: pa.Table) -> Iterator[tuple[str, bytes, bytes]]:
    """(entity, stamp, body) of each row."""
    packing = packing_of(view.name)
    for name, _ in packing.features:
        if name not in payload.column_names:
            # The table is older than the feature: it is null until the table is built again.
            payload = payload.append_column(name, pa.nulls(payload.num_rows))
    entities = payload[view.join_key].to_pylist()
    event = payload[EVENT_TIME].cast(_TIME).cast(pa.int64()).to_pylist()
    known = payload[KNOWN_TIME].cast(_TIME).cast(pa.int64()).to_pylist()
    for entity, e, k, body in zip(entities, event, known, packing.pack_table(payload), strict=True):
        yield entity, stamped(e, k, packing.fingerprint, body), body


def _newest(backend: Backend, view: str) -> tuple[datetime | None, datetime | None, int]:
    """(newest event, newest known, number) of the rows online."""
    newest: list[tuple[int, int]] = []
    n = 0
    for batch in backend.stamps(view):
        event, known = _times(batch)
        newest.append((int(event.max()), int(known.max())))
        n += len(batch)
    if not n:
        return None, None, 0
    return from_microseconds(max(e for e, _ in newest)), from_microseconds(max(k for _, k in newest)), n
