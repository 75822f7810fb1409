"""Works side by side: their results and progress come back, and no process outlives the one that began them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from infra.errors import MachineError, UsageError
from training.lanes import side_by_side

Say = Callable[[str, int, int], None]


def squared(n: int, say: Say) -> int:
    say("squaring", 1, 2)
    return n * n


def refused(say: Say) -> int:
    raise UsageError("There is nothing to do.")


def killed(say: Say) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def no_progress(name: str, what: str, done: int, total: int) -> None:
    pass


def test_results_by_name_and_progress_of_all() -> None:
    told: list[tuple[str, str, int, int]] = []
    works = {name: partial(squared, n) for n, name in enumerate("abc")}
    found = side_by_side(works, 2, lambda *words: told.append(words))
    assert found == {"a": 0, "b": 1, "c": 4}
    assert {name for name, *_ in told} == {"a", "b", "c"}
    assert told[-1][1:] == ("squaring", 3, 6)  # one of two steps of each


def test_an_error_of_a_work_is_raised_and_a_killed_process_is_one_sentence() -> None:
    with pytest.raises(UsageError, match="nothing to do"):
        side_by_side({"a": refused, "b": partial(squared, 2)}, 2, no_progress)
    with pytest.raises(MachineError, match="was killed"):
        side_by_side({"a": killed, "b": partial(squared, 2)}, 2, no_progress)


ENDLESS = """
import os, sys, time
from pathlib import Path
from training.lanes import side_by_side

def endless(say):
    import os, time
    say(str(os.getpid()), 0, 1)
    time.sleep(300)

side_by_side({"a": endless, "b": endless}, 2, lambda name, what, *_: print(what, flush=True))
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to see processes in")
def test_processes_end_when_their_parent_is_killed() -> None:
    root = Path(__file__).parents[2]
    parent = subprocess.Popen([sys.executable, "-c", ENDLESS], cwd=root, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = {int(parent.stdout.readline()) for _ in range(2)}
    assert all(is_alive(worker) for worker in workers)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while any(map(is_alive, workers)):
        assert time.monotonic() < deadline, "processes outlived the one that had begun them"
        time.sleep(0.2)


def is_alive(process: int) -> bool:
    """Whether a process runs; one that ended and was not waited for (a zombie) does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
