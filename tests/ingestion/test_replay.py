"""Replay of quarantined records: the lake ends as if the change had always been there, and the counts stay exact."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from infra.checks import Between
from infra.errors import MachineError
from infra.lake import Lake
from infra.tables import TABLES
from ingestion import ledger, moves, pipeline
from ingestion import replay as replaying
from ingestion.discovery import Delivery
from ingestion.replay import ReplayReport, replay
from ingestion.tally import FILE_KEY
from quality.quarantine import quarantined
from tests.ingestion.lakes import SETTINGS, deliver, no_session, rows, state, wide

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_expectations")]

FILES = {
    "monday.csv": wide(
        "op1",
        "2024-03-25T10:00:00.123456Z,70,80",
        "2024-03-25T10:01:00.123456Z,331,81",  # passes once the limit is raised
        "2024-03-25T10:02:00Z,low,82",  # never
        "2024-03-25T10:03:00Z,335,",
    ),
    "again.csv": wide(
        "op1",
        "2024-03-25T10:01:00.123456Z,331,81",  # the same value from another file: a duplicate afterwards
        "2024-03-25T10:05:00Z,336,83",
        "2024-03-25T10:06:00Z,71,84",
        "2024-03-25T10:06:00Z,72,84",  # contradicts the one before
    ),
}


@pytest.fixture
def no_expectations(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (pipeline, replaying):
        monkeypatch.setattr(module, "validate", lambda *_: [])


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_text(content)
    return folder


@pytest.fixture
def higher_limit(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Raises the upper limit of mean arterial pressure from 330 to 400."""

    def raised(check: Any) -> Any:
        return replace(check, high=400.0) if isinstance(check, Between) and check.high == 330 else check

    def change() -> None:
        table = TABLES["vital_sign"]
        columns = tuple(replace(c, checks=tuple(map(raised, c.checks))) for c in table.columns)
        assert columns != table.columns
        monkeypatch.setitem(TABLES, table.name, replace(table, columns=columns))

    return change


def send(lake: Lake, spark: SparkSession, *originals: Path) -> ReplayReport:
    return replay(lake, SETTINGS, lambda: spark, ["vitals"], [Delivery(p, "paris") for p in originals])


def counts(lake: Lake) -> dict[str, tuple[int, int, int, int]]:
    """By file, the newest counts of the ledger: records, accepted, quarantined, duplicates."""
    newest: dict[str, tuple[int, int, int, int]] = {}
    for e in sorted(ledger.entries(lake).to_pylist(), key=lambda e: e["ingested_at"]):
        newest[e["file_id"]] = (e["rows_in"], e["accepted"], e["quarantined"], e["duplicates"])
        assert e["rows_in"] == e["accepted"] + e["quarantined"] + e["duplicates"]
    return newest


def held(lake: Lake) -> list[tuple[Any, ...]]:
    found = quarantined(lake, "vital_sign").to_pylist()
    return sorted((r["file_id"], r["file_row"], sorted(r["reasons"]), r["batch_id"]) for r in found)


def content(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    return {name: found for name, found in state(lake).items() if name != "ledger"}


def test_an_empty_quarantine_needs_no_session(tmp_path: Path) -> None:
    report = replay(Lake.at(tmp_path), SETTINGS, no_session)
    assert (report.files, report.tables, report.left) == ((), {}, {})


def test_what_passes_now_moves_and_the_lake_is_as_if_it_always_had(
    spark: SparkSession, tmp_path: Path, landing: Path, higher_limit: Callable[[], None]
) -> None:
    lake, fresh = Lake.at(tmp_path / "lake"), Lake.at(tmp_path / "fresh")
    first, _ = deliver(lake, [landing], lambda: spark)
    before, was_held = rows(lake), held(lake)
    unchanged = send(lake, spark)
    assert (rows(lake), held(lake)) == (before, was_held)
    assert sum(f.accepted for f in unchanged.files) == 0
    assert unchanged.left == {
        "contradicting records: give the delivered file with --from, or have the site correct it": 2
    }

    higher_limit()
    report = send(lake, spark)
    by_sent = sorted((f.sent, f.accepted, f.duplicates, f.held) for f in report.files)
    assert by_sent == [(2, 2, 0, 0), (3, 1, 1, 1)]
    deliver(fresh, [landing], lambda: spark)
    assert content(lake) == content(fresh)
    assert counts(lake) == counts(fresh)
    moved = deltalake.DeltaTable(moves.path(lake)).to_pyarrow_table().to_pylist()
    assert sorted(m["outcome"] for m in moved) == ["accepted", "accepted", "accepted", "duplicate"]
    assert {m["reasons"][0].split(" ")[0] for m in moved} == {"value"}
    assert {m["from_batch_id"] for m in moved} == {first.batch_id}
    assert {m["batch_id"] for m in moved} == {report.replay_id}
    assert all(was in was_held for was in held(lake))  # what stays keeps its batch

    end = state(lake)
    assert sum(f.accepted for f in send(lake, spark).files) == 0
    assert state(lake) == end


def test_contradictions_and_changed_readers_are_read_again_from_the_file(
    spark: SparkSession, tmp_path: Path, landing: Path, higher_limit: Callable[[], None]
) -> None:
    lake, fresh = Lake.at(tmp_path / "lake"), Lake.at(tmp_path / "fresh")
    deliver(lake, [landing], lambda: spark)
    higher_limit()
    report = send(lake, spark, landing)
    assert report.left == {}
    deliver(fresh, [landing], lambda: spark)
    assert content(lake)["silver vital_sign"] == content(fresh)["silver vital_sign"]
    assert counts(lake) == counts(fresh)


STEPS = {"moves": (moves, "record"), "ledger": (ledger, "record"), "quarantine": (replaying, "replace_rows")}


def test_an_interrupted_replay_is_completed_by_the_next(
    spark: SparkSession,
    tmp_path: Path,
    landing: Path,
    higher_limit: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    undisturbed = Lake.at(tmp_path / "undisturbed")
    deliver(undisturbed, [landing], lambda: spark)
    disturbed = {step: Lake.at(tmp_path / step) for step in STEPS}
    for lake in disturbed.values():
        shutil.copytree(undisturbed.root, lake.root)
    higher_limit()
    send(undisturbed, spark)

    def full(*_: object) -> None:
        raise MachineError("The disk is full.")

    for step, lake in disturbed.items():
        with monkeypatch.context() as patched, pytest.raises(MachineError):
            patched.setattr(*STEPS[step], full)
            send(lake, spark)
        send(lake, spark)
        assert content(lake) == content(undisturbed), step
        assert counts(lake) == counts(undisturbed), step
        assert moved(lake) == moved(undisturbed), step


def moved(lake: Lake) -> pa.Table:
    """What the journal of replays says of each record."""
    columns = [*FILE_KEY, "file_row", "row_hash", "outcome", "reasons"]
    told = deltalake.DeltaTable(moves.path(lake)).to_pyarrow_table().select(columns)
    return told.sort_by([(c, "ascending") for c in columns[:4]])
