"""Features at label times: a pandas frame of labels in, a pandas frame with four features of each view out.

Ours goes through `FeatureStore.get_historical_features(...).to_df()`, over Delta, with knowledge time on. The peers
read the same Parquet files, whose rows lie sorted by key:

- *DuckDB* and *Polars*: one as-of join for each view by hand, on the event time alone; only the columns needed are
  read. What they look ahead (a row is used before it was reported) is not held against them.
- *Feast's DuckDB store* on Parquet, through the same call: on one view, beside ours on one view. It joins each label
  with the whole history of its key, so that its time goes with the rows a key (2,000 at full scale: a thousand
  patients); `feature_history` shows how. Its database may use 8 GB of memory and spills what is more to disk; with
  its default of most of the machine's memory the system ended it.

Of several runs in one process the fastest counts; Feast's own store runs once. Row counts, given values and sums are
compared with ours on the event time alone.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.bench.benchmark import Bench, Benchmark, Figure, Measured, Target
from tests.bench.feature_tables import (
    VALUES,
    feasts_duckdb,
    files,
    label_frame,
    labels,
    references,
    tables,
    totals,
)
from tests.bench.feature_tables import ours as our_store

if TYPE_CHECKING:
    import pandas as pd


def ours(folder: str, asked: str, registry: str, views: int, runs: int) -> dict[str, object]:
    frame, refs = label_frame(asked), references(views)
    store = our_store(folder, registry, views)
    answer = _fastest(runs, lambda: store.get_historical_features(frame, refs, full_feature_names=True).to_df())
    looking_ahead = our_store(folder, registry, views, known_only=False)
    got = looking_ahead.get_historical_features(frame, refs, full_feature_names=True).to_df()
    return answer | totals(got, _columns(views))


def duckdb_join(folder: str, asked: str, views: int, runs: int) -> dict[str, object]:
    import duckdb

    frame = label_frame(asked)
    database = duckdb.connect()
    database.register("labels", frame)
    chosen = [f"v{v}.{name} AS v{v}__{name}" for v in range(views) for name in VALUES]
    joins = [
        f"""ASOF LEFT JOIN
            (SELECT patient_id, event_time, {", ".join(VALUES)} FROM read_parquet({files(folder, v)})) v{v}
        ON labels.patient_id = v{v}.patient_id AND labels.event_timestamp >= v{v}.event_time"""
        for v in range(views)
    ]
    query = f"SELECT labels.*, {', '.join(chosen)} FROM labels {' '.join(joins)}"
    return _fastest(runs, lambda: database.sql(query).df(), views)


def polars_join(folder: str, asked: str, views: int, runs: int) -> dict[str, object]:
    import polars as pl

    frame = label_frame(asked)

    def join() -> "pd.DataFrame":
        joined = pl.from_pandas(frame).with_columns(pl.col("event_timestamp").dt.cast_time_unit("us"))
        rows = joined.sort("event_timestamp").lazy()
        for v in range(views):
            named = [pl.col(name).alias(f"v{v}__{name}") for name in VALUES]
            right = pl.scan_parquet(files(folder, v)).select("patient_id", pl.col("event_time").alias(f"t{v}"), *named)
            rows = rows.join_asof(
                right.sort(f"t{v}"),
                left_on="event_timestamp",
                right_on=f"t{v}",
                by="patient_id",
                check_sortedness=False,
            )
        return rows.collect().to_pandas()

    return _fastest(runs, join, views)


def feast_duckdb(folder: str, asked: str, registry: str) -> dict[str, object]:
    import ibis

    store = feasts_duckdb(folder, registry, 1)
    ibis.get_backend().raw_sql("SET memory_limit = '8GB'")
    frame = label_frame(asked)
    return _fastest(1, lambda: store.get_historical_features(frame, references(1), full_feature_names=True).to_df(), 1)


def _columns(views: int) -> list[str]:
    return [reference.replace(":", "__") for reference in references(views)]


def _fastest(runs: int, join: Callable[[], "pd.DataFrame"], views: int | None = None) -> dict[str, object]:
    """Seconds of the fastest of some runs; with `views`, what its answer adds up to."""
    seconds = []
    for _ in range(runs):
        began = time.monotonic()
        frame = join()
        seconds.append(time.monotonic() - began)
    counted = {} if views is None else totals(frame, _columns(views))
    return {"seconds": min(seconds)} | counted


def agree(mine: Measured, *peers: Measured) -> None:
    """Raises RuntimeError where a peer's answer is another one: a fast one that read nothing right is none."""
    for peer in peers:
        same = all(mine.answer[name] == peer.answer[name] for name in ("rows", "given"))
        if not same or abs(float(str(mine.answer["sum"])) - float(str(peer.answer["sum"]))) > 0.01:
            raise RuntimeError(f"ours and a peer disagree: {mine.answer} and {peer.answer}")


def run(bench: Bench) -> list[Figure]:
    rows, keys, views, runs = (bench.sizes[name] for name in ("rows", "keys", "views", "runs"))
    folder = str(tables(bench.data, rows, keys, views))
    asked = str(labels(bench.data, bench.sizes["labels"], keys))
    registry = str(bench.work / "registry")
    given = {"folder": folder, "asked": asked}
    mine = bench.function(ours, **given, registry=registry, views=views, runs=runs)
    duck = bench.function(duckdb_join, **given, views=views, runs=runs)
    polars = bench.function(polars_join, **given, views=views, runs=runs)
    agree(mine, duck, polars)
    one = bench.function(ours, **given, registry=str(bench.work / "one"), views=1, runs=runs)
    feast = bench.function(feast_duckdb, **given, registry=registry)
    agree(one, feast)
    size = f"{bench.sizes['labels']:,} labels x {rows:,} rows"
    figures = [
        Figure(f"{size} x {views} views", _text(mine), f"{name}: {_text(peer)}", mine.seconds / peer.seconds, "x",
               Target("at most", 2))
        for name, peer in (("DuckDB", duck), ("Polars", polars))
    ]  # fmt: skip
    faster = Target("at least", bench.sizes["times_faster"]) if "times_faster" in bench.sizes else None
    return [
        *figures,
        Figure(f"{size}, one view; how many times faster", _text(one), f"Feast's DuckDB store: {_text(feast)}",
               feast.seconds / one.seconds, "x", faster),
    ]  # fmt: skip


def _text(measured: Measured) -> str:
    return f"{measured.seconds:.2f} s, {measured.peak_bytes / 2**30:.2f} GiB"


BENCHMARK = Benchmark(
    name="feature_retrieval",
    title="Features at label times",
    sizes={
        "tiny": {"labels": 500, "rows": 5_000, "keys": 50, "views": 2, "runs": 1},
        "small": {"labels": 20_000, "rows": 200_000, "keys": 200, "views": 3, "runs": 3},
        "full": {"labels": 200_000, "rows": 2_000_000, "keys": 1_000, "views": 3, "runs": 5, "times_faster": 200},
    },
    run=run,
)
