"""The leakage test of a training set, against fetching the same set.

Label rows are asked at random times of patients with histories of ten rows a view, for every feature of the survival
service. Ours derives each value of the frame again from the gold tables and holds the features against the labels, as
every training does before anything is fitted. Beside it stands what fetching the frame took in the same process: a test
that takes long would not be run. Both read the tables anew; of three runs the fastest counts, for both.
"""

from pathlib import Path

from tests.bench.benchmark import Bench, Benchmark, Figure, Target
from tests.bench.child import timed

SERVICE = "overall_survival_v1"
ROWS_EACH = 10
DAYS = 100
RUNS = 3


def write(lake: str, patients: int) -> dict[str, object]:
    """Gold tables of random numbers: ROWS_EACH rows a patient in each view, reported up to ten days late."""
    import deltalake
    import numpy as np
    import pyarrow as pa

    from features.store.repository import apply
    from features.store.services import SERVICES
    from features.tables import VIEWS
    from infra.lake import Lake
    from infra.table import arrow_type

    random, n, place = np.random.default_rng(0), patients * ROWS_EACH, Lake.at(lake)
    utc = pa.timestamp("us", tz="UTC")
    for name in SERVICES[SERVICE]:
        event = random.integers(0, DAYS * 86_400, n)
        columns = {
            "patient_id": pa.array([f"p{i % patients}" for i in range(n)]),
            "event_time": pa.array(event * 1_000_000).cast(utc),
            "known_time": pa.array((event + random.integers(0, 10 * 86_400, n)) * 1_000_000).cast(utc),
        }
        for f in VIEWS[name].features:
            if f.type in ("double", "int", "boolean"):
                values = random.normal(0, 100, n)
                columns[f.name] = pa.array(values > 0 if f.type == "boolean" else values).cast(
                    arrow_type(f.type), safe=False
                )
        columns["file_ids"] = pa.array([["f"]] * n)
        deltalake.write_deltalake(place.gold(name), pa.table(columns))
    apply(place)
    return {"rows": n * len(SERVICES[SERVICE])}


def both(lake: str, labels: int, patients: int) -> dict[str, object]:
    """Seconds of fetching and of testing, each the fastest of some runs."""
    import numpy as np
    import pandas as pd

    from features.leakage.check import check
    from features.retrieval import retrieve
    from infra.lake import Lake

    random, place = np.random.default_rng(1), Lake.at(lake)
    asked = pd.DataFrame(
        {
            "patient_id": [f"p{i % patients}" for i in range(labels)],
            "event_timestamp": pd.to_datetime(random.integers(0, DAYS * 86_400, labels), unit="s", utc=True),
            "time_days": random.exponential(300, labels),
            "is_event": random.random(labels) < 0.4,
        }
    )
    fetching, testing = [], []
    for _ in range(RUNS):
        answer: dict[str, object] = {}
        with timed(answer):
            got = retrieve(place, SERVICE, asked)
        fetching.append(float(str(answer["seconds"])))
        with timed(answer):
            report = check(place, got.frame, versions=got.table_versions)
        testing.append(float(str(answer["seconds"])))
        assert report.is_clean
    return {"seconds": min(testing), "fetching": min(fetching), "values": report.n_values}


def run(bench: Bench) -> list[Figure]:
    lake = str(Path(bench.work) / "lake")
    labels, patients = bench.sizes["labels"], bench.sizes["patients"]
    bench.say("writing gold tables")
    bench.function(write, lake=lake, patients=patients)
    bench.say("fetching and testing")
    measured = bench.function(both, lake=lake, labels=labels, patients=patients)
    fetching = float(str(measured.answer["fetching"]))
    features = int(str(measured.answer["values"])) // labels
    return [
        Figure(
            f"{labels:,} labels x {features} features: tested",
            f"{measured.seconds:.2f} s",
            f"fetched: {fetching:.2f} s",
            measured.seconds,
            "s",
            Target("under", 2),
        ),
        Figure(
            "values derived again, a second",
            f"{measured.seconds:.2f} s",
            "",
            float(str(measured.answer["values"])) / measured.seconds,
            "values/s",
        ),
    ]


BENCHMARK = Benchmark(
    "feature_leakage",
    "The leakage test of a training set",
    {
        "tiny": {"labels": 50, "patients": 10},
        "small": {"labels": 2_000, "patients": 400},
        "full": {"labels": 10_000, "patients": 2_000},
    },
    run,
)
