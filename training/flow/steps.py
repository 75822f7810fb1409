"""Pieces of a candidate's work: each is done once, whatever happens to the process in between."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.flow.checkpoints import Checkpoints
from training.flow.evaluator import Work
from training.flow.progress import Countdown
from training.tracking import Recorder


@dataclass(frozen=True)
class RecordedSteps:
    """The `Step` of a run: keeps each result beside the run, then writes its children."""

    recorder: Recorder
    checkpoints: Checkpoints
    countdown: Countdown

    @classmethod
    def of(cls, recorder: Recorder, countdown: Countdown) -> "RecordedSteps":
        return cls(recorder, Checkpoints(recorder.artifacts / "checkpoints"), countdown)

    def __call__(self, work: Work) -> Any:
        return self.all([work], jobs=1)[0]

    def all(self, works: Sequence[Work], jobs: int) -> list[Any]:
        from training.parallel import each

        new = [work for work in works if work.key not in self.checkpoints]
        computed = each([work.do for work in new], jobs)
        results = []
        for work in works:
            self._say(work)
            if is_new := work in new:
                result = next(computed)
                self.checkpoints.save(work.key, result)
            else:
                result = self.checkpoints.load(work.key)
            self.recorder.children(work.children(result))
            self.countdown.step(is_new=is_new)
            results.append(result)
        return results

    def part(self, what: str, done: int, total: int) -> None:
        self.countdown.say(f"{self.recorder.tags['model']}, {what} {done} of {total} done")

    def _say(self, work: Work) -> None:
        self.countdown.say(f"{self.recorder.tags['model']}, {work.key}")
