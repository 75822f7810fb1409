"""A batch held against the batches before it: drift, volume, freshness. Pure functions of profiles."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Protocol

import numpy as np

from infra.checks import Severity
from quality import statistics as st
from quality.profiles import Past
from quality.profiling import Profile
from quality.sketch import Sketch, aligned, merge

ROWS_PER_FILE: Final = "volume.rows-per-file/1"
ROWS_PER_SUBJECT: Final = "volume.rows-per-subject/1"
QUARANTINED: Final = "volume.quarantined-share/1"
EVENT_AGE: Final = "freshness.newest-event-age/1"
KNOWN_AGE: Final = "freshness.newest-known-age/1"
FUTURE: Final = "freshness.future/1"
RAN: Final = "checks.ran/1"

QUARANTINED_SHARE: Final = 0.1
"""Of a batch's rows that are new; above it a declaration is wrong more often than the data."""
MIN_JUDGED: Final = 20
_DAY: Final = 86_400.0


@dataclass(frozen=True)
class BatchCheck:
    """The outcome of one check on a batch. severity: how grave it is that it fails; it never blocks a row.

    value, limit: the statistic and what it was held to, none where too little was there to compare. compared: how many
    comparisons the outcome stands for. sentence: what was found, in words, without identifiers or values.
    """

    table: str
    site_id: str
    column: str
    what: str
    definition: str
    severity: Severity
    is_passed: bool
    value: float | None
    limit: float | None
    compared: int
    sentence: str


class Written(Protocol):
    """What became of a table in a batch, as `ingestion.report.TableReport` says it; version: of Delta, afterwards."""

    @property
    def version(self) -> int: ...
    @property
    def rows_quarantined(self) -> int: ...


def quarantined_share(table: str, accepted: int, quarantined: int) -> BatchCheck | None:
    """Whether too many of a batch's rows were refused; None where there are too few to say."""
    rows = accepted + quarantined
    if rows < MIN_JUDGED:
        return None
    share = quarantined / rows
    refused = f"{quarantined:,} of {rows:,} new rows"
    said = f"{refused} went to quarantine; at most {QUARANTINED_SHARE:.0%} are expected."
    is_passed = share <= QUARANTINED_SHARE
    return BatchCheck(table, "", "", "", QUARANTINED, "warning", is_passed, share, QUARANTINED_SHARE, 1, said)


def compare(table: str, batch: Profile, profiled_at: datetime, past: Sequence[Past]) -> list[BatchCheck]:
    """Every check of a site's part of a batch against the same site's recent batches, the newest first.

    A check that passes is one outcome for all of its comparisons; one that fails is an outcome for each that does.
    """
    before = [p.profile for p in past]
    return [
        *_amounts(table, batch, before),
        *_ages(table, batch, profiled_at, past),
        *_drifts(table, batch, before),
    ]


def _amounts(table: str, batch: Profile, before: Sequence[Profile]) -> Iterable[BatchCheck]:
    ratios: dict[str, tuple[str, Callable[[Profile], float | None]]] = {
        ROWS_PER_FILE: ("rows a file", lambda p: p.rows / p.files if p.files else None),
        ROWS_PER_SUBJECT: ("rows a patient, case or sample", lambda p: p.rows / p.subjects if p.subjects else None),
    }
    for definition, (words, ratio) in ratios.items():
        value = ratio(batch)
        history = [r for p in before if (r := ratio(p))]
        if value is None:
            continue
        bounds = st.robust_bounds(history)
        if bounds is None:
            yield _unjudged(table, batch.site_id, definition, value, f"{value:,.1f} {words}", len(history))
            continue
        low, high = bounds
        is_passed = low <= value <= high
        limit = low if value < low else high
        said = f"{value:,.1f} {words}; the last {len(history)} batches lead to expect {low:,.1f} to {high:,.1f}."
        yield BatchCheck(table, batch.site_id, "", "", definition, "warning", is_passed, value, limit, 1, said)


def _ages(table: str, batch: Profile, at: datetime, past: Sequence[Past]) -> Iterable[BatchCheck]:
    newest: dict[str, tuple[str, Callable[[Profile], datetime | None]]] = {
        EVENT_AGE: ("event", lambda p: p.newest_event),
        KNOWN_AGE: ("report", lambda p: p.newest_known),
    }
    future = 0
    for definition, (words, time) in newest.items():
        age = _days(time(batch), at)
        if age is None:
            continue
        future += age < -1
        history = [1 + max(days, 0.0) for p in past if (days := _days(time(p.profile), p.profiled_at)) is not None]
        said = f"The newest {words} was {max(age, 0.0):,.1f} days old on delivery"
        bounds = st.robust_bounds(history)
        if bounds is None:
            yield _unjudged(table, batch.site_id, definition, age, said, len(history))
            continue
        # A day is added to all of them: an hour instead of a minute is no delay.
        limit = bounds[1] - 1
        said += f"; the last {len(history)} batches lead to expect at most {limit:,.1f}."
        yield BatchCheck(table, batch.site_id, "", "", definition, "warning", age <= limit, age, limit, 1, said)
    said = "Events or reports lie more than a day after their delivery." if future else "No time lies in the future."
    yield BatchCheck(table, batch.site_id, "", "", FUTURE, "warning", not future, float(future), 0.0, 1, said)


def _days(time: datetime | None, at: datetime) -> float | None:
    return None if time is None else (at - time).total_seconds() / _DAY


def _unjudged(table: str, site_id: str, definition: str, value: float, said: str, batches: int) -> BatchCheck:
    text = f"{said}; {batches} earlier batches are too few to judge it by ({st.MIN_HISTORY} are needed)."
    return BatchCheck(table, site_id, "", "", definition, "info", True, value, None, 0, text)


@dataclass(frozen=True)
class _Comparison:
    definition: Literal["drift.psi-10bins/1", "drift.psi-codes/1", "drift.ks/1"]
    column: str
    what: str
    value: float
    bins: int
    n: int
    m: int


def _drifts(table: str, batch: Profile, before: Sequence[Profile]) -> list[BatchCheck]:
    found = [*_of_numbers(batch, before), *_of_codes(batch, before)]
    # The chance of a false alarm is held for the batch: of a thousand comparisons ten would pass one in a hundred.
    alpha = st.FALSE_ALARMS / max(len(found), 1)
    outcomes = []
    for definition in (st.PSI_BINS, st.KS, st.PSI_CODES):
        own = [c for c in found if c.definition == definition]
        failed = []
        for c in own:
            is_ks = definition == st.KS
            chance = st.ks_chance(c.n, c.m, alpha) if is_ks else st.psi_chance(c.bins, c.n, c.m, alpha)
            level, limit = st.severity(definition, c.value, chance)
            if level is not None:
                failed.append(
                    BatchCheck(table, batch.site_id, c.column, c.what, definition, level, False, c.value, limit, 1,
                               _told(c, limit, len(before)))
                )  # fmt: skip
        outcomes += sorted(failed, key=lambda f: -(f.value or 0))
        if own and not failed:
            said = f"{len(own)} distributions are those of the last {len(before)} batches."
            outcomes.append(
                BatchCheck(table, batch.site_id, "", "", definition, "info", True, max(c.value for c in own), None,
                           len(own), said)
            )  # fmt: skip
    return outcomes


def _told(c: _Comparison, limit: float, batches: int) -> str:
    name = "KS distance" if c.definition == st.KS else "PSI"
    of = f" of {c.what}" if c.what else ""
    return (
        f"{c.column}{of} differs from the last {batches} batches: {name} {c.value:.2f}, at most {limit:.2f} expected "
        f"({c.n:,} patients, cases or samples against {c.m:,})."
    )


def _of_numbers(batch: Profile, before: Sequence[Profile]) -> Iterable[_Comparison]:
    for (column, what, unit), sketch in batch.numbers.items():
        parts = [p.numbers[column, what, unit] for p in before if (column, what, unit) in p.numbers]
        reference = merge(parts)
        if not _is_enough(sketch, reference, len(parts)):
            continue
        keys, expected, actual = aligned(reference, sketch)
        n, m = min(sketch.n, sketch.subjects), min(reference.n, reference.subjects)
        named = f"{what} [{unit}]" if what and unit else what
        bins = st.decile_bins(keys, expected)
        size = int(bins.max()) + 1
        e, a = (np.bincount(bins, weights=c, minlength=size) for c in (expected, actual))
        yield _Comparison("drift.psi-10bins/1", column, named, st.psi(e, a), size, n, m)
        yield _Comparison("drift.ks/1", column, named, st.ks(expected, actual), 0, n, m)


def _is_enough(sketch: Sketch, reference: Sketch, batches: int) -> bool:
    is_batch = sketch.n >= st.MIN_ROWS and sketch.subjects >= st.MIN_SUBJECTS
    return is_batch and reference.n >= st.MIN_REFERENCE_ROWS and batches >= st.MIN_REFERENCE_BATCHES


def _of_codes(batch: Profile, before: Sequence[Profile]) -> Iterable[_Comparison]:
    for column, counts in batch.codes.items():
        parts = [p for p in before if column in p.codes]
        reference: dict[str, int] = {}
        for p in parts:
            for code, n in p.codes[column].items():
                reference[code] = reference.get(code, 0) + n
        rows = sum(reference.values())
        codes = sorted({*counts, *reference})
        if rows < st.MIN_REFERENCE_ROWS or len(parts) < st.MIN_REFERENCE_BATCHES or len(codes) < 2:
            continue
        e, a = (np.asarray([c.get(code, 0) for code in codes], np.int64) for c in (reference, counts))
        n, m = min(sum(counts.values()), batch.subjects), min(rows, sum(p.subjects for p in parts))
        yield _Comparison("drift.psi-codes/1", column, "", st.psi(e, a), len(codes), n, m)
