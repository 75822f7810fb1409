"""What a benchmark is, and what it says on the page.

A benchmark is a module of this folder: its docstring says what is compared with which peer and becomes the text of its
section, and its BENCHMARK is listed in `registry.py`. Heavy libraries are imported by the measured functions alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Scale = Literal["tiny", "small", "full"]
"""tiny: keeps the code from rotting. small: a look in minutes. full: what the page of the docs shows."""


@dataclass(frozen=True)
class Target:
    """What a figure is held to."""

    bound: Literal["at most", "at least", "under"]
    value: float

    def is_met(self, measured: float) -> bool:
        match self.bound:
            case "at most":
                return measured <= self.value
            case "under":
                return measured < self.value
            case "at least":
                return measured >= self.value


@dataclass(frozen=True)
class Figure:
    """One line of the page.

    what: what was measured, with its size. ours, peer: as measured, with unit. value: the number that counts, in
    `unit` ('x' for a ratio); where there is a peer, a ratio within the same run.
    """

    what: str
    ours: str
    peer: str
    value: float
    unit: str
    target: Target | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        return None if self.target is None else self.target.is_met(self.value)

    @property
    def verdict(self) -> str:
        """The same in a word."""
        return {None: "", True: "met", False: "missed"}[self.is_met]


@dataclass(frozen=True)
class Measured:
    """One process from outside: wall seconds, seconds of all its processes' CPU time, peak of their resident memory.

    answer: what the measured function returned; of a command, its JSON answer.
    Memory that several processes share counts once for each, so that the peak is an upper bound.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    answer: dict[str, object]

    @property
    def seconds(self) -> float:
        """The measured part alone, as the function timed it; without one, the whole process."""
        return float(str(self.answer.get("seconds", self.wall_seconds)))

    @property
    def text(self) -> str:
        """Seconds and memory, for the page."""
        return f"{self.seconds:.1f} s, {gib(self.peak_bytes)}"


def gib(n_bytes: float) -> str:
    return f"{n_bytes / 2**30:.2f} GiB"


class Bench(Protocol):
    """What a benchmark may ask for while it runs."""

    sizes: Mapping[str, int]
    data: Path
    """Generated data, kept between runs."""
    work: Path
    """Lakes and tables of this run; empty at the start and removed at the end."""

    def function(self, function: Callable[..., dict[str, object]], **arguments: object) -> Measured:
        """Runs a function of a module, with arguments that JSON can hold, in a process of its own."""
        ...

    def oncolake(self, *arguments: object) -> Measured:
        """Runs the real command `oncolake ... --json`, cold."""
        ...

    def say(self, step: str) -> None:
        """Shows what is being done."""
        ...


@dataclass(frozen=True)
class Benchmark:
    """name: on the command line. sizes: by scale, the numbers that `run` goes by."""

    name: str
    title: str
    sizes: Mapping[Scale, Mapping[str, int]]
    run: Callable[[Bench], list[Figure]]


def fastest(*runs: Measured) -> Measured:
    """The run that other work on the machine disturbed least."""
    return min(runs, key=lambda m: m.seconds)
