"""The same work for many inputs, over processes where that pays."""

import atexit
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")

PAYS_FROM_S = 6.0
"""Seconds to save before processes are started: each loads its libraries first, for about 4 s."""
PAYS_WHEN_STARTED_FROM_S = 0.4
"""Seconds to save before processes that are there are used: inputs have to be sent."""
STAY_S = 240.0
"""Processes end when they have been idle for 300 s."""


@dataclass
class _Processes:
    """When this process last used its workers."""

    last_used: float = -float("inf")

    @property
    def are_started(self) -> bool:
        return time.monotonic() - self.last_used < STAY_S


_processes = _Processes()


def each(work: Sequence[Callable[[], Result]], jobs: int = 1) -> Iterator[Result]:
    """The results in order. Work is done here until `jobs` processes would save enough time on what is left.

    Results do not depend on where they are computed: libraries use one thread each, here and there.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    start = time.perf_counter()
    for done, one in enumerate(work):
        left = len(work) - done
        saved = (time.perf_counter() - start) / max(done, 1) * (left - -(-left // jobs))
        if jobs > 1 and done and saved >= (PAYS_WHEN_STARTED_FROM_S if _processes.are_started else PAYS_FROM_S):
            yield from _in_processes(work[done:], jobs)
            return
        # On a hundred rows threads only wait for each other: boosting took 20 times as long with two.
        with threadpool_limits(limits=1):
            result = one()
        yield result


def _in_processes(work: Sequence[Callable[[], Result]], jobs: int) -> Iterator[Result]:
    from joblib import Parallel, delayed, parallel_config  # type: ignore[import-untyped]

    atexit.unregister(_stop)
    atexit.register(_stop)
    # Not by fork: a JVM's gateway and compiled models hold threads that a fork would not take along.
    with parallel_config(backend="loky", n_jobs=jobs, inner_max_num_threads=1):
        for result in Parallel(return_as="generator")(delayed(_call)(one) for one in work):
            _processes.last_used = time.monotonic()
            yield result


def _stop() -> None:
    """Ends the processes. multiprocessing waits for its children when Python leaves, and idle ones stay for minutes."""
    from joblib.externals.loky import get_reusable_executor  # type: ignore[import-untyped]

    get_reusable_executor().shutdown(wait=True, kill_workers=True)


def _call(one: Callable[[], Result]) -> Result:
    return one()
