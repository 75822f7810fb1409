"""How a step of a run fails and tries again, and what it may write to the run's log."""

from collections.abc import Callable
from typing import Any, TypeVar

import dagster as dg

from ingestion.pipeline import Progress
from oncolake.schedule.settings import Schedule
from oncolake.schedule.work import explained, may_pass

T = TypeVar("T")


def attempted(context: Any, schedule: Schedule, work: Callable[[], T]) -> T:
    """What `work` returns. A fault of the machine is tried again after growing waits, any other ends the step.

    Raises RetryRequested, or Failure with a sentence of ours. Neither is raised while the first error is handled: its
    own text would follow it into the event log, and may quote a file.
    """
    try:
        return work()
    except Exception as error:
        said, again = explained(error), may_pass(error)
    attempt = context.retry_number
    if again and attempt < schedule.max_retries:
        wait = schedule.retry_wait(attempt)
        context.log.warning(f"{said} Attempt {attempt + 1} of {schedule.max_retries + 1}; the next in {wait:g} s.")
        raise dg.RetryRequested(max_retries=schedule.max_retries, seconds_to_wait=wait)
    raise dg.Failure(said, allow_retries=False)


def logged(context: Any) -> Progress:
    """A Progress that writes to the run's log: steps, ids of ours and counts."""
    last = ""

    def progress(step: str, done: int = 0, total: int = 0, **counts: object) -> None:
        nonlocal last
        # Each step once, and whatever says something that can be counted.
        if step == last and not counts:
            return
        last = step
        parts = [f"{done:,} of {total:,}"] if total else []
        parts += [
            f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}" for name, value in counts.items()
        ]
        context.log.info(f"{step} ({', '.join(parts)})" if parts else step)

    return progress
