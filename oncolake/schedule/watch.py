"""What a sensor does at each tick, without Dagster: which deliveries are new since the cursor.

The cursor holds a digest for each site and month, so that it stays small over years. Where a month's digest changed,
each of its days is requested under a run key made of the day and its own digest; Dagster runs a key once only, so
days that did not change are not run again.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from oncolake.schedule.landing import Folder, Landed, by_delivery, digest, files


@dataclass(frozen=True)
class Request:
    """A delivery to ingest. `run_key` is the same for as long as its files are."""

    key: str
    run_key: str


@dataclass(frozen=True)
class Look:
    """What a look at the folders of one source found. waiting: files that may still be being written."""

    requests: tuple[Request, ...]
    cursor: str
    files: int
    waiting: int
    unreadable: tuple[Folder, ...]
    is_whole: bool = True


def look(
    watched: Iterable[Folder],
    now: datetime,
    settle: timedelta,
    cursor: str | None,
    keyed: Callable[[str], str],
    most: int = 100,
) -> Look:
    """Looks at the folders of one source. cursor: that of the last look, or None; keyed: as for `landing.digest`.

    A folder that cannot be read keeps its place in the cursor and stops no other. Once `most` deliveries are
    requested, further months wait for the next look (`is_whole` is false), so that years of files at once do not make
    a look that never ends.
    """
    before = _read(cursor)
    months = dict[str, str]()
    requests: list[Request] = []
    by_site: dict[str, list[Landed]] = defaultdict(list)
    unreadable: list[Folder] = []
    for folder in watched:
        try:
            by_site[folder.site_id] += files(folder, now, settle)
        except OSError:
            unreadable.append(folder)
    closed = {f.site_id for f in unreadable}
    is_whole = True
    for site_id in closed:
        months |= {month: seen for month, seen in before.items() if month.rpartition("/")[0] == site_id}
    for site_id, found in by_site.items():
        if site_id in closed:
            continue
        by_month: dict[str, list[str]] = defaultdict(list)
        deliveries = by_delivery(site_id, found)
        for key in sorted(deliveries):
            by_month[key[: -len("-01")]].append(key)
        for month, keys in by_month.items():
            seen = digest((f for key in keys for f in deliveries[key]), keyed)
            if before.get(month) != seen:
                if len(requests) >= most:
                    is_whole = False
                    seen = before.get(month, "")
                else:
                    requests += [Request(key, f"{key}:{digest(deliveries[key], keyed)}") for key in keys]
            months[month] = seen
    everything = [f for found in by_site.values() for f in found]
    waiting = sum(not f.is_settled for f in everything)
    text = json.dumps(months, sort_keys=True, separators=(",", ":"))
    return Look(tuple(requests), text, len(everything), waiting, tuple(unreadable), is_whole)


def _read(cursor: str | None) -> dict[str, str]:
    """A cursor that is none (of another version, edited by hand) makes every delivery new, which is harmless."""
    try:
        found = json.loads(cursor or "{}")
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
