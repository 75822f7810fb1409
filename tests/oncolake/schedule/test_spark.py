"""Runs on Spark: a delivery from its folder to gold, its checks, and two schedulers at once."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from infra import delta
from ingestion import ledger
from tests.ingestion.lakes import decoded, rows, wide
from tests.oncolake.schedule.places import land, later, place_at

dg = pytest.importorskip("dagster")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
KEY = "paris/2024-03-28"
MORNING = wide(
    "Durand-op1",
    *(f"2024-03-28T10:{minute:02}:00Z,{70 + minute % 5},80" for minute in range(30)),
    "2024-03-28T10:31:00Z,900,81",  # no pressure: quarantined
)
CANARIES = ("Durand", "Marie", "durand", "marie")


def metadata(result: Any, asset: str) -> dict[str, object]:
    (event,) = [e for e in result.get_asset_materialization_events() if e.asset_key.path[1] == asset]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def checks(result: Any) -> dict[tuple[str, str], bool]:
    found = [e.event_specific_data for e in result.all_events if e.event_type_value == "ASSET_CHECK_EVALUATION"]
    return {(c.asset_key.path[1], c.check_name): c.passed for c in found}


def test_a_delivery_becomes_rows_checks_and_features(spark: SparkSession, tmp_path: Path, instance: Any) -> None:
    from oncolake.schedule.define import define
    from oncolake.schedule.triggers import stale_views

    place = place_at(tmp_path, lambda: spark)
    folder = tmp_path / "landing" / "paris" / "vitals" / "Durand"
    land(folder / "Marie Durand.csv", MORNING)
    land(folder / "letter.durand", "Chere Mme Durand, ...\n")
    land(folder / "tomorrow.csv", wide("Durand-op2", "2024-03-29T10:00:00Z,75,85"), at=later(1))
    definitions = define(place)
    instance.add_dynamic_partitions("vitals_deliveries", [KEY, "paris/2024-03-29"])
    job = definitions.resolve_job_def("ingest_vitals")

    first = job.execute_in_process(instance=instance, partition_key=KEY)
    assert {k: v for k, v in metadata(first, "vital_sign").items() if k not in ("batch_id", "delta_version")} == {
        "dagster/partition_row_count": 61, "rows_quarantined": 1,
        "files_ingested": 1, "files_unchanged": 0, "files_rejected": 1,
        "batch_rows_in": 62, "batch_accepted": 61, "batch_quarantined": 1, "batch_duplicates": 0,
    }  # fmt: skip
    assert checks(first) == {
        ("vital_sign", "accounting"): True,
        ("vital_sign", "files_are_read"): False,
        ("vital_sign", "no_critical_rows"): False,
        ("vital_sign", "expectations_agree"): True,
        ("vital_sign", "batch_as_before"): True,
    }
    again = job.execute_in_process(instance=instance, partition_key=KEY)
    assert metadata(again, "vital_sign")["files_unchanged"] == 1
    assert len(rows(place.lake)) == 61  # the file of the next day is another delivery

    assert list(stale_views(place.lake)) == ["vital_window"]
    gold = definitions.resolve_job_def("build_gold").execute_in_process(
        instance=instance, asset_selection=[dg.AssetKey(["gold", "vital_window"])]
    )
    assert metadata(gold, "vital_window")["is_rebuilt"] is True
    assert (delta.version(place.lake.gold("vital_window")), stale_views(place.lake)) == (0, {})

    kept = "\n".join(repr(entry) for run in (first, again, gold) for entry in instance.all_logs(run.run_id))
    assert [canary for canary in CANARIES if canary in kept] == []
    assert "No vitals format knows this text file" in kept
    assert {c for _, text in decoded(place.lake) for c in CANARIES if c in text} == set()


def test_two_schedulers_at_once_are_harmless(spark: SparkSession, tmp_path: Path, instance: Any) -> None:
    """Two that know nothing of each other take the same delivery at once: each file is ingested once."""
    from oncolake.schedule.define import define

    folder = tmp_path / "landing" / "paris" / "vitals"
    for n in range(6):
        minutes = (f"2024-03-28T{n:02}:{m:02}:00Z,{70 + m % 9},80" for m in range(40))
        land(folder / f"op{n}.csv", wide(f"op{n}", *minutes))
    place = place_at(tmp_path, lambda: spark)
    instance.add_dynamic_partitions("vitals_deliveries", [KEY])
    job = define(place).resolve_job_def("ingest_vitals")
    command = [sys.executable, "-m", "tests.oncolake.schedule.child", str(tmp_path), KEY]
    other = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdin is not None
    assert other.stdout.readline() == "ready\n"
    other.stdin.write("go\n")
    other.stdin.flush()
    ours = job.execute_in_process(instance=instance, partition_key=KEY, raise_on_error=False)
    _, said = other.communicate(timeout=200)
    assert (other.returncode, ours.success) == (0, True), said[-3000:]
    assert len(rows(place.lake)) == 6 * 40 * 2
    recorded = ledger.entries(place.lake)
    assert sorted(recorded["status"].to_pylist()) == ["ingested"] * 6
    assert sum(recorded["accepted"].to_pylist()) == 6 * 40 * 2
