"""Peak memory against the size of a delivery and the number of its files.

The real command ingests folders of long CSV that grow in bytes with files of one size, and one folder of the smallest
size in many small files. What counts is the resident memory of all processes (Python, JVM, workers) at its peak,
sampled ten times a second. There is no peer: the targets are the limit for the largest folder, and that it takes no
more than half as much again as the smallest.
"""

import shutil

from tests.bench.benchmark import Bench, Benchmark, Figure, Measured, Target, gib
from tests.bench.data import csv_bytes, vitals


def run(bench: Bench) -> list[Figure]:
    per_file, values = bench.sizes["values_per_file"], bench.sizes["values"]
    sizes = [values * bench.sizes[f"times_{i}"] for i in range(3)]
    lake = bench.work / "lake"

    def ingested(n: int, n_per_file: int) -> tuple[str, Measured]:
        folder = vitals(bench.data, "long", n, n_per_file)
        shutil.rmtree(lake, ignore_errors=True)
        measured = bench.oncolake("ingest", "vitals", folder, "--lake", lake)
        files = len(list(folder.glob("*.csv")))
        return f"{csv_bytes(folder) / 1e9:.2g} GB in {files:,} files ({n:,} values)", measured

    runs = [ingested(n, per_file) for n in dict.fromkeys(sizes)]
    runs.append(ingested(sizes[0], per_file // bench.sizes["split"]))
    first, largest = runs[0][1], runs[len(set(sizes)) - 1]
    figures = [
        Figure(what, m.text, "", m.peak_bytes / 2**30, "GiB", Target("at most", 4) if m is largest[1] else None)
        for what, m in runs
    ]
    peer = f"{runs[0][0]}: {gib(first.peak_bytes)}"
    for what, m in (largest, runs[-1]):
        growth = m.peak_bytes / first.peak_bytes
        figures.append(Figure(f"growth to {what}", gib(m.peak_bytes), peer, growth, "x", Target("at most", 1.5)))
    return figures


BENCHMARK = Benchmark(
    name="memory",
    title="Peak memory",
    sizes={
        "tiny": {"values": 20_000, "values_per_file": 10_000, "times_0": 1, "times_1": 1, "times_2": 1, "split": 5},
        "small": {"values": 500_000, "values_per_file": 250_000, "times_0": 1, "times_1": 2, "times_2": 4, "split": 25},
        # 0.5, 1 and 5 GB; 25 MB a file, and 0.25 MB in the folder of many.
        "full": {"values": 5_400_000, "values_per_file": 270_000, "times_0": 1, "times_1": 2, "times_2": 10,
                 "split": 100},
    },
    run=run,
)  # fmt: skip
