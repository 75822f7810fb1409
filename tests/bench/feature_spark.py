"""Point-in-time features on Spark, against Feast's own Spark store; and how the time grows with the history.

Label rows are a pandas frame, features come back as one: `FeatureStore.get_historical_features(...).to_df()`, in the
session of the product for both, started before. One feature view with three features, 2,000 rows of history a key (a
thousand patients at 2 million rows, as in the benchmark of the local engine), each known up to three days after its
event. Both read the same Parquet files (ours as the Delta table that they are), both
by knowledge time (`filter_by_created_timestamp` for the peer), and their answers are compared. Of several runs in one
session the fastest counts.

Growth: the same labels' number against more and more history, with the slope of log time over log rows.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.benchmark import Bench, Benchmark, Figure, Target
from tests.bench.child import session, timed
from tests.bench.data import made

if TYPE_CHECKING:
    import pandas as pd

ROWS_A_KEY = 2_000
ROWS_A_FILE = 1_000_000
YEAR_SECONDS = 365 * 86_400
FEATURES = ("map_mmhg", "heart_rate_bpm", "il6_pg_per_ml")


def history(data: Path, rows: int) -> Path:
    """A Delta table of that many rows in random order, made once."""

    def make(folder: Path) -> None:
        import deltalake
        import numpy as np
        import pyarrow as pa

        zone = pa.timestamp("us", tz="UTC")
        for i, first in enumerate(range(0, rows, ROWS_A_FILE)):
            random, n = np.random.default_rng(i), min(ROWS_A_FILE, rows - first)
            event = random.integers(0, YEAR_SECONDS * 1_000_000, n)
            columns = {
                "patient_id": pa.array(random.integers(0, keys_of(rows), n)),
                "event_time": pa.array(event).cast(zone),
                "known_time": pa.array(event + random.integers(0, 3 * 86_400 * 1_000_000, n)).cast(zone),
                **{name: pa.array(random.standard_normal(n)) for name in FEATURES},
            }
            deltalake.write_deltalake(folder, pa.table(columns), mode="append")

    return made(data / f"feature-history-{rows}-{keys_of(rows)}", make)


def keys_of(rows: int) -> int:
    return max(1, rows // ROWS_A_KEY)


def labels(n: int, keys: int) -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(7)
    seconds = random.permutation(YEAR_SECONDS)[:n]
    return pd.DataFrame(
        {"patient_id": random.integers(0, keys, n), "event_timestamp": pd.to_datetime(seconds, unit="s", utc=True)}
    )


def ours(tables: list[str], sizes: list[int], n: int, runs: int) -> dict[str, object]:
    """Each table in turn, in one session."""
    from features.offline.delta_source import DeltaSource
    from features.offline.store import OncolakeOfflineStoreConfig

    answers = []
    for table, rows in zip(tables, sizes, strict=True):
        source = DeltaSource(
            path=table, name="history", timestamp_field="event_time", created_timestamp_column="known_time"
        )
        frame = labels(n, keys_of(rows))
        answers.append(_measured(OncolakeOfflineStoreConfig(engine="spark"), source, frame, runs, {}))
    return {**answers[-1], "each": [a["seconds"] for a in answers]}


def feast(table: str, rows: int, n: int, runs: int) -> dict[str, object]:
    from feast.infra.offline_stores.contrib.spark_offline_store.spark import SparkOfflineStoreConfig
    from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource

    source = SparkSource(
        path=table,
        name="history",
        file_format="parquet",
        timestamp_field="event_time",
        created_timestamp_column="known_time",
    )
    by_known_time = {"filter_by_created_timestamp": True}
    return _measured(SparkOfflineStoreConfig(), source, labels(n, keys_of(rows)), runs, by_known_time)


def _measured(
    offline_store: Any, source: Any, frame: "pd.DataFrame", runs: int, options: dict[str, bool]
) -> dict[str, object]:
    from tempfile import TemporaryDirectory

    from feast import Entity, FeatureStore, FeatureView, Field
    from feast.repo_config import RegistryConfig, RepoConfig
    from feast.types import Float64, Int64

    session(is_large=True)
    seconds = []
    with TemporaryDirectory() as folder:
        store = FeatureStore(
            config=RepoConfig(
                project="bench",
                provider="local",
                registry=RegistryConfig(path=f"{folder}/registry.db"),
                offline_store=offline_store,
                entity_key_serialization_version=3,
            )
        )
        patient = Entity(name="patient", join_keys=["patient_id"])
        schema = [Field(name="patient_id", dtype=Int64), *(Field(name=name, dtype=Float64) for name in FEATURES)]
        store.apply([patient, FeatureView(name="history", entities=[patient], schema=schema, source=source)])
        for _ in range(runs):
            answer: dict[str, object] = {}
            with timed(answer):
                found = store.get_historical_features(frame, [f"history:{f}" for f in FEATURES], **options).to_df()
            seconds.append(float(str(answer["seconds"])))
    return {
        "seconds": min(seconds),
        "rows": len(found),
        "found": int(found[FEATURES[0]].notna().sum()),
        # In the order of the label times, which tell the labels apart: Feast's rows come in any order.
        "sums": [round(float(found.sort_values("event_timestamp")[f].fillna(0).sum()), 6) for f in FEATURES],
    }


def run(bench: Bench) -> list[Figure]:
    n, rows, runs = bench.sizes["labels"], bench.sizes["rows"], bench.sizes["runs"]
    table = str(history(bench.data, rows))
    mine = bench.function(ours, tables=[table], sizes=[rows], n=n, runs=runs)
    peer = bench.function(feast, table=table, rows=rows, n=n, runs=runs)
    for key in ("rows", "found", "sums"):
        if mine.answer[key] != peer.answer[key]:
            raise RuntimeError(f"the answers differ in {key}: {mine.answer[key]} and {peer.answer[key]}")
    figures = [
        Figure(f"{n:,} labels x {rows:,} rows", mine.text, f"Feast's Spark store: {peer.text}",
               peer.seconds / mine.seconds, "x faster", Target("at least", 10)),
    ]  # fmt: skip
    sizes = [bench.sizes[f"growth_{i}"] for i in range(4)]
    tables = [str(history(bench.data, size)) for size in sizes]
    grown = bench.function(ours, tables=tables, sizes=sizes, n=n, runs=runs)
    points = list(zip(sizes, map(float, grown.answer["each"]), strict=True))  # type: ignore[call-overload]
    figures += [
        Figure(f"{n:,} labels x {size:,} rows", f"{seconds:.1f} s", "", size / seconds, "rows a second")
        for size, seconds in points
    ]
    # Where tables are tiny, what does not depend on them decides, and the line may fall.
    figures.append(
        Figure(f"growth from {sizes[0]:,} to {sizes[-1]:,} rows", f"{points[-1][1]:.1f} s", f"{points[0][1]:.1f} s",
               max(slope(points), 0.01), "slope of log time over log rows", Target("at most", 1.1))
    )  # fmt: skip
    return figures


def slope(points: list[tuple[int, float]]) -> float:
    """Of the line through (log rows, log seconds) with the least squares."""
    xs, ys = [math.log(x) for x, _ in points], [math.log(y) for _, y in points]
    x0, y0 = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - x0) * (y - y0) for x, y in zip(xs, ys, strict=True)) / sum((x - x0) ** 2 for x in xs)


BENCHMARK = Benchmark(
    name="feature_spark",
    title="Point-in-time features on Spark",
    sizes={
        "tiny": {"labels": 200, "rows": 5_000, "runs": 2,
                 "growth_0": 1_000, "growth_1": 2_000, "growth_2": 4_000, "growth_3": 8_000},
        "small": {"labels": 5_000, "rows": 500_000, "runs": 2,
                  "growth_0": 500_000, "growth_1": 1_000_000, "growth_2": 2_000_000, "growth_3": 4_000_000},
        "full": {"labels": 20_000, "rows": 2_000_000, "runs": 2,
                 "growth_0": 1_000_000, "growth_1": 5_000_000, "growth_2": 20_000_000, "growth_3": 50_000_000},
    },
    run=run,
)  # fmt: skip
