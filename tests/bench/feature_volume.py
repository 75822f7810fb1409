"""Ten million labels against twenty million feature rows, in one process, from a pandas frame to a pandas frame.

Through `FeatureStore.get_historical_features(...).to_df()` over Delta, four features of one view, knowledge time on.
What counts are the memory of the whole process at its peak (the label frame and the result are in it) and labels a
second. There is no peer that does it: the best published figure for such a join to pandas is 967,000 rows a second, on
16 cores (Hopsworks, 2023, three feature groups).
"""

import time

from tests.bench.benchmark import Bench, Benchmark, Figure, Target, gib
from tests.bench.feature_tables import label_frame, labels, ours, references, tables


def retrieve(folder: str, asked: str, registry: str) -> dict[str, object]:
    frame = label_frame(asked)
    store = ours(folder, registry, 1)
    began, cpu = time.monotonic(), time.process_time()
    got = store.get_historical_features(frame, references(1)).to_df()
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    return {"seconds": seconds, "cpu": cpu, "rows": len(got), "given": int(got["f0"].count())}


def run(bench: Bench) -> list[Figure]:
    n, rows, keys = (bench.sizes[name] for name in ("labels", "rows", "keys"))
    measured = bench.function(
        retrieve,
        folder=str(tables(bench.data, rows, keys, 1)),
        asked=str(labels(bench.data, n, keys)),
        registry=str(bench.work / "registry"),
    )
    if measured.answer["rows"] != n or not 0.9 * n < int(str(measured.answer["given"])) <= n:
        raise RuntimeError(f"{n} labels were asked and the answer is {measured.answer}")
    size = f"{n:,} labels x {rows:,} rows"
    peak, cpu = measured.peak_bytes, float(str(measured.answer["cpu"]))
    return [
        Figure(f"{size}: peak memory", gib(peak), "", peak / 2**30, "GiB", Target("at most", 8)),
        Figure(f"{size}: labels a second", f"{measured.seconds:.1f} s ({cpu:.1f} s of CPU time)", "",
               n / measured.seconds, "rows/s"),
    ]  # fmt: skip


BENCHMARK = Benchmark(
    name="feature_volume",
    title="Features for ten million labels",
    sizes={
        "tiny": {"labels": 5_000, "rows": 10_000, "keys": 100},
        "small": {"labels": 1_000_000, "rows": 2_000_000, "keys": 20_000},
        "full": {"labels": 10_000_000, "rows": 20_000_000, "keys": 200_000},
    },
    run=run,
)
