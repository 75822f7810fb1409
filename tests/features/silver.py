"""Silver tables as a few rows: a test names what matters, the rest is filled in."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pyarrow as pa

from features.tables import VIEWS
from infra.tables import TABLES


def day(n: float) -> datetime:
    """Day n of the story, UTC; radiotherapy usually starts on day 10."""
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=n)


def table(name: str, *rows: Mapping[str, Any]) -> pa.Table:
    """Rows of a silver table. event_time, known_time and `*_time` columns may be given as days of the story."""
    declared = TABLES[name]
    filled = []
    for i, row in enumerate(rows):
        assert set(row) <= {c.name for c in declared.all_columns}, row
        whole = {"site_id": "site", "file_id": f"{name}-file", "file_row": i, "ingested_at": day(0), **row}
        times = {c.name for c in declared.all_columns if c.type == "timestamp"}
        filled.append({k: day(v) if k in times and isinstance(v, int | float) else v for k, v in whole.items()})
    return pa.Table.from_pylist(filled, schema=declared.arrow_schema())


def fraction(patient: str, start: float, known: float | None = None, **more: Any) -> dict[str, Any]:
    return {
        "patient_id": patient,
        "kind": "radiotherapy_fraction",
        "start_time": start,
        "event_time": start,
        "known_time": start if known is None else known,
        "file_id": "fractions",
        "dose": 3.5,
        "unit": "Gy",
        **more,
    }


def specimen(sample: str, patient: str, collected: float, known: float | None = None, **more: Any) -> dict[str, Any]:
    return {
        "sample_id": sample,
        "patient_id": patient,
        "collected_time": collected,
        "event_time": collected,
        "known_time": collected if known is None else known,
        "file_id": "specimens",
        **more,
    }


def build(spark: Any, view: str, **silver: pa.Table) -> list[dict[str, Any]]:
    """The gold rows of a view, in order of entity and known time; times as days of the story.

    Checks the grain of every view, and that a patient's event times never fall.
    """
    from features.building.build import gold_rows

    declared = VIEWS[view]
    frames = {
        name: spark.createDataFrame(silver.get(name, table(name)).to_pylist(), TABLES[name].ddl())
        for name in declared.inputs
    }
    rows = gold_rows(declared, frames)
    assert tuple(rows.columns) == declared.columns
    key = declared.join_key
    found = sorted((r.asDict() for r in rows.collect()), key=lambda r: (r[key], r["known_time"], r["event_time"]))
    # A patient has a row for each instant of change, a case one for each minute.
    grain = [(r[key], r["known_time" if declared.entity == "patient" else "event_time"]) for r in found]
    assert len(set(grain)) == len(grain)
    for before, after in pairwise(found):
        if before[key] == after[key] and declared.entity == "patient":
            assert before["event_time"] <= after["event_time"]
    for row in found:
        assert row["event_time"] is not None
        assert row["event_time"] <= row["known_time"]
        for name in ("event_time", "known_time"):
            row[name] = (row[name].replace(tzinfo=UTC) - day(0)) / timedelta(days=1)
    return found


def pick(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    """Some columns of some rows, floats rounded to what a reader can check by hand."""
    return [tuple(round(r[n], 4) if isinstance(r[n], float) else r[n] for n in names) for r in rows]
