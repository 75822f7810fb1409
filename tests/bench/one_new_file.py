"""One new small file into a lake that holds many rows, against the same into an empty lake.

Both are the real command, cold, each time with another file of the same size, in turn; and once more within a running
session, where the start of Python and of the JVM does not hide the difference. The rows of the large lake come from
one ingestion of monitor archives, and the new files are other cases, which is what arrives in practice.
"""

import shutil
from pathlib import Path

from tests.bench.benchmark import Bench, Benchmark, Figure, Target, fastest
from tests.bench.child import session, settings
from tests.bench.data import vitals

FIRST_NEW = 900_000


def warm(paths: list[str], lake: str, fresh: str) -> dict[str, object]:
    """Seconds of each file: into the lake, and into an empty one; the first of each is a warm-up and is left out."""
    import time

    from infra.lake import Lake
    from ingestion.discovery import Delivery
    from ingestion.pipeline import ingest

    spark, known = session(), settings()
    into: dict[str, list[float]] = {"large": [], "empty": []}
    for i, path in enumerate(paths):
        for name, place in (("empty", f"{fresh}-{i}"), ("large", lake)):
            began = time.monotonic()
            report = ingest("vitals", [Delivery(Path(path), "bench")], Lake.at(place), known, lambda: spark)
            into[name].append(time.monotonic() - began)
            if not report.count("ingested"):
                raise AssertionError(f"a new file was {report.files[0].status}")
    return {name: min(seconds[1:] or seconds) for name, seconds in into.items()}


def run(bench: Bench) -> list[Figure]:
    n, per_file, runs = bench.sizes["values"], bench.sizes["values_per_file"], bench.sizes["runs"]
    large, fresh = bench.work / "large", bench.work / "fresh"
    archive = vitals(bench.data, "wide", n, per_file)
    new = sorted(vitals(bench.data, "wide", 2_000 * 2 * (runs + 1), 2_000, FIRST_NEW).glob("*.csv"))
    filled = bench.oncolake("ingest", "vitals", archive, "--lake", large)
    into_empty, into_large = [], []
    for path in new[:runs]:
        shutil.rmtree(fresh, ignore_errors=True)
        into_empty.append(bench.oncolake("ingest", "vitals", path, "--lake", fresh))
        into_large.append(bench.oncolake("ingest", "vitals", path, "--lake", large))
    empty, full = fastest(*into_empty), fastest(*into_large)
    inside = bench.function(warm, paths=[str(p) for p in new[runs:]], lake=str(large), fresh=str(fresh)).answer
    within_large, within_empty = float(str(inside["large"])), float(str(inside["empty"]))
    rows = sum(f["accepted"] for f in filled.answer["files"])  # type: ignore[attr-defined]
    what = f"2,000 values into a lake of {rows:,} rows"
    target = Target("at most", 1.5)
    return [
        Figure(f"{what}, the command", full.text, f"an empty lake: {empty.text}", full.seconds / empty.seconds, "x",
               target),
        Figure(f"{what}, in a running session", f"{within_large:.2f} s", f"an empty lake: {within_empty:.2f} s",
               within_large / within_empty, "x", target),
    ]  # fmt: skip


BENCHMARK = Benchmark(
    name="one_new_file",
    title="One new file into a large lake",
    sizes={
        "tiny": {"values": 20_000, "values_per_file": 10_000, "runs": 1},
        "small": {"values": 1_000_000, "values_per_file": 100_000, "runs": 2},
        "full": {"values": 20_000_000, "values_per_file": 200_000, "runs": 3},
    },
    run=run,
)
