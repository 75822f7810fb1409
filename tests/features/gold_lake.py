"""A lake with small gold tables, written without a JVM."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import deltalake
import pyarrow as pa

from features.tables import VIEWS
from infra.lake import Lake

TIME = pa.timestamp("us", tz="UTC")


def day(n: float) -> datetime:
    """Day n of the story, UTC."""
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=n)


def write_gold(lake: Lake, view: str, *rows: dict[str, object]) -> None:
    """Appends rows to a gold table; columns that a row does not name are null."""
    schema = VIEWS[view].arrow_schema()
    assert all(set(row) <= set(schema.names) for row in rows)
    deltalake.write_deltalake(lake.gold(view), pa.Table.from_pylist(list(rows), schema=schema), mode="append")


def story(folder: Path) -> Lake:
    """Patient a: KPS 90, then a scan's MGMT drawn on day 5 but reported on day 20. Patient b: KPS 70."""
    lake = Lake.at(folder)
    write_gold(
        lake,
        "clinical_profile",
        {
            "patient_id": "a",
            "event_time": day(0),
            "known_time": day(0),
            "karnofsky": 90.0,
            "is_female": True,
            "n_fractions_given": 0,
            "file_ids": ["clinic-1"],
        },
        {
            "patient_id": "a",
            "event_time": day(5),
            "known_time": day(20),
            "karnofsky": 90.0,
            "is_female": True,
            "n_fractions_given": 0,
            "is_mgmt_methylated": True,
            "mgmt_percent": 31.0,
            "file_ids": ["clinic-1", "mgmt"],
        },
        {
            "patient_id": "b",
            "event_time": day(1),
            "known_time": day(1),
            "karnofsky": 70.0,
            "is_female": False,
            "n_fractions_given": 2,
            "file_ids": ["clinic-2"],
        },
    )
    write_gold(
        lake,
        "cytokine_kinetics",
        {
            "patient_id": "a",
            "event_time": day(0),
            "known_time": day(14),
            "il6_baseline_pg_per_ml": 4.0,
            "il6_last_pg_per_ml": 4.0,
            "file_ids": ["plate-1"],
        },
        {
            "patient_id": "a",
            "event_time": day(14),
            "known_time": day(28),
            "il6_baseline_pg_per_ml": 4.0,
            "il6_last_pg_per_ml": 16.0,
            "il6_log2_change": 2.0,
            "file_ids": ["plate-1", "plate-2"],
        },
    )
    write_gold(
        lake,
        "olink_profile",
        {
            "patient_id": "a",
            "event_time": day(0),
            "known_time": day(14),
            "il6_baseline_npx": 1.5,
            "analytes": ["CCL2", "IL6"],
            "baseline_npx": [7.0, 1.5],
            "file_ids": ["olink"],
        },
    )
    for view in ("exosome_summary", "burden", "imaging_availability"):
        write_gold(lake, view, {"patient_id": "b", "event_time": day(0), "known_time": day(0), "file_ids": [view]})
    write_gold(
        lake,
        "vital_window",
        *(
            {
                "case_id": "op",
                "event_time": day(0) + timedelta(minutes=m),
                "known_time": day(0) + timedelta(minutes=m),
                "map_mmhg": 80.0 - m,
                "file_ids": ["monitor"],
            }
            for m in range(1, 11)
        ),
    )
    return lake
