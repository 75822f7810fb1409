"""The candidates of one training, one after the other: known ones answered, unfinished ones taken up again."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.lake import Lake
from infra.locks import writing
from training.flow import writing as write
from training.flow.evaluator import Evaluator
from training.flow.progress import Countdown
from training.flow.steps import RecordedSteps
from training.task import Candidate
from training.tracking import FINGERPRINT, IS_BEST, LoggedRun, Tracker

if TYPE_CHECKING:
    from features.leakage.check import Report
    from training.dataset import Dataset
    from training.plan import Plan


@dataclass(frozen=True)
class Training:
    """One training of one task."""

    lake: Lake
    dataset: "Dataset"
    evaluator: Evaluator
    plan: "Plan"
    leakage: "Report"
    fingerprint: str
    is_permuted: bool

    def run(self, candidates: Sequence[Candidate], countdown: Countdown) -> list[tuple[LoggedRun, bool]]:
        """The run of each candidate, and whether it is new; then what is done for the best one.

        One process trains a task at a time, so that an open run is either this one's or nobody's.
        """
        tracker = Tracker(self.lake)
        task = self.dataset.task
        with writing(self.lake, f"the runs of {task.name}"), _one_thread():
            tracker.mark_interrupted(task.name)
            known = {
                r.tags["model"]: r for r in tracker.finished(task.name, f"tags.{FINGERPRINT} = '{self.fingerprint}'")
            }
            new = [c for c in candidates if c.name not in known]
            # With outcomes permuted none is the best, and nothing is done for it.
            is_complete = self.is_permuted or (not new and any(IS_BEST in run.tags for run in known.values()))
            countdown.total = countdown.done + sum(1 + self.evaluator.n_steps(c) for c in new)
            countdown.total += 0 if is_complete else self.evaluator.n_afterwards()
            done = known | {c.name: self._record(tracker, c, countdown) for c in new}
            if not is_complete:
                self._finish(tracker, [c for c in candidates if not c.is_baseline], done, countdown)
            countdown.say("done")
            return [(done[c.name], c in new) for c in candidates]

    def _record(self, tracker: Tracker, candidate: Candidate, countdown: Countdown) -> LoggedRun:
        """Evaluates a candidate and writes its run."""
        tags = write.tags_of(
            self.dataset,
            candidate,
            self.plan,
            self.leakage,
            is_permuted=self.is_permuted,
            fingerprint=self.fingerprint,
        )
        params = write.params_of(self.dataset, candidate, self.plan, is_permuted=self.is_permuted)
        with tracker.recording(self.dataset.task, candidate.name, tags) as recorder:
            write.begin(recorder, self.dataset, self.leakage, params)
            steps = RecordedSteps.of(recorder, countdown)
            outcome = self.evaluator.evaluate(candidate, steps)
            countdown.say(f"{candidate.name}, on all rows")
            write.finish(recorder, self.dataset, outcome)
        steps.checkpoints.clear()
        countdown.step()
        return tracker.run(recorder.run_id)

    def _finish(
        self, tracker: Tracker, candidates: Sequence[Candidate], done: dict[str, LoggedRun], countdown: Countdown
    ) -> None:
        """What is done for the best candidate by the primary metric; none is best where none has it."""
        primary = self.dataset.task.primary_metric
        with_metric = [c for c in candidates if primary in done[c.name].metrics]
        if not with_metric:
            return
        best = max(with_metric, key=lambda c: done[c.name].metrics[primary])
        with tracker.adding(done[best.name]) as recorder:
            steps = RecordedSteps.of(recorder, countdown)
            write.add(recorder, self.evaluator.afterwards(best, done[best.name].metrics[primary], steps))
        steps.checkpoints.clear()
        done[best.name] = tracker.run(recorder.run_id)


@contextmanager
def _one_thread() -> Iterator[None]:
    """On a hundred rows threads only wait for each other: boosting took 20 times as long with two."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(limits=1):
        yield
