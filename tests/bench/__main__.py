"""python -m tests.bench [NAME ...] [--scale small|full] [--json]: measures, keeps the results, writes the page.

Exit codes: 0 measured (whether or not a target was met: the page says so), 1 a benchmark failed, 2 wrong usage.
"""

import argparse
import inspect
import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from oncolake import show
from tests.bench.benchmark import Benchmark, Measured, Scale
from tests.bench.machine import commit, load, machine, versions
from tests.bench.page import number, page
from tests.bench.process import ROOT, measure
from tests.bench.registry import BENCHMARKS
from tests.bench.results import Result, keep, kept

BUILD = ROOT / "build" / "bench"


@dataclass(frozen=True)
class Run:
    """The Bench of one benchmark at one scale."""

    sizes: Mapping[str, int]
    data: Path
    work: Path
    say: Callable[[str], None] = field(repr=False)

    def function(self, function: Callable[..., dict[str, object]], **arguments: object) -> Measured:
        self.say(function.__name__)
        answer = self.work / "answer.json"
        code = [sys.executable, "-m", "tests.bench.child", function.__module__, function.__name__]
        return measure([*code, json.dumps(arguments), str(answer)], self.work, answer)

    def oncolake(self, *arguments: object) -> Measured:
        self.say(f"oncolake {arguments[0]}")
        command = [str(Path(sys.executable).with_name("oncolake")), *map(str, arguments), "--json", "--quiet"]
        return measure(command, self.work)


def run(benchmark: Benchmark, scale: Scale, build: Path, say: Callable[[str], None]) -> Result:
    """Measures one benchmark in a fresh folder of work, which is removed again."""
    work, data = build / "work" / benchmark.name, build / "data"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    data.mkdir(parents=True, exist_ok=True)
    before, began, at = load(), time.monotonic(), datetime.now(UTC)
    try:
        figures = benchmark.run(Run(benchmark.sizes[scale], data, work, say))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    description = inspect.getdoc(inspect.getmodule(benchmark.run)) or ""
    return Result(
        benchmark.name, benchmark.title, description, scale, tuple(figures), f"{at:%Y-%m-%d %H:%M} UTC",
        time.monotonic() - began, before, commit(), machine(), versions(),
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(BENCHMARKS)}")
    parser.add_argument("--scale", choices=get_args(Scale), default="full")
    parser.add_argument("--json", action="store_true", help="the results as JSON on standard output")
    parser.add_argument("--build", type=Path, default=BUILD, help="folder of data, work and results")
    parser.add_argument("--page", type=Path, help="default: docs/benchmarks.md for full, else in the build folder")
    parser.add_argument("--page-only", action="store_true", help="write the page from the results that there are")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.names) - set(BENCHMARKS)):
        parser.error(f"there is no benchmark {', '.join(unknown)}; expected some of {', '.join(BENCHMARKS)}")
    names = [] if asked.page_only else asked.names or list(BENCHMARKS)
    build, failed, results = asked.build.resolve(), [], []
    for i, name in enumerate(names):
        with show.steps(f"{name} ({i + 1} of {len(names)})") as step:
            try:
                results.append(run(BENCHMARKS[name], asked.scale, build, step))
            except RuntimeError as error:
                failed.append(f"{name}: {error}")
                continue
        keep(results[-1], build / "results")
    path = asked.page or (
        ROOT / "docs" / "benchmarks.md" if asked.scale == "full" else build / f"benchmarks.{asked.scale}.md"
    )
    command = "make bench" if asked.scale == "full" else f"python -m tests.bench --scale {asked.scale}"
    path.write_text(page(kept(build / "results", asked.scale, BENCHMARKS), command))
    if asked.json:
        show.print_json([r.as_json() for r in results])
    else:
        for r in results:
            rows = [(f.what, f.ours, f.peer, f"{number(f.value)} {f.unit}", f.verdict) for f in r.figures]
            show.print_table(r.title, ("what", "ours", "peer", "figure", "target"), rows)
        show.out.print(f"{path}", markup=False)
    for sentence in failed:
        sys.stderr.write(f"{sentence}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
