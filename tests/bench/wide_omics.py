"""Wide omics: whole panels for 500 patients, fetched through Feast with their names and turned into a matrix.

Ours keeps a panel in two array columns of one feature view, names and values. `get_historical_features` fetches both as
of a label time for each patient, and `features.wide` makes a matrix of patients by proteins (or genes) with its names.
Each patient has three snapshots of which the label time picks one.

The peer beside it is the usual shape, a long table (patient, time, protein, value) in Parquet: DuckDB picks the last
measurement of each patient and protein before the label, and pandas pivots them. Values of both are compared, each one.
At a smaller scale, Feast as it comes: one feature a protein in a wide Parquet table, fetched from its default store
(Dask).
Seconds are of the fetch and the matrix, in a process that has imported what it needs; the fastest of a few runs.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.benchmark import Bench, Benchmark, Figure, Target
from tests.bench.child import timed

if TYPE_CHECKING:
    import pandas as pd

VIEW = "olink_profile"
SNAPSHOTS = 3


def panels(lake: str, parquet: str, wide_parquet: str, patients: int, names: int, wide_names: int) -> dict[str, object]:
    """The same numbers three times: a gold table with arrays, a long table, and the first `wide_names` as columns."""
    from datetime import UTC, datetime, timedelta

    import deltalake
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from features.tables import VIEWS
    from infra.lake import Lake
    from infra.table import arrow_type

    where, view = Lake.at(lake), VIEWS[VIEW]
    who = [f"p{i:05d}" for i in range(patients)]
    text = [f"PROTEIN{i:05d}" for i in range(names)]
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    time = pa.timestamp("us", tz="UTC")
    n = patients * names
    lists = pa.array(np.arange(patients + 1) * names, pa.int32())
    repeated = pa.array(text).take(pa.array(np.tile(np.arange(names), patients)))
    types = {f.name: arrow_type(f.type) for f in view.features}
    with pq.ParquetWriter(parquet, pa.schema([("patient_id", pa.string()), ("time", time), ("name", pa.string()),
                                              ("value", pa.float64())])) as long:  # fmt: skip
        wide = []
        for snapshot in range(SNAPSHOTS):
            at = begin + timedelta(days=14 * snapshot)
            values = np.random.default_rng(snapshot).normal(4, 2, n)
            arrays: dict[str, Any] = {
                "patient_id": pa.array(who),
                "event_time": pa.array([at] * patients, time),
                "known_time": pa.array([at] * patients, time),
                **{name: pa.nulls(patients, type_) for name, type_ in types.items()},
                "file_ids": pa.array([["file"]] * patients, pa.list_(pa.string())),
            }
            arrays["analytes"] = pa.ListArray.from_arrays(lists, repeated)
            arrays["last_npx"] = pa.ListArray.from_arrays(lists, pa.array(values))
            deltalake.write_deltalake(where.gold(VIEW), pa.table(arrays), mode="append")
            rows = pa.array(np.repeat(np.arange(patients), names))
            times = pa.repeat(pa.scalar(at, time), n)
            long.write_table(pa.table({"patient_id": pa.array(who).take(rows), "time": times,
                                       "name": repeated, "value": values}))  # fmt: skip
            cells = values.reshape(patients, names)
            wide.append(pa.table({"patient_id": who, "time": arrays["event_time"],
                                  **{text[i]: cells[:, i] for i in range(wide_names)}}))  # fmt: skip
        pq.write_table(pa.concat_tables(wide), wide_parquet)
    table = deltalake.DeltaTable(where.gold(VIEW))
    by_column: dict[str, int] = {}
    for file in table.get_add_actions()["path"].to_pylist():
        metadata = pq.ParquetFile(f"{where.gold(VIEW)}/{file}").metadata
        for g in range(metadata.num_row_groups):
            for c in range(metadata.num_columns):
                column = metadata.row_group(g).column(c)
                name = column.path_in_schema.split(".")[0]
                by_column[name] = by_column.get(name, 0) + column.total_compressed_size
    return {"names_bytes": by_column["analytes"], "values_bytes": by_column["last_npx"]}


def labels(patients: int) -> "pd.DataFrame":
    """Every patient on day 20: the second of three snapshots."""
    import pandas as pd

    at = pd.Timestamp("2026-01-21", tz="UTC")
    return pd.DataFrame({"patient_id": [f"p{i:05d}" for i in range(patients)], "event_timestamp": at})


def ours(lake: str, patients: int, runs: int) -> dict[str, object]:
    from features.store.repository import apply, open_store
    from features.wide import wide
    from infra.lake import Lake

    apply(Lake.at(lake))
    store, rows, seconds = open_store(Lake.at(lake)), labels(patients), []
    for _ in range(runs):
        answer: dict[str, object] = {}
        with timed(answer):
            asked = [f"{VIEW}:analytes", f"{VIEW}:last_npx"]
            found = store.get_historical_features(entity_df=rows, features=asked).to_arrow()
            matrix = wide(found, "analytes", "last_npx")
            frame = matrix.frame(index=rows["patient_id"])
        seconds.append(float(str(answer["seconds"])))
    return {"seconds": min(seconds), "shape": list(frame.shape), "sum": _sum(frame)}


def pivoted(parquet: str, patients: int, runs: int) -> dict[str, object]:
    import duckdb

    rows, seconds = labels(patients), []
    for _ in range(runs):
        answer: dict[str, object] = {}
        with timed(answer), duckdb.connect() as connection:
            connection.register("labels", rows)
            found = connection.sql(f"""
                SELECT patient_id, name, arg_max("value", "time") AS "value"
                FROM '{parquet}' JOIN labels USING (patient_id) WHERE "time" <= event_timestamp
                GROUP BY patient_id, name
            """).df()
            frame = found.pivot(index="patient_id", columns="name", values="value").reindex(rows["patient_id"])
        seconds.append(float(str(answer["seconds"])))
    return {"seconds": min(seconds), "shape": list(frame.shape), "sum": _sum(frame)}


def one_feature_each(wide_parquet: str, folder: str, patients: int, names: int, runs: int) -> dict[str, object]:
    import io
    import os
    from contextlib import redirect_stdout
    from datetime import timedelta

    os.environ.setdefault("FEAST_USAGE", "False")
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
    from feast.types import Float64
    from feast.value_type import ValueType

    Path(folder).mkdir(parents=True)
    store = FeatureStore(
        config=RepoConfig(
            project="wide",
            provider="local",
            registry=f"{folder}/registry.db",
            online_store={"type": "sqlite", "path": f"{folder}/online.db"},
            offline_store={"type": "dask"},
            entity_key_serialization_version=3,
        )
    )
    patient = Entity(name="patient", join_keys=["patient_id"], value_type=ValueType.STRING)
    text = [f"PROTEIN{i:05d}" for i in range(names)]
    view = FeatureView(
        name="wide",
        entities=[patient],
        ttl=timedelta(0),
        schema=[Field(name=name, dtype=Float64) for name in text],
        source=FileSource(name="wide", path=wide_parquet, timestamp_field="time"),
    )
    with redirect_stdout(io.StringIO()):
        store.apply([patient, view])
    rows, seconds = labels(patients), []
    for _ in range(runs):
        answer: dict[str, object] = {}
        with timed(answer):
            found = store.get_historical_features(entity_df=rows, features=[f"wide:{name}" for name in text]).to_df()
        seconds.append(float(str(answer["seconds"])))
    frame = found.set_index("patient_id").loc[rows["patient_id"], text]
    return {"seconds": min(seconds), "shape": list(frame.shape), "sum": _sum(frame)}


def _sum(frame: "pd.DataFrame") -> float:
    """A number that depends on each value and its place."""
    import numpy as np

    ordered = frame[sorted(frame.columns)].to_numpy()
    return float((ordered * np.arange(1, ordered.size + 1).reshape(ordered.shape)).sum() / ordered.size)


def run(bench: Bench) -> list[Figure]:
    patients, runs = bench.sizes["patients"], bench.sizes["runs"]
    figures = []
    for kind in ("proteins", "genes", "columns"):
        n = bench.sizes[kind]
        bench.say(f"{n:,} {kind}")
        place = {"lake": str(bench.work / f"lake-{kind}"), "parquet": str(bench.work / f"{kind}.parquet")}
        wide_parquet = str(bench.work / f"{kind}-wide.parquet")
        with_columns = kind == "columns"
        made = bench.function(
            panels, **place, wide_parquet=wide_parquet, patients=patients, names=n, wide_names=n if with_columns else 0
        )
        mine = bench.function(ours, lake=place["lake"], patients=patients, runs=runs)
        if with_columns:
            peer = bench.function(one_feature_each, wide_parquet=wide_parquet, folder=str(bench.work / "feast"),
                                  patients=patients, names=n, runs=runs)  # fmt: skip
            against, target = "Feast's default store, a feature a column", Target("at least", 10)
        else:
            peer = bench.function(pivoted, parquet=place["parquet"], patients=patients, runs=runs)
            against, target = "long table, DuckDB and a pandas pivot", Target("at least", 1)
        _same(mine.answer, peer.answer)
        what = f"{patients:,} patients x {n:,} {'proteins' if with_columns else kind}"
        figures.append(
            Figure(what, mine.text, f"{against}: {peer.text}", peer.seconds / mine.seconds, "x faster", target)
        )
        if not with_columns:
            figures.append(Figure(f"{what}, fetched with names", mine.text, "", mine.seconds, "s", Target("under", 10)))
            of_names, of_values = (float(str(made.answer[f"{part}_bytes"])) for part in ("names", "values"))
            sizes = f"{of_names / 1e6:.2f} MB", f"values: {of_values / 1e6:.1f} MB"
            figures.append(Figure(f"{what}: names on disk", *sizes, of_names / of_values, "x of the values"))
    return figures


def _same(mine: dict[str, object], peer: dict[str, object]) -> None:
    a, b = float(str(mine["sum"])), float(str(peer["sum"]))
    if mine["shape"] != peer["shape"] or abs(a - b) > 1e-9 * abs(b):
        raise RuntimeError(f"the matrices differ: {mine['shape']} and {peer['shape']}, {a} and {b}")


BENCHMARK = Benchmark(
    name="wide_omics",
    title="Wide omics",
    sizes={
        "tiny": {"patients": 20, "proteins": 50, "genes": 100, "columns": 20, "runs": 1},
        "small": {"patients": 100, "proteins": 5_400, "genes": 20_000, "columns": 200, "runs": 1},
        "full": {"patients": 500, "proteins": 5_400, "genes": 20_000, "columns": 1_000, "runs": 3},
    },
    run=run,
)
