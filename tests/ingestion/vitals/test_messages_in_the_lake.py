"""Messages and recorder files through the whole pipeline: corrections, withdrawals, and the real files."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from infra.current import current_arrow
from infra.lake import Lake
from ingestion import pipeline
from quality.quarantine import quarantined
from tests.ingestion.lakes import deliver
from tests.ingestion.vitals.messages import message, ndjson, observation, obx, pressure, quantity

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture(autouse=True)
def no_expectations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "validate", lambda *_: [])


def current(lake: Lake) -> dict[str, float]:
    return {r["signal"]: r["value"] for r in current_arrow(lake, "vital_sign").to_pylist()}


def test_a_correction_is_a_new_version_and_a_withdrawal_is_quarantined(spark: SparkSession, tmp_path: Path) -> None:
    lake, first, second = Lake.at(tmp_path / "lake"), tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    heart_rate = {"valueQuantity": quantity(70, "/min")}
    (first / "a.ndjson").write_text(ndjson(pressure(118, 76), observation("8867-4", **heart_rate)))
    (first / "a.hl7").write_text(message(obx("NIBP_SBP", "118"), obx("NIBP_DBP", "76"), obx("TEMP", "99", "Cel")))
    _, files = deliver(lake, [first], lambda: spark)
    assert {n: (f.accepted, f.quarantined) for n, f in files.items()} == {"a.ndjson": (3, 0), "a.hl7": (2, 1)}
    before = {"BP_SBP": 118.0, "BP_DBP": 76.0, "HR": 70.0, "NIBP_SBP": 118.0, "NIBP_DBP": 76.0}
    assert current(lake) == before

    later = "2024-03-28T11:00:00Z"
    withdrawn = observation("8867-4", status="entered-in-error", issued=later, **heart_rate)
    (second / "b.ndjson").write_text(ndjson(pressure(120, 76, status="corrected", issued=later), withdrawn))
    (second / "b.hl7").write_text(message(obx("NIBP_SBP", "121", status="C"), obx("NIBP_DBP", "76", status="W")))
    _, files = deliver(lake, [second], lambda: spark)
    assert {n: (f.accepted, f.quarantined, f.duplicates) for n, f in files.items()} == {
        "b.ndjson": (1, 1, 1),
        "b.hl7": (1, 1, 0),
    }
    assert current(lake) == before | {"BP_SBP": 120.0, "NIBP_SBP": 121.0}
    reasons = [reason for row in quarantined(lake, "vital_sign").to_pylist() for reason in row["reasons"]]
    assert sum("withdrawn" in str(reason) for reason in reasons) == 2


def test_real_files(spark: SparkSession, tmp_path: Path, shared_data: Path) -> None:
    lake, vitals = Lake.at(tmp_path / "lake"), shared_data / "vitals"
    _, files = deliver(lake, [vitals / "test_data_demo.vital", vitals / "fhir"], lambda: spark)
    assert {n: (f.status, f.accepted, f.quarantined, f.duplicates) for n, f in files.items()} == {
        "test_data_demo.vital": ("ingested", 420, 0, 0),
        "Observation.ndjson": ("ingested", 166, 0, 0),
        "Patient.ndjson": ("rejected", 0, 0, 0),
    }
    assert (files["Patient.ndjson"].reason or "").startswith("No vitals format knows this text file")
    assert current_arrow(lake, "vital_sign").num_rows == 586
