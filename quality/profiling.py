"""What a batch brought to a table, summarised by site, column and what was measured; read from its data files alone.

The files that the batch's commits added are read again, batchwise, in the few columns that are profiled, without Spark
(docs/adr/0013): a batch of ten rows starts no job, and one of millions holds no more than its sketches in memory.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pa_fs

from infra.checks import NotNull, OneOf
from infra.table import Table
from quality.scanning import ROWS_AT_ONCE, coded_batches, codes, is_text, micros
from quality.sketch import Sketch, bucket_keys, merge
from quality.statistics import MIN_ROWS, MIN_SUBJECTS

OTHER: Final = "(other)"
"""A code that is not on the declared list: its text stays where it is."""
MISSING: Final = "(missing)"
MEASURED: Final = ("value", "dose")
"""The column of a long table that holds the number, whose meaning stands beside it."""
WHAT: Final = ("signal", "analyte", "measure", "marker", "kind", "definition")
"""The column that says what a row measures."""
SUBJECT: Final = ("patient_id", "case_id", "sample_id")

MOST_GROUPS: Final = 8192
"""Things measured in a batch, by site and unit, that are profiled: more than any panel has, and a bound to memory."""

Codes = npt.NDArray[np.int64]
Group = tuple[str, str, str]
"""Site, what was measured, and its unit; the last two empty where the table is not told apart by them."""


@dataclass(frozen=True)
class Plan:
    """What of a table is profiled; derived from its declaration.

    numbers: numeric columns. codes: by column its declared codes, with OTHER and MISSING. only: column and value that a
    row must have for its numbers to count (a standard's concentration says nothing about patients).
    """

    numbers: tuple[str, ...]
    codes: Mapping[str, tuple[str, ...]]
    subject: str | None
    what: str | None = None
    unit: str | None = None
    only: tuple[str, str] | None = None

    @property
    def columns(self) -> list[str]:
        texts = (self.subject, self.what, self.unit, self.only[0] if self.only else None)
        fixed = ("site_id", "file_id", "batch_id", "event_time", "known_time")
        return list(dict.fromkeys([*(t for t in texts if t), *self.numbers, *self.codes, *fixed]))


def plan(table: Table) -> Plan:
    """A long table has one number, told apart by what it measures and its unit; a wide one has a number a column.

    Left out are parts of the key, positions (bigint) and the declared reporting delay, which no patient influences.
    """
    columns = {c.name: c for c in table.columns}
    long = next((name for name in MEASURED if name in columns), None)
    numbers = [
        c.name
        for c in table.columns
        if c.type in ("double", "int") and c.name not in table.key and c.name != "reporting_delay_days"
    ]
    lists = {}
    for c in table.columns:
        declared = next((k.values for k in c.checks if isinstance(k, OneOf)), None)
        if c.type == "string" and declared:
            lists[c.name] = (*declared, OTHER, MISSING)
    present = [s for s in SUBJECT if s in columns]
    given = [s for s in present if any(isinstance(k, NotNull) and not k.where for k in columns[s].checks)]
    return Plan(
        numbers=(long,) if long else tuple(numbers),
        codes=lists,
        subject=next(iter([*given, *present]), None),
        what=next((w for w in WHAT if w in columns), None),
        unit="unit" if "unit" in columns else None,
        only=("sample_type", "unknown") if "sample_type" in columns else None,
    )


@dataclass(frozen=True)
class Profile:
    """A site's part of a batch in one table.

    newest_event, newest_known: the latest times that any of its rows has. numbers: by column, what was measured and
    unit, the distribution; codes: by column, rows by declared code. Neither holds fewer than MIN_ROWS rows of
    MIN_SUBJECTS subjects.
    """

    site_id: str
    rows: int
    files: int
    subjects: int
    newest_event: datetime | None
    newest_known: datetime | None
    numbers: Mapping[tuple[str, str, str], Sketch] = field(default_factory=dict)
    codes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def profile(files: pa_fs.FileSystem, names: Iterable[str], batch_id: str, table: Table) -> list[Profile]:
    """The profiles of a batch's rows in these data files, by site. Memory grows with subjects and groups, not rows."""
    summary = _Summary(plan(table))
    for name in names:
        for part in _parts(files, name, summary.plan.columns, batch_id):
            summary.add(part)
    return summary.profiles()


def _parts(files: pa_fs.FileSystem, name: str, wanted: Sequence[str], batch_id: str) -> Iterator[pa.RecordBatch]:
    for part in coded_batches(files, name, wanted):
        is_own = is_text(part["batch_id"], batch_id)
        yield part if is_own.all() else part.filter(pa.array(is_own))


class _Names:
    """Texts to numbers, the same in every part: 0 is no text."""

    def __init__(self) -> None:
        self._numbers: dict[str | None, int] = {None: 0}

    def of(self, part: pa.RecordBatch, column: str | None) -> Codes:
        if column is None or column not in part.schema.names:
            return np.zeros(part.num_rows, np.int64)
        coded = part[column]
        numbers = [self._numbers.setdefault(text, len(self._numbers)) for text in coded.dictionary.to_pylist()]
        found: Codes = np.asarray([*numbers, 0], np.int64)[codes(coded)]
        return found

    def __len__(self) -> int:
        return len(self._numbers)

    def texts(self) -> list[str]:
        return [text or "" for text in self._numbers]


class _Pairs:
    """Which pairs of two small numbers occurred; answers how many partners each first number has."""

    def __init__(self) -> None:
        self._seen = np.zeros((0, 0), bool)

    def add(self, first: Codes, second: Codes, sizes: tuple[int, int]) -> None:
        if self._seen.shape[0] < sizes[0] or self._seen.shape[1] < sizes[1]:
            # Room for more of what grew: the table is copied seldom.
            rows, columns = (
                have if have >= need else need + need // 2 for have, need in zip(self._seen.shape, sizes, strict=True)
            )
            grown = np.zeros((rows, columns), bool)
            grown[: self._seen.shape[0], : self._seen.shape[1]] = self._seen
            self._seen = grown
        self._seen[first, second] = True

    def partners(self, first: int) -> int:
        # Number 0 is nobody.
        return int(self._seen[first, 1:].sum()) if first < len(self._seen) else 0


class _Summary:
    """What was seen so far of a batch."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._sites, self._whats, self._units = _Names(), _Names(), _Names()
        self._subjects, self._files = _Names(), _Names()
        self._groups: dict[tuple[int, int, int], int] = {}
        self._of_group, self._of_site, self._files_of_site = _Pairs(), _Pairs(), _Pairs()
        self._rows: Codes = np.zeros(0, np.int64)
        self._newest: dict[str, dict[int, int]] = {"event_time": {}, "known_time": {}}
        self._codes: dict[str, Codes] = {}
        self._sketches: dict[tuple[str, int], list[Sketch]] = {}

    def add(self, part: pa.RecordBatch) -> None:
        if not part.num_rows:
            return
        site = self._sites.of(part, "site_id")
        subject = self._subjects.of(part, self.plan.subject)
        self._rows = _summed(self._rows, np.bincount(site, minlength=len(self._sites)))
        self._of_site.add(site, subject, (len(self._sites), len(self._subjects)))
        file = self._files.of(part, "file_id")
        self._files_of_site.add(site, file, (len(self._sites), len(self._files)))
        for column, newest in self._newest.items():
            times = micros(part[column])
            for number in range(len(self._sites)):
                is_site = site == number
                top = pc.max(times if is_site.all() else times.filter(pa.array(is_site))).as_py()
                if top is not None:
                    newest[number] = max(top, newest.get(number, top))
        for column, declared in self.plan.codes.items():
            if column in part.schema.names:
                self._count_codes(part[column], column, declared, site)
        self._count_numbers(part, site, subject)

    def _count_codes(self, coded: pa.DictionaryArray, column: str, declared: Sequence[str], site: Codes) -> None:
        place = {code: i for i, code in enumerate(declared)}
        numbers = [place.get(text, place[OTHER]) for text in coded.dictionary.to_pylist()]
        code = np.asarray([*numbers, place[MISSING]], np.int64)[codes(coded)]
        counts = np.bincount(site * len(declared) + code, minlength=len(self._sites) * len(declared))
        self._codes[column] = _summed(self._codes.get(column, np.zeros(0, np.int64)), counts)

    def _count_numbers(self, part: pa.RecordBatch, site: Codes, subject: Codes) -> None:
        what, unit = self._whats.of(part, self.plan.what), self._units.of(part, self.plan.unit)
        sizes = len(self._sites), len(self._whats), len(self._units)
        dense = np.ravel_multi_index((site, what, unit), sizes)
        present = np.flatnonzero(np.bincount(dense, minlength=int(np.prod(sizes))))
        numbers = np.zeros(int(np.prod(sizes)), np.int64)
        for place in present:
            s, w, u = (int(i) for i in np.unravel_index(place, sizes))
            number = self._groups.get((s, w, u), len(self._groups))
            if number < MOST_GROUPS:
                self._groups[s, w, u] = number
            numbers[place] = number
        group = numbers[dense]
        counts = np.ones(part.num_rows, bool)
        if self.plan.only and self.plan.only[0] in part.schema.names:
            counts = is_text(part[self.plan.only[0]], self.plan.only[1])
        for column in self.plan.numbers:
            if column not in part.schema.names:
                continue
            values = part[column].cast(pa.float64()).to_numpy(zero_copy_only=False)
            use = counts & np.isfinite(values) & (group < MOST_GROUPS)
            if use.any():
                own = group[use]
                self._of_group.add(own, subject[use], (len(self._groups), len(self._subjects)))
                self._sketch(column, own, bucket_keys(values[use]))

    def _sketch(self, column: str, group: Codes, keys: npt.NDArray[np.int32]) -> None:
        for number, found, counts in _tallied(group, keys):
            parts = self._sketches.setdefault((column, number), [])
            parts.append(Sketch(found, counts, 0))
            if len(parts) > 8:
                parts[:] = [merge(parts)]

    def profiles(self) -> list[Profile]:
        """By site, in the order of their names."""
        sites, whats, units = self._sites.texts(), self._whats.texts(), self._units.texts()
        groups = {number: key for key, number in self._groups.items()}
        found = []
        for s in sorted(range(len(sites)), key=lambda i: sites[i]):
            rows = int(self._rows[s]) if s < len(self._rows) else 0
            if not rows:
                continue
            subjects = self._of_site.partners(s)
            numbers = {}
            for (column, number), parts in self._sketches.items():
                at, what, unit = groups[number]
                whole = merge(parts)
                whom = self._of_group.partners(number)
                if at == s and whole.n >= MIN_ROWS and whom >= MIN_SUBJECTS:
                    numbers[column, whats[what], units[unit]] = Sketch(whole.keys, whole.counts, whom)
            by_code = {}
            if rows >= MIN_ROWS and subjects >= MIN_SUBJECTS:
                for column, declared in self.plan.codes.items():
                    if column in self._codes:
                        of_site = self._codes[column][s * len(declared) : (s + 1) * len(declared)]
                        by_code[column] = {code: int(n) for code, n in zip(declared, of_site, strict=True) if n}
            found.append(
                Profile(
                    sites[s], rows, self._files_of_site.partners(s), subjects, self._time("event_time", s),
                    self._time("known_time", s), dict(sorted(numbers.items())), by_code,
                )
            )  # fmt: skip
        return found

    def _time(self, column: str, site: int) -> datetime | None:
        micros = self._newest[column].get(site)
        return None if micros is None else pa.scalar(micros, pa.timestamp("us", tz="UTC")).as_py().astimezone(UTC)


def _summed(total: Codes, more: Codes) -> Codes:
    size = max(len(total), len(more))
    return np.pad(total, (0, size - len(total))) + np.pad(more, (0, size - len(more)))


def _tallied(group: Codes, keys: npt.NDArray[np.int32]) -> Iterator[tuple[int, npt.NDArray[np.int32], Codes]]:
    """By group: its buckets, ascending, and the rows in each."""
    low, width = int(keys.min()), int(keys.max()) - int(keys.min()) + 1
    cells = (int(group.max()) + 1) * width
    place = group * width + (keys - low)
    if cells <= 8 * ROWS_AT_ONCE:
        table = np.bincount(place, minlength=cells)
        filled = np.flatnonzero(table)
        counts = table[filled]
    else:
        filled, counts = np.unique(place, return_counts=True)
    of_group = filled // width
    starts = np.flatnonzero(np.diff(of_group, prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(filled)], strict=True):
        yield int(of_group[start]), (filled[start:end] % width + low).astype(np.int32), counts[start:end]
