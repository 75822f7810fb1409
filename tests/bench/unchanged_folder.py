"""A landing folder whose files were all ingested before, found unchanged by the real command, cold.

The files are ingested by the real command first. Then the same command over the same folder is timed as a whole
process: start of Python, hash of every file, look into the ledger, answer. No file is taken for unchanged by its name,
size or date: the content decides. There is no peer; the figure is seconds. `sha256sum` over the same files is beside
it, for what the hashing alone takes.
"""

import subprocess

from tests.bench.benchmark import Bench, Benchmark, Figure, Target, fastest
from tests.bench.child import timed
from tests.bench.data import vitals


def sha256sum(folder: str) -> dict[str, object]:
    answer: dict[str, object] = {}
    with timed(answer):
        command = ("find", folder, "-name", "*.csv", "-exec", "sha256sum", "{}", "+")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return answer


def run(bench: Bench) -> list[Figure]:
    n, per_file = bench.sizes["files"], bench.sizes["values_per_file"]
    folder = vitals(bench.data, "wide", n * per_file, per_file)
    arguments = ("ingest", "vitals", folder, "--lake", bench.work / "lake")
    first = bench.oncolake(*arguments)
    again = fastest(*(bench.oncolake(*arguments) for _ in range(bench.sizes["runs"])))
    peer = bench.function(sha256sum, folder=str(folder))
    statuses = {f["status"] for f in again.answer["files"]}  # type: ignore[attr-defined]
    if statuses != {"unchanged"}:
        raise RuntimeError(f"files were found {statuses}; expected them unchanged")
    values = f"{n:,} files of {per_file:,} values"
    return [
        Figure(f"{values}, unchanged", again.text, f"sha256sum: {peer.text}", again.wall_seconds, "s",
               Target("under", 10)),
        Figure(f"{values}, ingested for the first time", first.text, "", first.wall_seconds, "s"),
    ]  # fmt: skip


BENCHMARK = Benchmark(
    name="unchanged_folder",
    title="A folder that is already ingested",
    sizes={
        "tiny": {"files": 20, "values_per_file": 100, "runs": 1},
        "small": {"files": 1_000, "values_per_file": 200, "runs": 3},
        "full": {"files": 10_000, "values_per_file": 200, "runs": 3},
    },
    run=run,
)
