"""The reading edge: small batches travel together, and nothing else changes."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ingestion.reading import joined


def _batches(sizes: list[int]) -> list[pa.RecordBatch]:
    numbers = iter(range(sum(sizes)))
    return [pa.record_batch({"n": pa.array([next(numbers) for _ in range(size)], pa.int64())}) for size in sizes]


def test_small_batches_are_put_together_and_large_ones_pass() -> None:
    given_ = _batches([1, 1, 1, 5, 2, 1])
    found = list(joined(given_, enough=3))
    assert [b["n"].to_pylist() for b in found] == [[0, 1, 2], [3, 4, 5, 6, 7], [8, 9, 10]]
    assert found[1] is given_[3]


@given(st.lists(st.integers(0, 9), max_size=20), st.integers(1, 12))
def test_the_records_and_their_order_are_the_same(sizes: list[int], enough: int) -> None:
    found = list(joined(_batches(sizes), enough))
    assert [n for b in found for n in b["n"].to_pylist()] == list(range(sum(sizes)))
    # What is held is bounded by `enough` and one batch of the reader.
    assert all(b.num_rows < enough + 9 for b in found)
    assert all(b.num_rows >= enough for b in found[:-1])
