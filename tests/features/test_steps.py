"""The arithmetic of the join where times and keys are too many or too far apart for the short ways."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.asof.join import as_of_rows
from features.asof.key_codes import key_codes
from features.asof.steps import steps_of

TIME = pa.timestamp("us", tz="UTC")
FAR = 2**57
"""Microseconds; 4,500 years. With a hundred keys, a key and a time do not fit into one number."""


def expected(
    codes: list[int], event: list[int], known: list[int], label: int, at: int, ttl: int | None
) -> tuple[int, int] | None:
    """(event, known) by trying every row."""
    seen = [
        (e, k) for c, e, k in zip(codes, event, known, strict=True) if c == label and label >= 0 and max(e, k) <= at
    ]
    best = max(seen, default=None)
    return None if best is None or (ttl is not None and best[0] < at - ttl) else best


@settings(max_examples=400)
@given(
    seed=st.integers(0, 2**32),
    n_keys=st.sampled_from([1, 3, 200]),
    n=st.integers(0, 400),
    reach=st.sampled_from([5, 1_000, FAR]),
    unit=st.sampled_from([1, 1_000_000]),
    layout=st.sampled_from(["any", "sorted", "two files"]),
    ttl=st.sampled_from([None, 3, FAR // 8]),
)
def test_steps_equal_trying_every_row(
    seed: int, n_keys: int, n: int, reach: int, unit: int, layout: str, ttl: int | None
) -> None:
    random = np.random.default_rng(seed)
    codes = random.integers(-1, n_keys, n).astype(np.int32)
    event = random.integers(-reach, reach + 1, n) // unit * unit
    known = np.where(random.random(n) < 0.5, event, random.integers(-reach, reach + 1, n) // unit * unit)
    if layout != "any":
        halves = [slice(0, n)] if layout == "sorted" else [slice(0, n // 2), slice(n // 2, n)]
        order = np.concatenate([np.lexsort((known[h], codes[h])) + h.start for h in halves])
        codes, event, known = codes[order], event[order], known[order]
    labels = random.integers(-1, n_keys, 60).astype(np.int32)
    at = random.choice(np.append(np.concatenate([event, known]), 0), 60) + random.integers(-1, 2, 60)
    steps = steps_of(codes, n_keys, event, known, None, known_only=True)
    chosen = steps.chosen(labels, at, ttl)
    got = [None if c < 0 else (int(event[steps.row[c]]), int(known[steps.row[c]])) for c in chosen]
    assert got == [
        expected(codes.tolist(), event.tolist(), known.tolist(), label, t, ttl)
        for label, t in zip(labels.tolist(), at.tolist(), strict=True)
    ]


@settings(max_examples=200)
@given(
    left=st.lists(st.tuples(st.integers(0, 3) | st.none(), st.sampled_from(["1", "11", "", None])), max_size=30),
    right=st.lists(st.tuples(st.integers(0, 3) | st.none(), st.sampled_from(["1", "11", "", None])), max_size=30),
    n_chunks=st.integers(1, 3),
    as_dictionary=st.booleans(),
)
def test_codes_are_equal_exactly_where_all_keys_are(
    left: list[tuple[int | None, str | None]],
    right: list[tuple[int | None, str | None]],
    n_chunks: int,
    as_dictionary: bool,
) -> None:
    def columns(rows: list[tuple[int | None, str | None]], coded: bool) -> list[pa.ChunkedArray]:
        numbers = pa.chunked_array([pa.array([r[0] for r in rows], pa.int64())])
        size = max(1, -(-len(rows) // n_chunks))
        parts = [pa.array([r[1] for r in rows[i : i + size]], pa.string()) for i in range(0, max(1, len(rows)), size)]
        return [numbers, pa.chunked_array([p.dictionary_encode() if coded else p for p in parts])]

    codes = key_codes(columns(left, False), columns(right, as_dictionary), ["x", "y"], (len(left), len(right)))
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            same = a == b and None not in a
            assert (codes.labels[i] >= 0 and codes.labels[i] == codes.history[j]) == same
    assert codes.labels.max(initial=-1) < max(codes.n, 1)


def test_many_pairs_of_keys_are_found_by_search(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    n = 2_000
    history = pa.table(
        {
            "x": random.integers(0, 40, n),
            "y": pa.array([f"y{i}" for i in random.integers(0, 40, n)]),
            "event": pa.array(random.integers(0, 100, n), TIME),
            "value": np.arange(n),
        }
    )
    labels = history.slice(0, 500).append_column("t", history["event"].slice(0, 500))
    options = {"keys": ["x", "y"], "label_time": "t", "event_time": "event", "known_time": None, "known_only": False}
    by_table = as_of_rows(labels, history, **options)
    monkeypatch.setattr("features.asof.key_codes._TABLE_CELLS", 0)
    assert as_of_rows(labels, history, **options).equals(by_table)
    assert by_table.null_count == 0


def test_views_without_a_key_are_one_history() -> None:
    history = pa.table({"event": pa.array([1, 5, 9], TIME)})
    labels = pa.table({"t": pa.array([0, 1, 8, 9], TIME)})
    rows = as_of_rows(labels, history, keys=[], label_time="t", event_time="event", known_time=None, known_only=False)
    assert rows.to_pylist() == [None, 0, 1, 2]


def test_twins_are_told_apart_as_sql_orders_values() -> None:
    nan = float("nan")
    for values in (
        [None, 9.0, 10.0, nan],
        [None, "", "a", "é"],
        [None, False, True],
        [None, [], [None], [1], [1, 2], [2]],
    ):
        for order in (values, values[::-1]):
            n = len(order)
            history = pa.table({"k": ["a"] * n, "event": pa.array([1] * n, TIME), "value": pa.array(order)})
            labels = pa.table({"k": ["a"], "t": pa.array([2], TIME)})
            rows = as_of_rows(
                labels, history, keys=["k"], label_time="t", event_time="event", known_time=None, known_only=False
            )
            assert repr(history["value"].take(rows).to_pylist()) == repr(values[-1:])
