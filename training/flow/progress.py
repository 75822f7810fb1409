"""Says what is being done and about how long it will still take."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

Progress = Callable[[str, int, int], None]
"""(what is being done, steps done, steps in all)."""
FEWEST_STEPS = 3
MINUTE = 60.0


@dataclass
class Countdown:
    """Counts steps of unlike length; the rest is taken to last as long a step as what was done so far."""

    tell: Progress
    total: int
    clock: Callable[[], float] = time.monotonic
    done: int = 0
    timed: int = 0
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock()

    def say(self, what: str) -> None:
        """What is being done now."""
        self.tell(f"{what}{self.remaining()}", self.done, self.total)

    def step(self, *, is_new: bool = True) -> None:
        """A step is done. is_new: False where it says nothing of the time that the others take."""
        self.done += 1
        self.timed += is_new

    def remaining(self) -> str:
        """', about 4 min left'; empty while too little is done to tell."""
        if self.timed < FEWEST_STEPS:
            return ""
        seconds = (self.clock() - self.began) / self.timed * (self.total - self.done)
        about = f"{seconds:.0f} s" if seconds < MINUTE else f"{seconds / MINUTE:.0f} min"
        return f", about {about} left"
