"""Feature tables and label rows for the benchmarks of retrieval, and the stores that read them.

A table has the layout of a gold table: text keys of a pseudonym's length, event and known time, four numbers, the
source files; sorted by key and known time. Half of the rows are reported up to 14 days late. No key has two rows of one
instant, so that every way of joining has one answer.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tests.bench.data import made

if TYPE_CHECKING:
    import pandas as pd

VALUES = ("f0", "f1", "f2", "f3")
TIME = pa.timestamp("us", tz="UTC")
_START_US = 1_600_000_000_000_000
_SPAN_US = 3 * 365 * 86_400_000_000
_LATE_US = 14 * 86_400_000_000
_ROWS_A_WRITE = 2_000_000


def tables(data: Path, rows: int, keys: int, views: int) -> Path:
    """A folder of Delta tables v0, v1, ... with `rows` rows of `keys` keys each. One Parquet file holds one table up to
    two million rows; larger ones have several, each with keys of its own.
    """

    def make(folder: Path) -> None:
        import deltalake

        writes = max(1, -(-rows // _ROWS_A_WRITE))
        for view in range(views):
            for i in range(writes):
                low, high = keys * i // writes, keys * (i + 1) // writes
                part = _rows(rows * (i + 1) // writes - rows * i // writes, low, high, seed=view * 1_000 + i)
                deltalake.write_deltalake(str(folder / f"v{view}"), part, mode="append")

    return made(data / f"features-{rows}-{keys}-{views}", make)


def labels(data: Path, n: int, keys: int) -> Path:
    """A folder with `n` label rows as labels.parquet: keys and times drawn evenly, in no order."""

    def make(folder: Path) -> None:
        import pyarrow.parquet as pq

        random = np.random.default_rng(n)
        table = pa.table(
            {
                "patient_id": _names(0, keys).take(pa.array(random.integers(0, keys, n))),
                "event_timestamp": pa.array(_START_US + random.integers(0, _SPAN_US, n), TIME),
            }
        )
        pq.write_table(table, folder / "labels.parquet")

    return made(data / f"labels-{n}-{keys}", make)


def label_frame(folder: str) -> "pd.DataFrame":
    """Label rows as a person has them: pandas, text keys as Python strings."""
    import pandas as pd

    return pd.read_parquet(f"{folder}/labels.parquet")


def files(folder: str, view: int) -> list[str]:
    """The Parquet files of a table: the same bytes for every peer."""
    import deltalake

    return [str(uri) for uri in deltalake.DeltaTable(f"{folder}/v{view}").file_uris()]


def references(views: int) -> list[str]:
    return [f"v{view}:{name}" for view in range(views) for name in VALUES]


def ours(folder: str, registry: str, views: int, **offline: object) -> Any:
    """The store with our offline store over the tables; registered in the folder `registry` unless it is already."""
    from features.offline.delta_source import DeltaSource

    def source(view: int) -> Any:
        return DeltaSource(
            name=f"v{view}",
            path=f"v{view}",
            timestamp_field="event_time",
            created_timestamp_column="known_time",
            lineage_column="file_ids",
        )

    settings = {"type": "features.offline.store.OncolakeOfflineStore", "root": folder, **offline}
    return _store(settings, Path(registry) / "ours.db", source, views)


def feasts_duckdb(folder: str, registry: str, views: int) -> Any:
    """The store with Feast's own DuckDB store over the tables' Parquet files, which must be one a table."""
    from feast import FileSource

    def source(view: int) -> Any:
        (path,) = files(folder, view)
        return FileSource(
            name=f"v{view}", path=path, timestamp_field="event_time", created_timestamp_column="known_time"
        )

    return _store({"type": "duckdb"}, Path(registry) / "duckdb.db", source, views)


def totals(frame: "pd.DataFrame", names: Sequence[str]) -> dict[str, object]:
    """What two ways of joining must agree in: rows, and how many features are given and their sum."""
    given = frame[list(names)]
    return {"rows": len(frame), "given": int(given.count().sum()), "sum": round(float(given.sum().sum()), 3)}


def _store(offline: dict[str, object], registry: Path, source: Any, views: int) -> Any:
    from datetime import timedelta

    from feast import Entity, FeatureStore, FeatureView, Field, RepoConfig
    from feast.types import Float64, String
    from feast.value_type import ValueType

    registry.parent.mkdir(parents=True, exist_ok=True)
    is_new = not registry.exists()
    store = FeatureStore(
        config=RepoConfig(
            project="bench",
            provider="local",
            registry=str(registry),
            online_store={"type": "sqlite", "path": str(registry.with_name("online.db"))},
            offline_store=offline,
            coerce_tz_aware=False,
            entity_key_serialization_version=3,
        )
    )
    if is_new:
        patient = Entity(name="patient", join_keys=["patient_id"], value_type=ValueType.STRING)
        fields = [Field(name="patient_id", dtype=String), *(Field(name=name, dtype=Float64) for name in VALUES)]
        store.apply(
            [
                patient,
                *(
                    FeatureView(
                        name=f"v{v}",
                        entities=[patient],
                        ttl=timedelta(0),
                        schema=fields,
                        source=source(v),
                        online=False,
                    )
                    for v in range(views)
                ),
            ]
        )
    return store


def _names(low: int, high: int) -> pa.Array:
    return pa.array([f"p{i:025d}" for i in range(low, high)])


def _rows(n: int, low: int, high: int, seed: int) -> pa.Table:
    random = np.random.default_rng(seed)
    key = np.sort(random.integers(0, high - low, n)) if n != high - low else np.arange(n)
    # One microsecond apart at least within a key: the row's number is its time's last digits.
    event = _START_US + random.integers(0, _SPAN_US // 1_000_000, n) * 1_000_000 + np.arange(n) % 1_000_000
    known = event + np.where(random.random(n) < 0.5, 0, random.integers(0, _LATE_US, n))
    order = np.lexsort((known, key))
    key, event, known = key[order], event[order], known[order]
    ids = pa.array([f"{i:064d}" for i in range(200)]).take(pa.array(key % 200))
    return pa.table(
        {
            "patient_id": _names(low, high).take(pa.array(key)),
            "event_time": pa.array(event, TIME),
            "known_time": pa.array(known, TIME),
            **{name: random.standard_normal(n) for name in VALUES},
            "file_ids": pa.ListArray.from_arrays(pa.array(np.arange(n + 1, dtype=np.int32)), ids),
        }
    )
