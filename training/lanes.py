"""Several long pieces of work at once, each in a process of its own that tells how far it is and ends with its parent.

Whole tasks side by side keep every core busy, where the processes of one task would wait for its figures, its MLflow
runs and its slowest fold.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from infra.errors import MachineError

Result = TypeVar("Result")
Say = Callable[[str, int, int], None]
"""(what is being done, steps done, steps in all)."""
Work = Callable[[Say], Result]
POLL_S = 0.25
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def side_by_side(
    works: "Mapping[str, Work[Result]]", jobs: int, say: Callable[[str, str, int, int], None]
) -> dict[str, Result]:
    """The result of each work by its name; `jobs` at once, begun in their order.

    works: can be pickled (by cloudpickle), and are called with a function that tells their progress. say: called here
    with (name, what is being done, steps of all works done, steps of all in all) whenever one of them tells something
    new; a work that has not begun counts as many steps as those under way do on average.

    Raises what a work raises, once the others have been stopped, and MachineError where a process was killed.
    """
    from joblib.externals.loky import ProcessPoolExecutor, wait  # type: ignore[import-untyped]
    from joblib.externals.loky.process_executor import TerminatedWorkerError  # type: ignore[import-untyped]

    with TemporaryDirectory(prefix="oncolake-") as folder:
        progress = _Progress(Path(folder), list(works), say)
        # Not by fork: a JVM's gateway and compiled models hold threads that a fork would not take along.
        pool = ProcessPoolExecutor(
            min(jobs, len(works)), initializer=_end_with_parent, initargs=(os.getpid(),), env=ONE_THREAD
        )
        try:
            running = {
                pool.submit(_told, work, str(progress.place(number))): name
                for number, (name, work) in enumerate(works.items())
            }
            left = set(running)
            while left:
                done, left = wait(left, timeout=POLL_S, return_when="FIRST_COMPLETED")
                progress.look()
                for future in done:
                    future.result()  # raises what it raised
            return {name: future.result() for future, name in running.items()}
        except TerminatedWorkerError as error:
            raise MachineError(
                "A process that trained was killed (out of memory?); the same command goes on."
            ) from error
        finally:
            pool.shutdown(wait=True, kill_workers=True)


class _Progress:
    """What the works told last, each in a file of its own."""

    def __init__(self, folder: Path, names: list[str], say: Callable[[str, str, int, int], None]) -> None:
        self.folder = folder
        self.names = names
        self.say = say
        self.told: dict[str, tuple[str, int, int]] = {}

    def place(self, number: int) -> Path:
        return self.folder / f"{number}.json"

    def look(self) -> None:
        for number, name in enumerate(self.names):
            try:
                what, done, total = json.loads(self.place(number).read_text())
            except FileNotFoundError:
                continue
            if self.told.get(name) != (what, done, total):
                self.told[name] = (what, done, total)
                self.say(name, what, *self.sums())

    def sums(self) -> tuple[int, int]:
        known = [total for _, _, total in self.told.values()]
        waiting = (len(self.names) - len(known)) * sum(known) / len(known)
        return sum(done for _, done, _ in self.told.values()), round(sum(known) + waiting)


def _told(work: "Work[Result]", place: str) -> Result:
    from infra import logs

    logs.guard(is_shown=False)
    half = Path(f"{place}.half")

    def say(what: str, done: int, total: int) -> None:
        half.write_text(json.dumps([what, done, total]))
        half.replace(place)

    return work(say)


def _end_with_parent(parent: int) -> None:
    """A parent that was killed cannot end its processes: they see that it is gone."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
