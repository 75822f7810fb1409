"""The reading edge: small batches travel together, and nothing else changes."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.pseudonyms import Pseudonymiser
from infra.settings import Site
from ingestion.reading import FileKey, Reading, RecordSum, joined, reader
from ingestion.sources.vitals.raw import VITAL_VALUE
from tests.ingestion.lakes import SETTINGS, wide


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


class Told(dict[FileKey, Reading]):
    """What an accumulator is told."""

    def add(self, readings: dict[FileKey, Reading]) -> None:
        self.update(readings)


def test_a_file_that_cannot_be_given_pseudonyms_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files get their pseudonyms together; whatever fails on one of them is told of that one."""
    of = Pseudonymiser.identifiers

    def fails_on_one(self: Pseudonymiser, site_id: str, values: Any) -> Any:
        if "op2" in values.to_pylist():
            raise RuntimeError("op2 cannot be read")
        return of(self, site_id, values)

    monkeypatch.setattr(Pseudonymiser, "identifiers", fails_on_one)
    row = "2024-03-25T10:00:00Z,70,80"
    for case in ("op1", "op2", "op3"):
        (tmp_path / f"{case}.csv").write_text(wide(case, row))
    files: list[dict[str, Any]] = [
        {"path": str(tmp_path / f"{case}.csv"), "companions": [], "file_id": case, "site_id": "paris",
         "format": "vitals_wide_csv"}
        for case in ("op1", "op2", "op3")
    ]  # fmt: skip
    told: Any = Told()
    read = reader("vitals", VITAL_VALUE, {"paris": Site(site_id="paris")}, SETTINGS.pseudonymiser, told)
    found = list(read([pa.RecordBatch.from_pylist(files)]))
    assert [file for batch in found for file in batch["file_id"].to_pylist()] == ["op1"] * 2 + ["op3"] * 2
    assert told["op2", "paris"] == Reading(
        RecordSum(), "The vitals_wide_csv reader failed (RuntimeError); this is a defect of oncolake."
    )
    assert [told[case, "paris"].records.n for case in ("op1", "op3")] == [2, 2]
