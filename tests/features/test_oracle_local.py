"""The local as-of join against the oracle, on thousands of generated cases."""

from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.asof.join import as_of_join
from tests.features.oracle import CASES, Case, Fact, Label, seen

pytestmark = pytest.mark.slow

HOUR = 3_600_000_000
"""An instant of the oracle in microseconds."""


def labels_of(labels: tuple[Label, ...], time: pa.DataType, scale: int) -> pa.Table:
    return pa.table(
        {
            "x": pa.array([label.key[0] for label in labels], pa.string()),
            "y": pa.array([label.key[1] for label in labels], pa.string()),
            "t": pa.array([None if label.at is None else label.at * scale for label in labels], pa.int64()).cast(time),
        }
    )


def history_of(facts: tuple[Fact, ...], time: pa.DataType, scale: int) -> pa.Table:
    def times(instants: list[int | None]) -> pa.Array:
        return pa.array([None if i is None else i * scale for i in instants], pa.int64()).cast(time)

    return pa.table(
        {
            "value": pa.array([fact.value for fact in facts], pa.int64()),
            "y": pa.array([fact.key[1] for fact in facts], pa.string()),
            "known_time": times([fact.known for fact in facts]),
            "event_time": times([fact.event for fact in facts]),
            "x": pa.array([fact.key[0] for fact in facts], pa.string()),
        }
    )


def joined(labels: pa.Table, history: pa.Table, **options: object) -> list[int | None]:
    answer = as_of_join(
        labels,
        history,
        keys=["x", "y"],
        label_time="t",
        event_time="event_time",
        known_time="known_time",
        **options,  # type: ignore[arg-type]
    )
    values: list[int | None] = answer["value"].to_pylist()
    return values


@settings(max_examples=2_000)
@given(
    case=CASES,
    ttl=st.one_of(st.none(), st.integers(0, 8)),
    known_only=st.booleans(),
    zone=st.sampled_from(["UTC", "Europe/Paris", "America/St_Johns"]),
    unit=st.sampled_from(["us", "ms", "s"]),
)
def test_every_label_sees_what_the_oracle_says(
    case: Case, ttl: int | None, known_only: bool, zone: str, unit: str
) -> None:
    expected = [seen(case.facts, label, ttl=ttl, known_only=known_only) for label in case.labels]
    scale = HOUR // {"us": 1, "ms": 1_000, "s": 1_000_000}[unit]
    labels = labels_of(case.labels, pa.timestamp(unit, tz=zone), scale)
    history = history_of(case.facts, pa.timestamp("us", tz="UTC"), HOUR)
    found = joined(
        labels, history, ttl=None if ttl is None else timedelta(microseconds=ttl * HOUR), known_only=known_only
    )
    assert found == expected


@settings(max_examples=500)
@given(case=CASES, scale=st.sampled_from([1, 300, 999, 1_000, 1_001]), known_only=st.booleans())
def test_nanoseconds_are_rounded_so_that_nothing_is_seen_early(case: Case, scale: int, known_only: bool) -> None:
    def up(instant: int | None) -> int | None:
        return None if instant is None else -(-instant * scale // 1_000)

    def down(instant: int | None) -> int | None:
        return None if instant is None else instant * scale // 1_000

    facts = tuple(Fact(f.key, up(f.event), up(f.known), f.value) for f in case.facts)
    expected = [seen(facts, Label(label.key, down(label.at)), known_only=known_only) for label in case.labels]
    nanoseconds = pa.timestamp("ns", tz="UTC")
    labels, history = labels_of(case.labels, nanoseconds, scale), history_of(case.facts, nanoseconds, scale)
    assert joined(labels, history, known_only=known_only) == expected
