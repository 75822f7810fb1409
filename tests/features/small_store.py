"""A Feast store over two small feature tables, written without a JVM: `labs` by patient, `beat` by patient and case."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import deltalake
import pandas as pd
import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
LABS = pa.schema(
    {"patient_id": pa.string(), "event_time": TIME, "known_time": TIME, "il6": pa.float64(), "note": pa.string(),
     "file_ids": pa.list_(pa.string())}
)  # fmt: skip
BEAT = pa.schema(
    {"patient_id": pa.string(), "case_id": pa.int64(), "event_time": TIME, "known_time": TIME, "bpm": pa.int64(),
     "file_ids": pa.list_(pa.string())}
)  # fmt: skip
BOTH = ["labs:il6", "labs:note", "beat:bpm"]


def day(n: float) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=n)


def labs(*rows: tuple[str | None, float, float | None, float]) -> list[dict[str, object]]:
    """Rows of (patient, event day, known day, il6)."""
    return [
        {"patient_id": p, "event_time": day(e), "known_time": None if k is None else day(k), "il6": v,
         "note": f"n{v:g}", "file_ids": [f"file-{v:g}"]}
        for p, e, k, v in rows
    ]  # fmt: skip


def beats(*rows: tuple[str, int, float, int]) -> list[dict[str, object]]:
    """Rows of (patient, case, event day = known day, bpm)."""
    return [
        {"patient_id": p, "case_id": c, "event_time": day(e), "known_time": day(e), "bpm": v, "file_ids": [f"beat-{v}"]}
        for p, c, e, v in rows
    ]


STORY = labs(("a", 0, 0, 1), ("a", 5, 20, 2), ("a", 10, 10, 3), ("b", 3, 3, 4))
BEATS = beats(("a", 1, 1, 61), ("a", 11, 2, 62), ("b", 1, 3, 63))


def write(folder: Path, view: str, schema: pa.Schema, rows: Sequence[dict[str, object]]) -> None:
    """Appends rows to a view's table."""
    deltalake.write_deltalake(f"{folder}/{view}", pa.Table.from_pylist(list(rows), schema=schema), mode="append")


def small_store(folder: Path, *, more: Sequence[Any] = (), **offline: object) -> Any:
    """The store of a folder, its objects and `more` applied. offline: further settings of the offline store."""
    from feast import Entity, FeatureService, FeatureView, Field, PushSource, RepoConfig
    from feast.feature_logging import LoggingConfig
    from feast.types import Float64, Int64, String
    from feast.value_type import ValueType

    from features.offline.delta_source import DeltaLoggingDestination, DeltaSource
    from features.store.lake_store import LakeStore

    store = LakeStore(
        config=RepoConfig(
            project="small",
            provider="local",
            registry=str(folder / "registry.db"),
            online_store={"type": "sqlite", "path": str(folder / "online.db")},
            offline_store={"type": "features.offline.store.OncolakeOfflineStore", "root": str(folder), **offline},
            coerce_tz_aware=False,
            materialization={"pull_latest_features": True},
            entity_key_serialization_version=3,
        )
    )
    patient = Entity(name="patient", join_keys=["patient_id"], value_type=ValueType.STRING)
    case = Entity(name="case", join_keys=["case_id"], value_type=ValueType.INT64)

    def source(name: str) -> Any:
        return DeltaSource(
            name=name,
            path=name,
            timestamp_field="event_time",
            created_timestamp_column="known_time",
            lineage_column="file_ids",
        )

    labs_view = FeatureView(
        name="labs",
        entities=[patient],
        ttl=timedelta(0),
        schema=[
            Field(name="patient_id", dtype=String),
            Field(name="il6", dtype=Float64),
            Field(name="note", dtype=String),
        ],
        source=PushSource(name="labs_push", batch_source=source("labs")),
    )
    beat_view = FeatureView(
        name="beat",
        entities=[patient, case],
        ttl=timedelta(days=10),
        schema=[
            Field(name="patient_id", dtype=String),
            Field(name="case_id", dtype=Int64),
            Field(name="bpm", dtype=Int64),
        ],
        source=source("beat"),
    )
    service = FeatureService(
        name="both",
        features=[labs_view, beat_view],
        logging_config=LoggingConfig(destination=DeltaLoggingDestination(path="served")),
    )
    store.apply([patient, case, labs_view, beat_view, service, *more])
    return store


def told(folder: Path, **offline: object) -> Any:
    """A store with the story in its tables."""
    write(folder, "labs", LABS, STORY)
    write(folder, "beat", BEAT, BEATS)
    return small_store(folder, **offline)


def ask(*rows: tuple[str | None, int | None, float]) -> pd.DataFrame:
    """Label rows of (patient, case, day)."""
    return pd.DataFrame(
        {
            "patient_id": [r[0] for r in rows],
            "case_id": pd.array([r[1] for r in rows], dtype="Int64"),
            "event_timestamp": pd.to_datetime([day(r[2]) for r in rows], utc=True),
        }
    )
