"""Small deliveries of vital signs, and what a lake holds after them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import deltalake

from infra import delta
from infra.lake import Lake
from infra.settings import Settings
from infra.tables import TABLES
from ingestion import ledger
from ingestion.discovery import Delivery
from ingestion.pipeline import ingest
from ingestion.report import BatchReport, FileReport
from quality.quarantine import quarantined

KEY = "5a" * 32
SETTINGS = Settings(pseudonym_key=KEY)
RUN_COLUMNS = ("ingested_at", "batch_id")
"""What may differ between two lakes that hold the same."""


def wide(case: str, *rows: str, header: str = "case_id,patient_id,time,MAP,HR") -> str:
    """A wide CSV of one case: rows are 'time,MAP,HR'."""
    return "\n".join([header, *(f"{case},Durand^Marie,{row}" for row in rows)]) + "\n"


def deliver(
    lake: Lake, paths: list[Path], session: Callable[[], Any], settings: Settings = SETTINGS
) -> tuple[BatchReport, dict[str, FileReport]]:
    """Ingests vital signs; the batch, and its files by name. Checks the accounting of every file."""
    report = ingest("vitals", [Delivery(p, "paris") for p in paths], lake, settings, session)
    for f in report.files:
        assert f.rows_in == f.accepted + f.quarantined + f.duplicates, f.path
    return report, {Path(f.path).name: f for f in report.files}


def no_session() -> Any:
    raise AssertionError("a session was started though there was nothing new")


def rows(lake: Lake, table: str = "vital_sign") -> list[dict[str, Any]]:
    """The rows of a silver table in a fixed order; none where there is no table."""
    if not delta.exists(lake.silver(table)):
        return []
    return _sorted(deltalake.DeltaTable(lake.silver(table)).to_pyarrow_table().to_pylist())


def state(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    """Tables, quarantines and ledger, without the columns of the run."""
    held = {f"silver {name}": rows(lake, name) for name in TABLES}
    held |= {f"quarantine {name}": _sorted(quarantined(lake, name).to_pylist()) for name in TABLES}
    held["ledger"] = _sorted(ledger.entries(lake).to_pylist())
    # An attempt that was killed has written some of a batch's tables, and the next one the others.
    moments = {row["ingested_at"] for found in held.values() for row in found}
    return {name: _sorted([_without_run(row, moments) for row in found]) for name, found in held.items() if found}


def _without_run(row: dict[str, Any], moments: set[Any]) -> dict[str, Any]:
    """A correction that names no date is known when an attempt wrote it, and so is what was computed from it."""
    if row.get("known_time") is not None and row["known_time"] in moments:
        row = row | {"known_time": "at ingestion"}
    return {k: v for k, v in row.items() if k not in RUN_COLUMNS}


def _sorted(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(found, key=lambda row: str([row.get("file_id"), row.get("file_row"), sorted(row.items(), key=str)]))


def decoded(lake: Lake) -> Iterator[tuple[Path, str]]:
    """Every file below a lake as text: its bytes as they stand, and parquet files by their values too."""
    import pyarrow.parquet as pq

    for path in Path(lake.root).rglob("*"):
        if path.is_file():
            yield path, path.read_bytes().decode("latin-1")
            if path.suffix == ".parquet":
                yield path, str(pq.ParquetFile(path).read().to_pylist())
