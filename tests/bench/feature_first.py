"""The first retrieval of a fresh Python process, and the next one: 1,000 labels x 5 views, into a pandas frame.

`import feast` is done before the clock starts and is shown beside it. What counts from there: opening the store,
reading the registry, importing what joins, reading the tables, the join, the frame. There is no peer; the figures are
seconds.
"""

import time

from tests.bench.benchmark import Bench, Benchmark, Figure, Target, fastest
from tests.bench.feature_tables import label_frame, labels, ours, references, tables

VIEWS = 5


def registered(folder: str, registry: str) -> dict[str, object]:
    """Registers the views, which belongs to no retrieval."""
    ours(folder, registry, VIEWS)
    return {}


def first_and_next(folder: str, asked: str, registry: str) -> dict[str, object]:
    frame = label_frame(asked)
    began = time.monotonic()
    import feast  # noqa: F401  (measured by itself)

    imported = time.monotonic()
    store = ours(folder, registry, VIEWS)
    rows = len(store.get_historical_features(frame, references(VIEWS), full_feature_names=True).to_df())
    first = time.monotonic()
    rows += len(store.get_historical_features(frame, references(VIEWS), full_feature_names=True).to_df())
    after = time.monotonic()
    return {"seconds": first - imported, "next": after - first, "import": imported - began, "rows": rows}


def run(bench: Bench) -> list[Figure]:
    n, rows, keys = (bench.sizes[name] for name in ("labels", "rows", "keys"))
    given = {
        "folder": str(tables(bench.data, rows, keys, VIEWS)),
        "registry": str(bench.work / "registry"),
    }
    bench.function(registered, **given)
    asked = str(labels(bench.data, n, keys))
    runs = [bench.function(first_and_next, **given, asked=asked) for _ in range(bench.sizes["runs"])]
    if any(r.answer["rows"] != 2 * n for r in runs):
        raise RuntimeError(f"{n} labels were asked twice and the answers are {[r.answer for r in runs]}")
    best = fastest(*runs)
    then = min(float(str(r.answer["next"])) for r in runs)
    size = f"{n:,} labels x {VIEWS} views of {rows:,} rows"
    beside = f"import feast alone: {float(str(best.answer['import'])):.1f} s"
    return [
        Figure(f"{size}, first of a process; fastest of {len(runs)}", f"{best.seconds:.2f} s", beside, best.seconds,
               "s", Target("under", 1)),
        Figure(f"{size}, the next", f"{then:.2f} s", "", then, "s", Target("under", 0.3)),
    ]  # fmt: skip


BENCHMARK = Benchmark(
    name="feature_first",
    title="The first retrieval of a process",
    sizes={
        "tiny": {"labels": 100, "rows": 1_000, "keys": 20, "runs": 1},
        "small": {"labels": 1_000, "rows": 100_000, "keys": 1_000, "runs": 2},
        "full": {"labels": 1_000, "rows": 200_000, "keys": 2_000, "runs": 5},
    },
    run=run,
)
