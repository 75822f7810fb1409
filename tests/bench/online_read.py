"""Reading features online, one entity after another and in batches, against Feast's own stores with their defaults.

Each entity has 50 numbers in one feature view, which suits Feast best: it asks for one view at a time. Both sides hold
the same values, in a SQLite file and in the same Redis server, keep their store open and answer as plain Python
columns; theirs through `get_online_features(...).to_dict()`, ours through the `OnlineReader` that `get_online` opens,
and once more through Feast's call on our store, which is what `feast serve` pays. Reads alternate within one process,
so that other work on the machine disturbs all alike. Redis is left out where no server is installed.
"""

import importlib.util
import random
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.benchmark import Bench, Benchmark, Figure, Target

if TYPE_CHECKING:
    from feast import FeatureStore, FeatureView

BATCHES = (1, 10, 100)
FEATURES = tuple(f"f{i:02d}" for i in range(50))
VIEW, SERVICE = "bench", "bench_v1"
WARM_UP = 10

Read = Callable[[Sequence[str]], dict[str, list[Any]]]


def latencies(folder: str, entities: int, reads: int, redis: str | None) -> dict[str, object]:
    """Milliseconds at the 50th and 99th percentile by store, batch and side; and whether all sides agreed."""
    names = [f"patient{i:06d}" for i in range(entities)]
    _declare()
    found: dict[str, object] = {}
    for store in ("sqlite", *(["redis"] if redis else [])):
        place = Path(folder) / store
        place.mkdir()
        sides = _sides(place, names, redis if store == "redis" else None)
        draw = random.Random(1)
        for batch in BATCHES:
            for _ in range(WARM_UP):
                answers = [read(asked := draw.choices(names, k=batch)) for read in sides.values()]
            asked = draw.sample(names, batch)
            answers = [read(asked) for read in sides.values()]
            if any(answer != answers[0] for answer in answers) or len(answers[0]) != len(FEATURES):
                raise AssertionError("the sides do not give the same values")
            spent: dict[str, list[int]] = {side: [] for side in sides}
            for _ in range(reads):
                asked = draw.choices(names, k=batch)
                for side, read in sides.items():
                    began = time.perf_counter_ns()
                    read(asked)
                    spent[side].append(time.perf_counter_ns() - began)
            found[f"{store}/{batch}"] = {side: _percentiles(took) for side, took in spent.items()}
    return found


def _percentiles(took: list[int]) -> list[float]:
    took.sort()
    return [took[len(took) // 2] / 1e6, took[min(len(took) - 1, len(took) * 99 // 100)] / 1e6]


def _declare() -> None:
    """A feature view and a service of the benchmark's own among the declared ones."""
    from features.store.services import SERVICES
    from features.tables import VIEWS
    from features.view import Feature, GoldView

    features = tuple(Feature(name, "double", "A number.", f"{name}/1", ()) for name in FEATURES)
    VIEWS[VIEW] = GoldView(VIEW, "patient", "Fifty numbers.", (), features, lambda silver: silver[VIEW])
    SERVICES[SERVICE] = {VIEW: None}


def _sides(folder: Path, names: Sequence[str], redis: str | None) -> dict[str, Read]:
    """Stores with the same values: ours, ours through Feast, and Feast's own."""
    import deltalake
    import numpy as np
    import pyarrow as pa

    from features.online.reading import OnlineReader
    from features.store.repository import materialize
    from infra.lake import Lake

    values = np.random.default_rng(1).normal(size=(len(FEATURES), len(names)))
    at = pa.array(np.full(len(names), 1_767_225_600_000_000), pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    gold = pa.table(
        {
            "patient_id": pa.array(names),
            "event_time": at,
            "known_time": at,
            **dict(zip(FEATURES, values, strict=True)),
            "file_ids": pa.nulls(len(names), pa.list_(pa.string())),
        }
    )
    lake = Lake.at(folder / "lake")
    deltalake.write_deltalake(lake.gold(VIEW), gold)
    materialize(lake, online=redis or "sqlite")
    reader = OnlineReader.open(lake, redis or "sqlite")
    through = _feast(folder, "through", {"type": "features.online.store.OncolakeOnlineStore", "url": redis or
                                         f"sqlite:{lake.root}/feast/online.db"})  # fmt: skip
    address = (redis or "").removeprefix("redis://").split("/")[0]
    own = _feast(folder, "own", {"type": "redis", "connection_string": f"{address},db=1"} if redis else
                 {"type": "sqlite", "path": str(folder / "feast.db")})  # fmt: skip
    own.write_to_online_store(VIEW, gold.drop(["file_ids"]).to_pandas())
    return {
        "ours": lambda asked: reader.get(SERVICE, asked),
        "through Feast": _reading(through),
        "Feast": _reading(own),
    }


def _feast(folder: Path, name: str, online: dict[str, str]) -> "FeatureStore":
    from feast import Entity, FeatureService, FeatureStore, FileSource, RepoConfig
    from feast.value_type import ValueType

    store = FeatureStore(
        config=RepoConfig(
            project="oncolake", provider="local", registry=str(folder / f"{name}.registry"), online_store=online,
            entity_key_serialization_version=3,
        )
    )  # fmt: skip
    patient = Entity(name="patient", join_keys=["patient_id"], value_type=ValueType.STRING)
    source = FileSource(
        path=str(folder / "never_read.parquet"), timestamp_field="event_time", created_timestamp_column="known_time"
    )
    view = _view(patient, source)
    store.apply([patient, view, FeatureService(name=SERVICE, features=[view])])
    return store


def _view(entity: Any, source: Any) -> "FeatureView":
    from datetime import timedelta

    from feast import FeatureView, Field
    from feast.types import Float64, String

    schema = [Field(name="patient_id", dtype=String), *(Field(name=name, dtype=Float64) for name in FEATURES)]
    return FeatureView(name=VIEW, entities=[entity], ttl=timedelta(0), schema=schema, source=source)


def _reading(store: "FeatureStore") -> Read:
    service = store.get_feature_service(SERVICE)

    def read(asked: Sequence[str]) -> dict[str, list[Any]]:
        answer: dict[str, list[Any]] = store.get_online_features(
            features=service, entity_rows=[{"patient_id": name} for name in asked], full_feature_names=True
        ).to_dict()
        answer.pop("patient_id")
        return answer

    return read


def run(bench: Bench) -> list[Figure]:
    from tests.features.servers import redis_server

    with ExitStack() as stack:
        redis = None
        if shutil.which("redis-server") and importlib.util.find_spec("redis"):
            (bench.work / "redis-server").mkdir()
            redis = stack.enter_context(redis_server(bench.work / "redis-server"))
        else:
            bench.say("Redis is left out: its server or client is not installed")
        found = bench.function(latencies, folder=str(bench.work), redis=redis, **bench.sizes).answer
    figures = []
    for name, sides in found.items():
        store, batch = name.split("/")
        assert isinstance(sides, dict)
        ours, through, theirs = (sides[side] for side in ("ours", "through Feast", "Feast"))
        title = {"sqlite": "SQLite", "redis": "Redis"}[store]
        for at, percentile in enumerate(("p50", "p99")):
            what = f"{title}, {batch} x 50 features, {percentile}"
            peer = f"Feast's own store: {theirs[at]:.2f} ms"
            target = Target("at least", 1)
            figures.append(Figure(what, f"{ours[at]:.3f} ms", peer, theirs[at] / ours[at], "x faster", target))
            figures.append(
                Figure(
                    f"{what}, through Feast's call", f"{through[at]:.2f} ms", peer, theirs[at] / through[at], "x faster"
                )
            )
    return figures


BENCHMARK = Benchmark(
    name="online_read",
    title="Reading features online",
    sizes={
        "tiny": {"entities": 200, "reads": 20},
        "small": {"entities": 2_000, "reads": 300},
        "full": {"entities": 10_000, "reads": 1_000},
    },
    run=run,
)
