"""The as-of join against worked examples, and against an oracle that is too slow to be wrong."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.asof.join import as_of_join, latest_rows, microseconds
from infra.errors import UsageError

TIME = pa.timestamp("us", tz="UTC")
DAY = timedelta(days=1)


def day(n: float) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + n * DAY


def labels(*rows: tuple[str | None, float | None]) -> pa.Table:
    return pa.table(
        {
            "patient_id": pa.array([k for k, _ in rows], pa.string()),
            "t": pa.array([None if t is None else day(t) for _, t in rows], TIME),
        }
    )


def history(*rows: tuple[str | None, float | None, float | None, object]) -> pa.Table:
    """Rows of (patient, event day, known day, value)."""
    return pa.table(
        {
            "patient_id": pa.array([r[0] for r in rows], pa.string()),
            "event_time": pa.array([None if r[1] is None else day(r[1]) for r in rows], TIME),
            "known_time": pa.array([None if r[2] is None else day(r[2]) for r in rows], TIME),
            "value": pa.array([r[3] for r in rows]),
        }
    )


def values(left: pa.Table, right: pa.Table, **options: object) -> list[object]:
    joined = as_of_join(
        left, right, keys=["patient_id"], label_time="t", event_time="event_time", known_time="known_time", **options
    )  # type: ignore[arg-type]
    assert joined.num_rows == left.num_rows
    assert joined.schema == right.schema
    return joined["value"].to_pylist()


FACTS = history(
    ("a", 0, 0, "first"),
    ("a", 5, 20, "late report"),  # drawn on day 5, reported on day 20
    ("a", 10, 10, "second"),
    ("a", 10, 12, "second, corrected"),
    ("b", 3, 3, "b"),
)


@pytest.mark.parametrize(
    ("t", "expected"),
    [
        (-1, None),
        (0, "first"),  # usable at the very instant at which it is known
        (7, "first"),  # the late report is not known yet
        (10, "second"),
        (11.99, "second"),
        (12, "second, corrected"),
        (20, "second, corrected"),  # the late report is about an earlier event: it never wins again
        (99, "second, corrected"),
    ],
)
def test_uses_the_latest_event_that_was_known(t: float, expected: str | None) -> None:
    assert values(labels(("a", t)), FACTS) == [expected]


def test_without_known_only_it_would_look_ahead() -> None:
    assert values(labels(("a", 7)), FACTS, known_only=False) == ["late report"]
    assert values(labels(("a", 7)), FACTS) == ["first"]


def test_one_row_a_label_in_label_order_with_duplicates_and_strangers() -> None:
    rows = labels(("b", 9), ("a", 1), ("nobody", 9), ("b", 9), (None, 9), ("a", None), ("a", 1))
    assert values(rows, FACTS) == ["b", "first", None, "b", None, None, "first"]


def test_time_to_live_is_counted_from_the_event_and_ends_inclusively() -> None:
    assert values(labels(("b", 5), ("b", 5.001)), FACTS, ttl=2 * DAY) == ["b", None]


def test_a_row_too_old_is_not_replaced_by_an_older_one() -> None:
    facts = history(("a", 0, 30, "old, known late"), ("a", 2, 2, "newer"))
    assert values(labels(("a", 31)), facts, ttl=10 * DAY) == [None]


def test_rows_without_key_event_or_known_time_are_never_used() -> None:
    facts = history((None, 0, 0, "no key"), ("a", None, 0, "no event"), ("a", 1, None, "never known"))
    assert values(labels(("a", 9), (None, 9)), facts) == [None, None]
    assert values(labels(("a", 9)), facts, known_only=False) == ["never known"]


def test_a_value_known_before_its_event_waits_for_the_event() -> None:
    facts = history(("a", 10, 2, "planned"), ("a", 1, 1, "now"))
    assert values(labels(("a", 5), ("a", 10)), facts) == ["now", "planned"]


def test_an_empty_history_and_no_labels() -> None:
    assert values(labels(("a", 1)), FACTS.slice(0, 0)) == [None]
    assert values(labels(), FACTS) == []


def test_composite_keys_never_run_together() -> None:
    facts = pa.table(
        {
            "x": ["1", "11"],
            "y": ["11", "1"],
            "event_time": pa.array([day(0)] * 2, TIME),
            "known_time": pa.array([day(0)] * 2, TIME),
            "value": ["1|11", "11|1"],
        }
    )
    probes = pa.table({"x": ["11", "1"], "y": ["1", "11"], "t": pa.array([day(1)] * 2, TIME)})
    joined = as_of_join(
        probes, facts, keys=["x", "y"], label_time="t", event_time="event_time", known_time="known_time"
    )
    assert joined["value"].to_pylist() == ["11|1", "1|11"]


def test_the_zone_of_a_label_does_not_matter() -> None:
    paris = day(12).astimezone(ZoneInfo("Europe/Paris"))
    probes = pa.table({"patient_id": ["a"], "t": pa.array([paris], pa.timestamp("ns", tz="Europe/Paris"))})
    assert values(probes, FACTS) == ["second, corrected"]


def test_years_past_2262_survive() -> None:
    far = pa.array([datetime(2896, 1, 1, tzinfo=UTC)], TIME)
    facts = pa.table({"patient_id": ["a"], "event_time": far, "known_time": far, "value": [1.0]})
    assert values(pa.table({"patient_id": ["a"], "t": far}), facts) == [1.0]


def test_nanoseconds_are_rounded_so_that_nothing_is_seen_early() -> None:
    column = pa.chunked_array([pa.array([-1_001, -1_000, -1, 0, 1, 999, 1_000, 1_001], pa.timestamp("ns", tz="UTC"))])
    assert microseconds(column, "t", round_up=False).to_pylist() == [-2, -1, -1, 0, 0, 0, 1, 1]
    assert microseconds(column, "t", round_up=True).to_pylist() == [-1, -1, 0, 0, 1, 1, 1, 2]


def test_what_cannot_be_compared_is_refused_in_one_sentence() -> None:
    naive = pa.table({"patient_id": ["a"], "t": pa.array([datetime(2026, 1, 1)], pa.timestamp("us"))})
    with pytest.raises(UsageError, match="no time zone"):
        values(naive, FACTS)
    with pytest.raises(UsageError, match="no column t"):
        values(naive.drop_columns(["t"]), FACTS)
    with pytest.raises(UsageError, match="expected timestamps"):
        values(pa.table({"patient_id": ["a"], "t": [1]}), FACTS)
    with pytest.raises(UsageError, match="known_only=False"):
        as_of_join(
            labels(("a", 1)), FACTS, keys=["patient_id"], label_time="t", event_time="event_time", known_time=None
        )


def test_latest_rows_is_the_join_with_every_key_asked_now() -> None:
    at = pa.scalar(day(11), TIME)
    latest = latest_rows(FACTS, keys=["patient_id"], event_time="event_time", known_time="known_time", at=at)
    assert sorted(latest["value"].to_pylist()) == ["b", "second"]


Row = tuple[str | None, int | None, int | None, int]


def oracle(rows: list[Row], key: str | None, t: int | None, ttl: int | None, known_only: bool) -> int | None:
    """The rule as DESIGN.md states it, by trying every row."""
    best: tuple[int, int, str] | None = None
    value = None
    for row_key, event, known, payload in rows:
        if key is None or t is None or row_key != key or event is None or event > t:
            continue
        if known_only and (known is None or known > t):
            continue
        rank = (event, -10_000 if known is None else known, repr((payload,)))
        if best is None or rank > best:
            best, value = rank, payload
    if best is None or t is None or (ttl is not None and best[0] < t - ttl):
        return None
    return value


INSTANT = st.one_of(st.integers(-6, 12), st.integers(-6, 12), st.none())
KEY = st.one_of(st.sampled_from(["a", "b", "c"]), st.sampled_from(["a", "b"]), st.none())
HISTORY = st.lists(st.tuples(KEY, INSTANT, INSTANT, st.integers(0, 5)), max_size=40)
LABELS = st.lists(st.tuples(KEY, INSTANT), max_size=20)


@settings(max_examples=1500)
@given(
    rows=HISTORY,
    probes=LABELS,
    ttl=st.one_of(st.none(), st.integers(0, 8)),
    known_only=st.booleans(),
    order=st.randoms(use_true_random=False),
)
def test_equals_the_oracle(
    rows: list[Row], probes: list[tuple[str | None, int | None]], ttl: int | None, known_only: bool, order: object
) -> None:
    expected = [oracle(rows, key, t, ttl, known_only) for key, t in probes]
    shuffled = list(rows)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    facts = history(*shuffled).cast(history(("a", 0, 0, 0)).schema)
    got = values(labels(*probes), facts, ttl=None if ttl is None else ttl * DAY, known_only=known_only)
    assert got == expected
