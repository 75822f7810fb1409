"""Which runs and models used a file, a version of a table, or a patient: lineage read backwards.

Candidates of one training share its training set, so that lineage and predictions are read once for each training set
and not once for each run.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from infra import delta
from infra.errors import UsageError
from infra.lake import Lake
from training.artefacts import artefact
from training.lineage import FILE, Lineage
from training.registered import Version, registered
from training.tracking import PREDICTIONS, LoggedRun, Tracker

FEWEST_CHARACTERS = 6
"""Of a file id: fewer would name many files."""
_TABLE = re.compile(r"(silver|gold)\.(\w+)(?:@v?(\d+))?")


@dataclass(frozen=True)
class Touched:
    """A run that used it. how: for what (features, labels, gold.x v3, 12 rows). models: registered from this run."""

    run_id: str
    task: str
    model: str
    status: str
    is_permuted: bool
    started: str
    how: tuple[str, ...]
    models: tuple[Version, ...]


@dataclass(frozen=True)
class Impact:
    """kind: file, table or patient. subject: what was asked for, in full. runs: newest first. n_runs: looked through.

    unknown: runs without a lineage, of which nothing can be said.
    """

    kind: str
    subject: str
    runs: tuple[Touched, ...]
    n_runs: int
    n_training_sets: int
    unknown: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _TrainingSet:
    runs: tuple[LoggedRun, ...]
    lineage_file: Path

    def text(self) -> str:
        return self.lineage_file.read_text()


def of_file(lake: Lake, ids: Iterable[str]) -> Impact:
    """What used a file: its id (SHA-256) or the first characters of it; several where it may go by several.

    Raises UsageError where neither a run nor the ledger knows such a file, or several files begin so.
    """
    given = [i.lower() for i in ids]
    for i in given:
        if len(i) < FEWEST_CHARACTERS or not re.fullmatch(r"[0-9a-f]+", i):
            raise UsageError(
                f"This is no file id; expected its SHA-256 in hexadecimal, or at least the first {FEWEST_CHARACTERS} "
                "characters of it."
            )
    tracker = Tracker(lake)
    sets, unknown = _training_sets(tracker)
    found: dict[str, list[tuple[_TrainingSet, tuple[str, ...]]]] = defaultdict(list)
    for training_set in sets:
        text = training_set.text()
        # Thousands of file ids are searched as text before anything is parsed.
        if not any(f'"{i}' in text for i in given):
            continue
        lineage = Lineage.from_json(text)
        uses = {"features": lineage.file_ids, "labels": lineage.label_file_ids}
        for file_id in {f for files in uses.values() for f in files if f.startswith(tuple(given))}:
            found[file_id].append((training_set, tuple(use for use, files in uses.items() if file_id in files)))
    known = set(found) | _in_ledger(lake, given)
    if not known:
        raise UsageError(f"No file of this id is in the ledger of {lake.root} or in the lineage of a run.")
    if len(known) > 1:
        raise UsageError(f"{len(known)} files begin so; expected more of the id.")
    subject = known.pop()
    return _impact(tracker, "file", subject, found.get(subject, []), sets, unknown)


def of_table(lake: Lake, name: str) -> Impact:
    """What used a table, as 'silver.x', 'gold.x', or at a version 'gold.x@3'.

    Labels are read from silver at a version. Of features the version of the gold table is known, and of that the
    versions of silver that it was built from, where the table still tells.
    Raises UsageError on a name that is none.
    """
    matched = _TABLE.fullmatch(name)
    if matched is None:
        raise UsageError(f"{name!r} names no table; expected silver.NAME or gold.NAME, with @VERSION for one of it.")
    room, table, wanted = matched[1], matched[2], None if matched[3] is None else int(matched[3])
    _require_table(room, table)
    tracker = Tracker(lake)
    sets, unknown = _training_sets(tracker)
    found = []
    how: tuple[str, ...]
    for training_set in sets:
        lineage = Lineage.from_json(training_set.text())
        if room == "gold":
            read = lineage.table_versions.get(table)
            how = (f"features, version {read}",) if read is not None and wanted in (None, read) else ()
        else:
            how = _labels(lake, lineage, table, wanted) + _through(lake, lineage, table, wanted)
        if how:
            found.append((training_set, how))
    return _impact(tracker, "table", name, found, sets, unknown)


def of_patient(lake: Lake, pseudonym: str) -> Impact:
    """In which training sets an entity (a patient or a case) stands, by its pseudonym."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    tracker = Tracker(lake)
    sets, unknown = _training_sets(tracker)
    found = []
    for training_set in sets:
        rows = next(filter(None, (artefact(tracker, run, PREDICTIONS) for run in training_set.runs)), None)
        if rows is None:
            unknown = (*unknown, *(run.run_id for run in training_set.runs))
            continue
        schema = pq.read_schema(rows)
        keys = [name for name in ("patient_id", "case_id") if name in schema.names]
        columns = pq.read_table(rows, columns=keys)
        n = max((pc.sum(pc.equal(columns[key], pseudonym)).as_py() or 0 for key in keys), default=0)
        if n:
            found.append((training_set, (f"{n:,} rows" if n > 1 else "1 row",)))
    return _impact(tracker, "patient", pseudonym, found, sets, unknown)


def is_table(text: str) -> bool:
    """Whether a text is written as the name of a table."""
    return _TABLE.fullmatch(text) is not None


def _training_sets(tracker: Tracker) -> tuple[list[_TrainingSet], tuple[str, ...]]:
    """Every training set that some run used, and the runs that name none."""
    sets: dict[tuple[object, ...], list[LoggedRun]] = defaultdict(list)
    for run in _all_runs(tracker):
        pins = tuple(sorted((k, v) for k, v in run.tags.items() if k.startswith("delta.")))
        sets[run.tags.get("task"), run.tags.get("digest"), pins].append(run)
    found, unknown = [], []
    for runs in sets.values():
        path = next(filter(None, (artefact(tracker, run, FILE) for run in runs)), None)
        if path is None:
            unknown += [run.run_id for run in runs]
        else:
            found.append(_TrainingSet(tuple(runs), path))
    return found, tuple(unknown)


def _all_runs(tracker: Tracker) -> Iterator[LoggedRun]:
    """Parent runs of every task, whatever their state: one that failed had its data all the same."""
    for experiment in tracker.client.search_experiments():
        yield from tracker.parents(experiment.name)


def _impact(
    tracker: Tracker,
    kind: str,
    subject: str,
    found: Iterable[tuple[_TrainingSet, tuple[str, ...]]],
    sets: list[_TrainingSet],
    unknown: tuple[str, ...],
) -> Impact:
    models = registered(tracker)
    runs = [_touched(run, how, models) for training_set, how in found for run in training_set.runs]
    runs.sort(key=lambda run: (run.started, run.run_id), reverse=True)
    n_runs = sum(len(s.runs) for s in sets) + len(set(unknown) - {r.run_id for s in sets for r in s.runs})
    return Impact(kind, subject, tuple(runs), n_runs, len(sets), unknown)


def _touched(run: LoggedRun, how: tuple[str, ...], models: Mapping[str, tuple[Version, ...]]) -> Touched:
    return Touched(
        run_id=run.run_id,
        task=run.tags.get("task", ""),
        model=run.tags.get("model", ""),
        status=run.status.lower(),
        is_permuted=run.tags.get("is_permuted") == "true",
        started=datetime.fromtimestamp(run.start_time / 1000, UTC).isoformat(timespec="seconds"),
        how=how,
        models=models.get(run.run_id, ()),
    )


def _in_ledger(lake: Lake, given: list[str]) -> set[str]:
    from ingestion import ledger

    known = ledger.entries(lake)["file_id"].unique().to_pylist()
    return {file_id for file_id in known if file_id and file_id.startswith(tuple(given))}


def _require_table(room: str, table: str) -> None:
    from features.tables import VIEWS
    from infra.tables import TABLES

    there = VIEWS if room == "gold" else TABLES
    if table not in there:
        raise UsageError(f"There is no table {room}.{table}; expected one of {', '.join(sorted(there))}.")


def _labels(lake: Lake, lineage: Lineage, table: str, wanted: int | None) -> tuple[str, ...]:
    """Labels that were read from a silver table, at a version with the rows of the one that is asked for."""
    read = lineage.label_versions.get(table)
    if read is None or not (wanted is None or _same_rows(lake, table, read, wanted)):
        return ()
    return (f"labels, version {read}",)


def _through(lake: Lake, lineage: Lineage, table: str, wanted: int | None) -> tuple[str, ...]:
    """Features that were built from a silver table, through which gold tables.

    A gold table that no longer tells what it was built from may have used any version, and counts.
    """
    from features.tables import VIEWS

    how = []
    for view, version in sorted(lineage.table_versions.items()):
        if view not in VIEWS or table not in VIEWS[view].inputs:
            continue
        read = _built_from(lake.gold(view), version).get(table) if wanted is not None else None
        if wanted is None or read is None or _same_rows(lake, table, read, wanted):
            how.append(f"features through gold.{view}, version {version}")
    return tuple(how)


@cache
def _built_from(gold: str, version: int) -> Mapping[str, int | None]:
    try:
        told = json.loads(delta.commit_metadata(gold, version))
        return dict(told["silver"])
    except (ValueError, KeyError, TypeError):
        return {}


def _same_rows(lake: Lake, table: str, read: int, wanted: int) -> bool:
    """Compaction makes versions with the same rows: reading one was reading the other."""
    if read == wanted:
        return True
    contents = {delta.content_version(lake.silver(table), version) for version in (read, wanted)}
    return len(contents) == 1 and None not in contents
