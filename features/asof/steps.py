"""A history as steps: the rows that can ever be chosen, key by key in the order in which they become usable.

See `features.asof.join` for why a row is a step. Everything here is whole-column arithmetic on numbers: keys as codes,
times as int64 microseconds. Nothing is sorted that lies in order already, as gold tables do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.asof.key_codes import Codes

Times: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]

UNKNOWN = np.iinfo(np.int64).min
"""Before every time: a null, where it sorts first."""

_REACH = 2.0**61
"""Microseconds that the keys of one running maximum may span together."""

_BLOCK = 1 << 18
"""Labels looked up at once: what is worked on stays in the processor's cache."""


@dataclass(frozen=True)
class Steps:
    """usable, event: of each step; row: its number in the history. first, last: where the steps of each key code begin
    and end. has_twin: whether another row of the history agrees with it in key, event and known time.
    twins, group: rows of all groups of twins, and for each the step that it belongs to.
    """

    usable: Times
    event: Times
    row: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    has_twin: Mask
    twins: NDArray[np.int64]
    group: NDArray[np.int64]

    def chosen(self, codes: Codes, at: Times, ttl: int | None) -> NDArray[np.int64]:
        """For each label the step that it may see, or -1: the last usable at its time, unless the event is too old."""
        result = np.full(len(codes), -1, np.int64)
        if not len(self.usable):
            return result
        for begin in range(0, len(codes), _BLOCK):
            block = slice(begin, begin + _BLOCK)
            result[block] = self._chosen(codes[block], at[block], ttl)
        return result

    def _chosen(self, codes: Codes, at: Times, ttl: int | None) -> NDArray[np.int64]:
        known = codes >= 0
        low = np.where(known, self.first[codes], 0)
        end = np.where(known, self.last[codes], 0)
        place = low - 1
        # Binary search in all segments at once, by steps of 2^i from the front.
        for i in reversed(range(int((end - low).max(initial=0)).bit_length())):
            further = place + (1 << i)
            fits = (further < end) & (self.usable.take(further, mode="clip") <= at)
            place = np.where(fits, further, place)
        found = place >= low
        if ttl is not None:
            found &= self.event.take(place, mode="clip") >= at - ttl
        return np.where(found, place, -1)


def steps_of(codes: Codes, n_keys: int, event: Times, known: Times, possible: Mask | None, known_only: bool) -> Steps:
    """Steps of a history.

    codes: of its keys, -1 for rows that no label asks for. possible: rows that may be chosen at all; None: all.
    known: UNKNOWN where it is null. known_only: whether a row waits for its known time.
    """
    wanted = codes >= 0 if possible is None else (codes >= 0) & possible
    row = np.flatnonzero(wanted)
    if len(row) < len(codes):
        codes, event, known = codes[row], event[row], known[row]
    usable = np.maximum(event, known) if known_only and known is not event else event
    order = _order(codes, n_keys, usable, event, known)
    if order is not None:
        codes, usable, event, known, row = codes[order], usable[order], event[order], known[order], row[order]
    is_new_key = codes[1:] != codes[:-1]
    heads = np.concatenate([[0], np.flatnonzero(is_new_key) + 1]) if len(codes) else np.empty(0, np.int64)
    first, last = np.zeros(n_keys, np.int64), np.zeros(n_keys, np.int64)
    first[codes[heads]] = heads
    last[codes[heads]] = np.append(heads[1:], len(codes)) if len(heads) else heads

    together = (usable[1:] == usable[:-1]) & ~is_new_key
    twin = together & (event[1:] == event[:-1]) & (known[1:] == known[:-1])
    is_step = np.ones(len(codes), bool)
    is_step[:-1] &= ~together
    is_step &= _is_latest(event, heads, is_new_key)
    has_twin = np.zeros(len(codes), bool)
    has_twin[1:] = twin
    twins, group = _twins(twin, is_step) if twin.any() else (np.empty(0, np.int64), np.empty(0, np.int64))
    twins = row[twins]
    if not is_step.all():
        before = np.concatenate([[0], np.cumsum(is_step)])
        first, last = before[first], before[last]
        usable, event, row, has_twin = usable[is_step], event[is_step], row[is_step], has_twin[is_step]
    return Steps(usable, event, row, first, last, has_twin, twins, group)


def _order(codes: Codes, n_keys: int, usable: Times, event: Times, known: Times) -> NDArray[np.int64] | None:
    """The order by (code, usable, event, known), in which codes need only stand together; None: as it is."""
    order = None
    if not _is_ordered(codes, n_keys, usable):
        order = _by_key_and_time(codes, n_keys, usable)
        codes, usable, event, known = codes[order], usable[order], event[order], known[order]
    # What becomes usable together is rare, and in order by itself but for late reports.
    together = (usable[1:] == usable[:-1]) & (codes[1:] == codes[:-1])
    falls = together & ((event[1:] < event[:-1]) | ((event[1:] == event[:-1]) & (known[1:] < known[:-1])))
    if not falls.any():
        return order
    if order is None:
        order = np.arange(len(codes))
    group = np.concatenate([[0], np.cumsum(~together)])
    member = np.zeros(len(codes), bool)
    member[1:] |= together
    member[:-1] |= together
    places = np.flatnonzero(member)
    order[places] = order[places[np.lexsort((known[places], event[places], group[places]))]]
    return order


def _is_ordered(codes: Codes, n_keys: int, usable: Times) -> bool:
    is_new_key = codes[1:] != codes[:-1]
    if ((usable[1:] < usable[:-1]) & ~is_new_key).any():
        return False
    occurs = np.zeros(n_keys, bool)
    occurs[codes] = True
    return int(is_new_key.sum()) + 1 == int(occurs.sum()) or not len(codes)


def _by_key_and_time(codes: Codes, n_keys: int, times: Times) -> NDArray[np.int64]:
    """One number a row where key and time fit into one, since one sort is faster than two."""
    low, high = int(times.min()), int(times.max())
    for unit in (1, 1_000, 1_000_000):
        span = (high - low) // unit + 1
        if n_keys * span < 2**63 and (unit == 1 or not ((times - low) % unit).any()):
            both = codes * np.int64(span) + (times - low) // unit
            # Files that are sorted each by themselves are runs, which merging is good at.
            runs = int((both[1:] < both[:-1]).sum())
            return np.argsort(both, kind="stable" if runs < len(both) // 64 else None)
    return np.lexsort((times, codes))


def _is_latest(event: Times, heads: NDArray[np.int64], is_new_key: Mask) -> Mask | np.bool_:
    """Whether no earlier row of the key has a later event."""
    if not ((event[1:] < event[:-1]) & ~is_new_key).any():
        return np.True_
    # One running maximum over many keys: each key's events are moved above those of the keys before it. As many keys
    # are taken together as numbers of 64 bits hold.
    low, high = np.minimum.reduceat(event, heads), np.maximum.reduceat(event, heads)
    ends = np.append(heads[1:], len(event))
    reach = np.cumsum(high.astype(float) - low + 1)
    is_latest = np.empty(len(event), bool)
    begin = 0
    while begin < len(heads):
        before = reach[begin - 1] if begin else 0.0
        end = max(begin + 1, int(np.searchsorted(reach, before + _REACH)))
        keys, rows = slice(begin, end), slice(int(heads[begin]), int(ends[end - 1]))
        base = np.concatenate([[0], np.cumsum(high[keys] - low[keys] + 1)[:-1]]) - low[keys]
        moved = event[rows] + np.repeat(base, ends[keys] - heads[keys])
        is_latest[rows] = moved >= np.maximum.accumulate(moved)
        begin = end
    return is_latest


def _twins(twin: Mask, is_step: Mask) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of rows in groups of twins whose last one is a step, and the number of that step for each."""
    member = np.zeros(len(is_step), bool)
    member[1:] |= twin
    member[:-1] |= twin
    group = np.concatenate([[0], np.cumsum(~twin)])
    places = np.flatnonzero(member)
    # The last row of each group, which is the step if any of the group is.
    ends = np.append(np.flatnonzero(~twin), len(is_step) - 1)
    end = ends[group[places]]
    kept = is_step[end]
    number = np.cumsum(is_step) - 1
    return places[kept], number[end[kept]]


def blocks_of(group: NDArray[np.int64]) -> Iterator[tuple[int, slice]]:
    """Runs of equal numbers: (number, where)."""
    bounds = np.flatnonzero(np.diff(group, prepend=-1, append=-1))
    for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        yield int(group[begin]), slice(begin, end)
