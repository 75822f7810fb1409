"""`oncolake ingest` of one small file into an empty lake, as a person starts it: nothing runs beforehand.

The whole process counts: Python, imports, the JVM, the session, reading, judging, the first commit, the validation for
the record, the ledger, and the way out. The repetition of the same command, which starts no JVM, is beside it. There is
no peer; the figure is seconds.
"""

import shutil

from tests.bench.benchmark import Bench, Benchmark, Figure, Target, fastest
from tests.bench.data import vitals


def run(bench: Bench) -> list[Figure]:
    (path,) = vitals(bench.data, "wide", 2_000, 2_000).glob("*.csv")
    lake = bench.work / "lake"
    arguments = ("ingest", "vitals", path, "--lake", lake)
    runs = []
    for _ in range(bench.sizes["runs"]):
        shutil.rmtree(lake, ignore_errors=True)
        runs.append(bench.oncolake(*arguments))
    cold = fastest(*runs)
    again = fastest(*(bench.oncolake(*arguments) for _ in runs))
    median = sorted(r.wall_seconds for r in runs)[len(runs) // 2]
    cpu = f"{cold.cpu_seconds:.1f} s of CPU time; median of {len(runs)}: {median:.1f} s"
    return [
        Figure(f"2,000 values, cold; fastest of {len(runs)}", f"{cold.text} ({cpu})", "", cold.wall_seconds, "s",
               Target("under", 15)),
        Figure("the same file again, cold", again.text, "", again.wall_seconds, "s"),
    ]  # fmt: skip


BENCHMARK = Benchmark(
    name="cold_start",
    title="Cold start",
    sizes={"tiny": {"runs": 1}, "small": {"runs": 2}, "full": {"runs": 5}},
    run=run,
)
