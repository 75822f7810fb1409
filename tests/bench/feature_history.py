"""Cost against the length of the history: the same labels, and 1, 10, 100 and 1,000 rows a key before them.

Ours through Feast over Delta, with knowledge time on; Feast's own DuckDB store over the same Parquet files beside it.
What is held to a target is the time for each row that takes part (labels and history) against that of the
cheapest shorter history; a join that multiplies labels by history grows with the history's length instead.
"""

from tests.bench.benchmark import Bench, Benchmark, Figure, Target
from tests.bench.feature_retrieval import agree, feast_duckdb, ours
from tests.bench.feature_tables import labels, tables


def run(bench: Bench) -> list[Figure]:
    keys, n = bench.sizes["keys"], bench.sizes["labels"]
    asked = str(labels(bench.data, n, keys))
    figures: list[Figure] = []
    best = their_best = float("inf")
    for length in [10**i for i in range(bench.sizes["lengths"])]:
        rows = keys * length
        given = {"folder": str(tables(bench.data, rows, keys, 1)), "asked": asked}
        registry = str(bench.work / f"{length}")
        mine = bench.function(ours, **given, registry=registry, views=1, runs=bench.sizes["runs"])
        theirs = bench.function(feast_duckdb, **given, registry=registry)
        agree(mine, theirs)
        each, their_each = mine.seconds / (n + rows) * 1e6, theirs.seconds / (n + rows) * 1e6
        best, their_best = min(best, each), min(their_best, their_each)
        figures.append(
            Figure(
                f"{n:,} labels, {length:,} rows a key: a row's time against the cheapest so far",
                f"{mine.seconds:.3f} s, {each:.2f} us a row",
                f"Feast's DuckDB store: {theirs.seconds:.2f} s, {their_each:.2f} us a row "
                f"({their_each / their_best:.1f} x)",
                each / best,
                "x",
                Target("at most", 2),
            )
        )
    return figures


BENCHMARK = Benchmark(
    name="feature_history",
    title="Retrieval against the length of the history",
    sizes={
        "tiny": {"labels": 500, "keys": 50, "lengths": 2, "runs": 1},
        "small": {"labels": 2_000, "keys": 500, "lengths": 4, "runs": 3},
        "full": {"labels": 20_000, "keys": 2_000, "lengths": 4, "runs": 5},
    },
    run=run,
)
