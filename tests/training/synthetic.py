"""A small lake with outcomes, and a stand-in for feature retrieval whose effects are written down.

`signal` drives survival and response; `noise_*` drive nothing. Nothing here starts a JVM.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import deltalake
import numpy as np
import pandas as pd
import pyarrow as pa

from features.leakage.check import COLUMNS, Report
from infra.lake import Lake
from infra.tables import TABLES
from ingestion import ledger

START = datetime(2024, 1, 1, tzinfo=UTC)
FILE = "f" * 64
OUTCOME_FILE = "e" * 64


def write(lake: Lake, table_name: str, rows: list[dict[str, Any]]) -> None:
    """Appends rows to a silver table; columns that a row does not name are null."""
    schema = TABLES[table_name].arrow_schema()
    filled = {
        "known_time": START,
        "event_time": START,
        "ingested_at": START,
        "site_id": "north",
        "file_id": FILE,
        "file_row": 0,
    }
    table = pa.Table.from_pylist([{n: (filled | row).get(n) for n in schema.names} for row in rows], schema)
    deltalake.write_deltalake(lake.silver(table_name), table, mode="append")


def fraction(patient: str, day: int = 0, **others: Any) -> dict[str, Any]:
    return {"patient_id": patient, "kind": "radiotherapy_fraction", "start_time": START + timedelta(days=day), **others}


def outcome(patient: str, endpoint: str, day: float, **others: Any) -> dict[str, Any]:
    return {
        "patient_id": patient,
        "endpoint": endpoint,
        "assessment": "first",
        "file_id": OUTCOME_FILE,
        "outcome_time": START + timedelta(days=day),
        **others,
    }


def pressures(
    case: str, values: list[float | None], patient: str | None = None, second: int = 30
) -> list[dict[str, Any]]:
    """One MAP value in each minute of a case; None leaves the minute out."""
    return [
        {
            "case_id": case,
            "patient_id": patient,
            "signal": "MAP",
            "device": "m",
            "value": v,
            "unit": "mm[Hg]",
            "event_time": START + timedelta(minutes=i, seconds=second),
        }
        for i, v in enumerate(values)
        if v is not None
    ]


def signal(patient: str) -> float:
    """The planted driver of a patient, a standard normal that depends on the name alone."""
    seed = int.from_bytes(hashlib.sha256(patient.encode()).digest()[:4], "big")
    return float(np.random.default_rng(seed).normal())


def cohort(lake: Lake, n: int, effect: float = 1.2) -> None:
    """n patients at two sites with survival and response that follow `signal` with the given log hazard ratio."""
    rng = np.random.default_rng(7)
    fractions, outcomes = [], []
    for i in range(n):
        patient, site = f"patient{i:03d}", ("north", "south")[i % 2]
        fractions.append(fraction(patient, site_id=site))
        days = 43 + rng.exponential(350 * np.exp(-effect * signal(patient)))
        end = 43 + rng.uniform(200, 1500)
        outcomes.append(outcome(patient, "OS", min(days, end), is_event=bool(days <= end), site_id=site))
        responds = rng.random() < 1 / (1 + np.exp(1.5 * effect * signal(patient)))
        outcomes.append(outcome(patient, "response", 80, category="PR" if responds else "PD", site_id=site))
    write(lake, "treatment", fractions)
    write(lake, "outcome", outcomes)
    ledger.record(lake, [entry(FILE, "treatments"), entry(OUTCOME_FILE, "outcomes")])


def entry(file_id: str, name: str) -> ledger.Entry:
    return ledger.Entry(
        file_id=file_id,
        masked_name=name,
        source="clinical",
        format="template",
        reader_version=1,
        site_id="north",
        size_bytes=1,
        status="ingested",
        reason=None,
        rows_in=1,
        accepted=1,
        quarantined=0,
        duplicates=0,
        warnings=0,
        batch_id="b",
    )


@dataclass(frozen=True)
class Retrieved:
    """The shape of `features.retrieval.Retrieved`."""

    frame: pd.DataFrame
    service: str
    table_versions: dict[str, int]
    file_ids: tuple[str, ...]
    digest: str
    definitions_hash: str


def retrieved(service: str, labels: pd.DataFrame, features: pd.DataFrame, **others: Any) -> Retrieved:
    frame = pd.concat([labels, features], axis="columns")
    digest = hashlib.sha256(frame.to_csv().encode()).hexdigest()
    values = {
        "table_versions": {"cytokine_kinetics": 0, "clinical_profile": 3},
        "file_ids": (FILE,),
        "digest": digest,
        "definitions_hash": "d" * 64,
    }
    return Retrieved(frame, service, **(values | others))


def retrieve(lake: Lake, service: str, labels: pd.DataFrame) -> Retrieved:
    """Features for patients: one that carries the signal (a fifth missing), and noise."""
    rng = np.random.default_rng(11)
    n = len(labels)
    drive = np.array([signal(p) for p in labels["patient_id"]]) + rng.normal(0, 0.3, n)
    features = pd.DataFrame(
        {
            "cytokine_kinetics__il6_log2_change": np.where(rng.random(n) < 0.2, np.nan, drive),
            **{f"cytokine_kinetics__noise_{i}": rng.normal(size=n) for i in range(8)},
            "clinical_profile__age_years": rng.normal(60, 10, n),
            "clinical_profile__karnofsky": rng.choice([60.0, 70, 80, 90], n),
            "clinical_profile__is_mgmt_methylated": rng.choice([0.0, 1, np.nan], n),
            "burden__absent": np.full(n, np.nan),
        }
    )
    return retrieved(service, labels, features)


def unchecked(lake: Lake, retrieved: Any) -> Report:
    """The stand-in's features are in no table that they could be derived from again."""
    nothing = pd.DataFrame(columns=list(COLUMNS))
    return Report(nothing, 0, len(retrieved.frame), {}, ("The features are made up.",))
