"""The same work for many inputs, over processes where that pays."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Result = TypeVar("Result")

PAYS_FROM_S = 6.0
"""Work for less is done before processes have loaded their libraries (about 4 s each the first time)."""


def each(work: Sequence[Callable[[], Result]], jobs: int = 1) -> Iterator[Result]:
    """The results in order. Work is done here until processes would save PAYS_FROM_S or more on what is left.

    Results do not depend on where they are computed: libraries use one thread each, here and there.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    start = time.perf_counter()
    for done, one in enumerate(work):
        spent = time.perf_counter() - start
        if jobs > 1 and done and spent / done * (len(work) - done) * (1 - 1 / jobs) >= PAYS_FROM_S:
            yield from _in_processes(work[done:], jobs)
            return
        # On a hundred rows threads only wait for each other: boosting took 20 times as long with two.
        with threadpool_limits(limits=1):
            result = one()
        yield result


def _in_processes(work: Sequence[Callable[[], Result]], jobs: int) -> Iterator[Result]:
    from joblib import Parallel, delayed, parallel_config  # type: ignore[import-untyped]

    # Not by fork: a JVM's gateway and compiled models hold threads that a fork would not take along.
    with parallel_config(backend="loky", n_jobs=jobs, inner_max_num_threads=1):
        yield from Parallel(return_as="generator")(delayed(_call)(one) for one in work)


def _call(one: Callable[[], Result]) -> Result:
    return one()
