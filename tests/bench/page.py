"""The page of results, as Markdown."""

from collections.abc import Sequence

from tests.bench.benchmark import Figure
from tests.bench.results import Result

HEAD = """# Benchmarks

Ours beside a peer, on the same generated data, each in a process of its own, one after the other in one run. A ratio
travels from machine to machine better than seconds do. Memory is the peak of the resident memory of all processes of
a run (Python, JVM, workers), summed, so that what they share is counted more than once. `load` is how many processes
wanted a core in the minute before: above 0 the machine was not idle.

This page is written by the command that measures; [tests/bench](../tests/bench/benchmark.py) holds what it runs.

```sh
{command}
```
"""


def page(results: Sequence[Result], command: str) -> str:
    """The whole page. Results of several machines or versions are told apart by a letter."""
    places = list(dict.fromkeys(_place(r) for r in results))
    parts = [HEAD.format(command=command)]
    for letter, place in zip(_letters(len(places)), places, strict=True):
        parts.append(f"Machine {letter}: {place}\n")
    for r in results:
        where = _letters(len(places))[places.index(_place(r))]
        parts.append(
            f"## {r.title}\n\n{r.description}\n\n"
            f"Measured {r.measured_at} on machine {where}, load {r.load:g}, at {r.commit or 'no commit'}, "
            f"in {r.seconds:,.0f} s: `python -m tests.bench {r.name} --scale {r.scale}`\n\n{_table(r.figures)}"
        )
    return "\n".join(parts)


def _place(r: Result) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in r.machine.items())
    return f"{machine}. {', '.join(f'{name} {value}' for name, value in r.versions.items())}."


def _letters(n: int) -> list[str]:
    return [chr(ord("A") + i) for i in range(n)]


def _table(figures: Sequence[Figure]) -> str:
    lines = ["| what | ours | peer | figure | target | |", "|---|---|---|---:|---|---|"]
    for f in figures:
        target = "" if f.target is None else f"{f.target.bound} {number(f.target.value)} {f.unit}"
        verdict = f"**{f.verdict}**" if f.is_met is False else f.verdict
        cells = (f.what, f.ours, f.peer, f"{number(f.value)} {f.unit}", target, verdict)
        escaped = (cell.replace("|", "\\|") for cell in cells)
        lines.append(f"| {' | '.join(escaped)} |")
    return "\n".join(lines) + "\n"


def number(value: float) -> str:
    """Three digits that count, and never an exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
