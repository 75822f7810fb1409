"""What lies in the landing folders: settled files by site and day of delivery. Folders are read, never changed.

A *delivery* is what a site put there on one day: the files of a source whose modification time lies on that day
(UTC). Its key is `site/2024-03-28`. Looking costs one `stat` for each file; no content is read.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.errors import FileError, UsageError
from ingestion.format import Probe, Source, recognise
from ingestion.registry import SOURCES
from oncolake.schedule.settings import Schedule, is_site_name

DAY = "%Y-%m-%d"


@dataclass(frozen=True)
class Folder:
    """A landing folder of one site and one source."""

    site_id: str
    source: str
    path: Path


@dataclass(frozen=True)
class Landed:
    """A file that lies in a landing folder. `is_settled`: nobody has written to it for the settle time."""

    path: Path
    day: str
    size_bytes: int
    modified_ns: int
    is_settled: bool


def folders(schedule: Schedule) -> list[Folder]:
    """Every folder LANDING/<site>/<source> that there is now, and the declared ones; in a fixed order."""
    found = {Folder(d.site, d.source, _absolute(d.path)) for d in schedule.folders}
    found |= {Folder(path.parent.name, path.name, path) for path in _inside(schedule.landing) if _is_watched(path)}
    return sorted(found, key=lambda f: (f.site_id, f.source, str(f.path)))


def unknown_folders(schedule: Schedule) -> list[Path]:
    """Folders LANDING/<site>/<name> where one of the names cannot be: nothing in them is ever ingested."""
    return sorted(path for path in _inside(schedule.landing) if not _is_watched(path))


def _is_watched(path: Path) -> bool:
    return path.name in SOURCES and is_site_name(path.parent.name)


def _absolute(path: Path) -> Path:
    return path.expanduser().resolve()


def _inside(landing: Path | None) -> Iterator[Path]:
    if landing is None or not landing.expanduser().is_dir():
        return
    for site in _absolute(landing).iterdir():
        if site.is_dir() and not site.name.startswith("."):
            yield from (p for p in site.iterdir() if p.is_dir() and not p.name.startswith("."))


def files(folder: Folder, now: datetime, settle: timedelta) -> list[Landed]:
    """The files of a folder, as ingestion would find them: hidden ones are left out.

    A file counts as settled when neither its content nor its entry changed within `settle` before `now`: a copy that
    keeps the old modification time still shows a new change time. Raises OSError where the folder cannot be read.
    """
    return sorted(_files(str(folder.path), now, settle), key=lambda f: str(f.path))


def _files(path: str, now: datetime, settle: timedelta) -> Iterator[Landed]:
    try:
        with os.scandir(path) as entries:
            listed = [e for e in entries if not e.name.startswith(".")]
    except FileNotFoundError:
        # Not mounted, or moved away while we looked: nothing is there to ingest.
        return
    for entry in listed:
        if entry.is_dir():
            if not entry.is_symlink():
                yield from _files(entry.path, now, settle)
            continue
        try:
            found = entry.stat()
        except OSError:
            # A dangling link is a file that ingestion refuses with its reason; its own times must do.
            try:
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
        # A time in the far future is a wrong clock and not a sign of writing.
        ages = (abs(now.timestamp() - time) for time in (found.st_mtime, found.st_ctime))
        is_settled = min(ages) >= settle.total_seconds()
        yield Landed(Path(entry.path), _day(found.st_mtime), found.st_size, found.st_mtime_ns, is_settled)


def _day(modified: float) -> str:
    """The day (UTC) of a time in seconds; the last or first day there is for one that no calendar holds."""
    try:
        return datetime.fromtimestamp(modified, UTC).strftime(DAY)
    except (ValueError, OverflowError, OSError):
        return "9999-12-31" if modified > 0 else "0001-01-01"


def delivery_key(site_id: str, day: str) -> str:
    return f"{site_id}/{day}"


def parse_key(key: str) -> tuple[str, str]:
    """(site, day) of a delivery's key. Raises UsageError on what is none."""
    site_id, _, day = key.rpartition("/")
    try:
        datetime.strptime(day, DAY)
    except ValueError:
        site_id = ""
    if not site_id:
        raise UsageError(f"{key} names no delivery; expected site/2024-03-28.")
    return site_id, day


def delivered(source: Source, key: str, schedule: Schedule, now: datetime) -> list[Path]:
    """The files to ingest for one delivery: the day's settled files, and those that they belong to.

    A signal file without its header is nothing; where a file of the day is known to no format, the settled file
    beside it that claims it as a companion comes too. A file waits while a companion of it is still being written.
    """
    site_id, day = parse_key(key)
    chosen: list[Path] = []
    for folder in folders(schedule):
        if (folder.site_id, folder.source) != (site_id, source.name):
            continue
        everything = files(folder, now, schedule.settle)
        busy = {f.path for f in everything if not f.is_settled}
        of_day = [f.path for f in everything if f.is_settled and f.day == day]
        loose = {path for path in of_day if not _is_known(source, path)}
        beside = {path.parent for path in loose}
        owners = [
            f.path
            for f in everything
            if loose and f.is_settled and f.day != day and f.path.parent in beside
            and loose.intersection(_companions(source, f.path))
        ]  # fmt: skip
        chosen += [p for p in (*of_day, *owners) if not busy or busy.isdisjoint(_companions(source, p))]
    return chosen


def _is_known(source: Source, path: Path) -> bool:
    try:
        return recognise(source.formats, Probe.at(path)) is not None
    except (OSError, FileError):
        return False


def _companions(source: Source, path: Path) -> Sequence[Path]:
    try:
        found = recognise(source.formats, Probe.at(path))
        return found.companions(path) if found else ()
    except (OSError, FileError):
        # What cannot be read is ingestion's to refuse, with its reason.
        return ()


def digest(found: Iterable[Landed], keyed: Callable[[str], str]) -> str:
    """16 characters over path, modification time and size of files; any order gives the same.

    keyed: a keyed hash. Digests are kept with the runs, and whoever reads them must not be able to try paths, which
    often hold a patient's name.
    """
    lines = sorted(
        f"{str(f.path).encode('utf-8', 'surrogateescape').hex()} {f.modified_ns} {f.size_bytes}" for f in found
    )
    return keyed("\n".join(lines))[:16]


def by_delivery(site_id: str, found: Iterable[Landed]) -> dict[str, list[Landed]]:
    """Settled files by the key of their delivery."""
    days: dict[str, list[Landed]] = defaultdict(list)
    for f in found:
        if f.is_settled:
            days[delivery_key(site_id, f.day)].append(f)
    return dict(days)
