"""The ledger: what it says is done, and each verdict once."""

from dataclasses import replace
from pathlib import Path

import pytest

from infra.lake import Lake
from ingestion import ledger
from ingestion.ledger import Entry
from ingestion.status import lake_status

ENTRY = Entry(
    file_id="f1", masked_name="abc.csv", source="vitals", format="vitals_wide_csv", reader_version=1, site_id="paris",
    size_bytes=10, status="ingested", reason=None, rows_in=5, accepted=3, quarantined=1, duplicates=1, warnings=0,
    batch_id="b1",
)  # fmt: skip
REJECTED = replace(ENTRY, status="rejected", reason="The file is empty.", rows_in=0, accepted=0, quarantined=0,
                   duplicates=0)  # fmt: skip
ABSENT = replace(REJECTED, file_id=None, reason="There is no such file.")


def n_rows(lake: Lake) -> int:
    return int(ledger.entries(lake).num_rows)


def test_an_empty_lake_has_an_empty_ledger(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path / "lake")
    assert ledger.entries(lake).schema == ledger.SCHEMA
    assert ledger.ingested(lake, "vitals") == set()
    ledger.record(lake, [])
    assert not (tmp_path / "lake" / "bronze").exists()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([ENTRY, ENTRY], 1),  # the same verdict
        ([ENTRY, replace(ENTRY, batch_id="b2")], 1),  # again in another batch
        ([ENTRY, replace(ENTRY, masked_name="copy.csv")], 1),  # the same content under another name
        ([ENTRY, replace(ENTRY, site_id="lyon")], 2),
        ([ENTRY, replace(ENTRY, source="clinical")], 2),
        ([REJECTED, ENTRY], 2),  # refused first, ingested once the site was declared
        ([REJECTED, replace(REJECTED, reason="Dates can be read two ways.")], 2),
        ([ABSENT, ABSENT], 1),
        ([ABSENT, replace(ABSENT, masked_name="other.csv")], 2),  # no content to tell them apart: the name does
    ],
)
def test_a_verdict_is_written_once(rows: list[Entry], expected: int, tmp_path: Path) -> None:
    one_by_one = Lake.at(tmp_path / "one")
    for row in rows:
        ledger.record(one_by_one, [row])
    at_once = Lake.at(tmp_path / "all")
    ledger.record(at_once, rows)
    assert (n_rows(one_by_one), n_rows(at_once)) == (expected, expected)


def test_done_is_what_was_ingested_by_source_and_site(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    ledger.record(lake, [ENTRY, replace(ENTRY, site_id="lyon"), replace(REJECTED, file_id="f2")])
    assert ledger.ingested(lake, "vitals") == {("f1", "paris"), ("f1", "lyon")}
    assert ledger.ingested(lake, "clinical") == set()


def test_status_sums_a_batch(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    ledger.record(lake, [ENTRY, replace(ENTRY, file_id="f2"), replace(REJECTED, file_id="f3")])
    (batch,) = lake_status(lake).batches
    assert (batch.files, batch.rejected, batch.rows_in, batch.accepted, batch.quarantined, batch.duplicates) == (
        3,
        1,
        10,
        6,
        2,
        2,
    )
