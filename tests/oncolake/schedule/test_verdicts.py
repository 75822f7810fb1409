"""What the lake's records say, as checks: of files, of the last batch of a table, of feature tables."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from infra import delta
from infra.lake import Lake
from ingestion import ledger
from ingestion.ledger import Entry
from oncolake.schedule.verdicts import (
    FILE_CHECKS,
    TABLE_CHECKS,
    VIEW_CHECKS,
    file_verdicts,
    table_verdicts,
    view_verdicts,
)
from quality import outcomes
from quality.drift import BatchCheck
from quality.validation import SCHEMA, results_path
from tests.oncolake.schedule.test_catalogue import build, vital_signs

MONDAY = datetime(2024, 3, 25, tzinfo=UTC)
READ = Entry(
    file_id="f1", masked_name="m1.csv", source="vitals", format="wide-csv", reader_version=1, site_id="paris",
    size_bytes=1, status="ingested", reason=None, rows_in=7, accepted=4, quarantined=2, duplicates=1, warnings=0,
    batch_id="b1",
)  # fmt: skip
REFUSED = replace(
    READ, file_id="f2", status="rejected", reason="The file is empty.", rows_in=0, accepted=0, quarantined=0,
    duplicates=0,
)  # fmt: skip


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.at(tmp_path)


def passed(verdicts: list[object]) -> dict[str, bool]:
    return {v.name: v.is_passed for v in verdicts}  # type: ignore[attr-defined]


def results(lake: Lake, at: datetime, *rows: tuple[str, str, int, bool], batch: str = "b1") -> None:
    """Check results of a batch: (check, severity, rows failed, verdict of Great Expectations)."""
    table = [
        {"batch_id": batch, "source": "vitals", "table_name": "vital_sign", "check": check, "severity": severity,
         "rows": 10, "rows_failed": failed, "is_expectation_met": met, "validated_at": at}
        for check, severity, failed, met in rows
    ]  # fmt: skip
    delta.append_arrow(lake, pa.Table.from_pylist(table, SCHEMA), results_path(lake))


def test_an_empty_lake_breaks_nothing(lake: Lake) -> None:
    assert passed(file_verdicts(lake, "vitals")) == dict.fromkeys(FILE_CHECKS, True)
    assert passed(table_verdicts(lake, "vital_sign")) == dict.fromkeys(TABLE_CHECKS, True)
    assert view_verdicts(lake) == {}
    with pytest.raises(ValueError, match="there is no table blood"):
        table_verdicts(lake, "blood")


def test_accounts_add_up_or_the_lake_breaks_a_promise(lake: Lake) -> None:
    ledger.record(lake, [READ, replace(READ, source="cytokine", accepted=99)])
    accounting, _ = file_verdicts(lake, "vitals")
    assert (accounting.is_passed, accounting.numbers["records"]) == (True, 7)
    accounting, _ = file_verdicts(lake, "cytokine")
    assert (accounting.is_passed, accounting.severity) == (False, "error")
    assert accounting.sentence == "1 of 1 entries of the ledger do not add up."


def test_a_replay_counts_no_record_twice(lake: Lake) -> None:
    ledger.record(lake, [READ, replace(READ, status="replayed", accepted=6, quarantined=0)])
    accounting, _ = file_verdicts(lake, "vitals")
    assert (accounting.is_passed, accounting.numbers["entries"], accounting.numbers["records"]) == (True, 2, 7)


def test_a_refused_file_warns_until_it_is_read(lake: Lake) -> None:
    ledger.record(lake, [READ, REFUSED, replace(REFUSED, file_id=None, masked_name="m3.csv")])
    _, read = file_verdicts(lake, "vitals")
    assert (read.is_passed, read.severity) == (False, "warning")
    assert read.numbers == {"files_read": 1, "files_refused": 2}
    ledger.record(lake, [replace(READ, file_id="f2"), replace(READ, file_id=None, masked_name="m3.csv")])
    _, read = file_verdicts(lake, "vitals")
    assert read.is_passed


def test_the_last_batch_of_a_table_is_judged(lake: Lake) -> None:
    results(lake, MONDAY, ("value is given", "critical", 3, False), ("MAP is 14 to 330", "warning", 1, False))
    critical, agree, _ = table_verdicts(lake, "vital_sign")
    assert (critical.is_passed, critical.severity) == (False, "warning")
    assert critical.sentence == "Of 10 rows some went to quarantine (value is given: 3 rows)."
    assert critical.numbers == {
        "batch": "b1", "rows": 10, "checks": 2,
        "critical_checks_broken": 1, "warning_checks_broken": 1, "info_checks_broken": 0,
    }  # fmt: skip
    assert agree.is_passed
    results(lake, MONDAY + timedelta(days=1), ("value is given", "critical", 0, True), batch="b2")
    critical, _, _ = table_verdicts(lake, "vital_sign")
    assert (critical.is_passed, critical.numbers["batch"]) == (True, "b2")


def test_two_judges_that_differ_are_an_error(lake: Lake) -> None:
    results(lake, MONDAY, ("value is given", "critical", 0, False), ("MAP is 14 to 330", "warning", 0, True))
    _, agree, _ = table_verdicts(lake, "vital_sign")
    assert (agree.is_passed, agree.severity, agree.numbers["checks_that_differ"]) == (False, "error", 1)


def test_a_batch_unlike_the_recent_ones_is_something_to_look_at(lake: Lake) -> None:
    drifted = BatchCheck(
        "vital_sign",
        "paris",
        "value",
        "MAP",
        "drift.psi-10bins/1",
        "warning",
        False,
        0.4,
        0.2,
        1,
        "MAP of paris drifted.",
    )
    results(lake, MONDAY, ("value is given", "critical", 0, True))
    outcomes.record(lake, "vitals", "b1", [drifted, replace(drifted, severity="info")], MONDAY)
    *_, batch = table_verdicts(lake, "vital_sign")
    assert (batch.name, batch.is_passed, batch.severity) == ("batch_as_before", False, "warning")
    assert (batch.sentence, batch.numbers) == ("MAP of paris drifted.", {"checks": 2, "checks_failed": 1})


def test_a_view_that_silver_moved_past_warns(lake: Lake) -> None:
    vital_signs(lake, "a")
    assert list(VIEW_CHECKS) == ["up_to_date"]
    assert {n: (v.name, v.is_passed) for n, v in view_verdicts(lake).items()} == {"vital_window": ("up_to_date", False)}
    build(lake, "vital_window")
    assert view_verdicts(lake) == {}
