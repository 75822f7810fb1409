"""Fuzzes every reader of the registry: `make fuzz`, or `python -m tests.ingestion.fuzz --help`.

A failing file is kept, and a line says how to read it again. Failures of one kind are shown once.
"""

import argparse
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

from tests.ingestion.fuzz.cases import SITES, Outcome, mutated, written
from tests.ingestion.fuzz.seeds import SEEDS, formats, no_seed
from tests.ingestion.fuzz.watchdog import Worker

MODULE = "python -m tests.ingestion.fuzz"


@dataclass
class Tally:
    """Of one format. slowest: seconds and the case's number. failures: by kind, how often, and the first case."""

    cases: int = 0
    records: int = 0
    refused: int = 0
    slowest: tuple[float, int] = (0.0, 0)
    failures: dict[str, tuple[int, int, str]] = field(default_factory=dict)

    def add(self, number: int, outcome: Outcome) -> list[str]:
        """Counts a case; returns failures of a kind not seen before."""
        before = set(self.failures)
        self.cases += 1
        self.records += outcome.records
        self.refused += bool(outcome.refusals)
        self.slowest = max(self.slowest, (outcome.seconds, number))
        for failure in outcome.failures:
            # The place tells one defect from another, not what was in the file.
            kind = re.sub(r"\(['\"].*['\"]\)|: .*", "", failure)
            n, first, text = self.failures.get(kind, (0, number, failure))
            self.failures[kind] = (n + 1, first, text)
        return [text for kind, (_, _, text) in self.failures.items() if kind not in before]


def run(names: list[str], numbers: range, seed: int, budget_seconds: float, workers: int) -> dict[str, Tally]:
    """Cases of all formats in turn, so that a run that ends early has seen all of them alike."""
    tallies = {name: Tally() for name in names}
    todo: SimpleQueue[tuple[str, int]] = SimpleQueue()
    for chunk in range(numbers.start, numbers.stop, 20):
        for name in names:
            for number in range(chunk, min(chunk + 20, numbers.stop)):
                todo.put((name, number))
    until, total, lock = time.monotonic() + budget_seconds, len(names) * len(numbers), threading.Lock()

    def work() -> None:
        with Worker() as worker:
            while time.monotonic() < until:
                try:
                    name, number = todo.get_nowait()
                except Empty:
                    return
                outcome = worker.run({"format": name, "number": number, "seed": seed})
                with lock:
                    for failure in tallies[name].add(number, outcome):
                        print(f"{name}, case {number}: {failure}", flush=True)  # noqa: T201

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    shown, done = -60.0, 0
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.5)
        if not sys.stderr.isatty() and time.monotonic() < shown + 60 and done < total:
            continue
        shown = time.monotonic()
        done = sum(t.cases for t in tallies.values())
        bad = sum(n for t in tallies.values() for n, _, _ in t.failures.values())
        bar = "#" * (30 * done // max(total, 1))
        end = "\r" if sys.stderr.isatty() else "\n"
        print(f"[{bar:30}] {done:,}/{total:,} files, {bad} failures  ", end=end, file=sys.stderr, flush=True)  # noqa: T201
    print(file=sys.stderr)  # noqa: T201
    return tallies


def report(tallies: dict[str, Tally], seed: int) -> Iterator[str]:
    """A line for each format, then for each kind of failure where its file is and how to read it again."""
    yield f"{'format':30}{'files':>8}{'records':>12}{'refused':>9}{'slowest s':>11}{'case':>7}{'failures':>10}"
    for name, t in tallies.items():
        failed = sum(n for n, _, _ in t.failures.values())
        yield f"{name:30}{t.cases:>8,}{t.records:>12,}{t.refused:>9,}{t.slowest[0]:>11.2f}{t.slowest[1]:>7}{failed:>10}"
    for name, t in tallies.items():
        for n, number, text in t.failures.values():
            folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-{number}-"))
            case = mutated(name, number, seed)
            path = written(case, folder)
            yield f"\n{name} ({n} files): {text}"
            yield f"  file: {path}"
            yield f"  again: {MODULE} --format {name} --case {number} --seed {seed}"
            yield f"     or: {MODULE} --format {name} --file '{path}' --site {_site_number(case.site)}"


def _site_number(site: object) -> int:
    return next((i for i, s in enumerate(SITES) if s == site), 0)


def main() -> int:
    parser = argparse.ArgumentParser(prog=MODULE, description="Mutated files for every reader of the registry.")
    parser.add_argument("--per-format", type=int, default=2_000, help="files for each format (default 2000)")
    parser.add_argument("--format", action="append", help="only this format; may be given again")
    parser.add_argument("--seed", type=int, default=4, help="of all randomness (default 4)")
    parser.add_argument("--case", type=int, help="one case only, by its number")
    parser.add_argument("--file", type=Path, help="one file that is there already")
    parser.add_argument("--site", type=int, default=0, help="with --file: 0 day first, 1 month first, 2 undeclared")
    parser.add_argument("--minutes", type=float, default=60.0, help="ends then, whatever is left (default 60)")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    asked = parser.parse_args()
    names = asked.format or list(formats())
    missing = [no_seed(name) for name in names if name not in SEEDS]
    if missing:
        print("\n".join(missing))  # noqa: T201
        return 1
    if asked.file or asked.case is not None:
        request = {"format": names[0], "number": asked.case, "seed": asked.seed}
        if asked.file:
            request = {"format": names[0], "path": str(asked.file.resolve()), "site": asked.site}
        with Worker() as worker:
            outcome = worker.run(request)
        print(outcome)  # noqa: T201
        return 1 if outcome.failures else 0
    print(f"seed {asked.seed}, {asked.per_format} files for each of {len(names)} formats")  # noqa: T201
    tallies = run(names, range(asked.per_format), asked.seed, asked.minutes * 60, asked.workers)
    print("\n".join(report(tallies, asked.seed)))  # noqa: T201
    short = [name for name, t in tallies.items() if t.cases < asked.per_format]
    if short:
        print(f"Not all files were read within {asked.minutes:g} minutes; fewest for {short[-1]}.")  # noqa: T201
    return 1 if short or any(t.failures for t in tallies.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
