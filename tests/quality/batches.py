"""A lake to which batches are written as the pipeline leaves them, without Spark."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import deltalake
import numpy as np
import pyarrow as pa

from infra import delta
from infra.lake import Lake
from infra.tables import TABLES

START = datetime(2025, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Written:
    version: int
    rows_quarantined: int = 0


def pseudonym(number: int) -> str:
    return f"p{number:025d}"


def write(lake: Lake, table: str, batch_id: str, rows: list[dict[str, Any]], quarantined: int = 0) -> Written:
    """Appends rows (columns that are not named are null) and answers as the pipeline reports it."""
    declared = TABLES[table]
    schema = declared.arrow_schema()
    lineage = {"site_id": "paris", "file_id": f"f{batch_id}", "batch_id": batch_id, "ingested_at": START}
    whole = [dict.fromkeys(schema.names) | lineage | {"file_row": i} | r for i, r in enumerate(rows)]
    path = lake.silver(table)
    delta.create(lake, path, schema, {}, "")
    if rows:
        delta.append_arrow(lake, pa.Table.from_pylist(whole, schema), path)
    return Written(delta.version(path) or 0, quarantined)


def heart_rates(
    seed: int, cases: int = 40, each: int = 25, shift: float = 0.0, site: str = "paris", days: float = 0.0
) -> list[dict[str, Any]]:
    """MAP and HR of operations. Patients differ by as much as one patient varies, as they do."""
    rng = np.random.default_rng(seed)
    rows = []
    for case in range(cases):
        who = pseudonym(seed * 1000 + case)
        for signal, unit, centre, sd in (("MAP", "mm[Hg]", 80, 10), ("HR", "/min", 70, 8)):
            level = centre + rng.normal(0, sd) + (shift if signal == "MAP" else 0)
            for i, value in enumerate(rng.normal(level, sd, each)):
                at = START + timedelta(days=seed + days, seconds=i)
                rows.append(
                    {"case_id": who, "patient_id": who, "signal": signal, "value": round(float(value), 1), "unit": unit,
                     "event_time": at, "known_time": at, "site_id": site, "file_id": f"file{seed}-{case}"}
                )  # fmt: skip
    return rows


def rows_of(path: str) -> list[dict[str, Any]]:
    return list(deltalake.DeltaTable(path).to_pyarrow_table().to_pylist())
