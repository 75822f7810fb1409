"""Work over processes: results in order, and nothing left behind that a process has to wait for."""

import subprocess
import sys
from functools import partial

from training.parallel import each

USES_PROCESSES = """
import time
from functools import partial
from oncolake.cli import end
from training import parallel

parallel.PAYS_FROM_S = 0.0
print(*parallel.each([partial(round, n + 0.2) for n in range(6)], jobs=2))
assert parallel._processes.are_started
{leave}
"""


def test_results_come_in_the_order_of_the_work() -> None:
    assert list(each([partial(round, n + 0.2) for n in range(5)])) == [0, 1, 2, 3, 4]


def test_a_command_that_used_processes_leaves_when_it_is_done() -> None:
    """Idle workers would end by themselves after 300 s only."""
    for leave in ("end(0)", ""):
        command = [sys.executable, "-c", USES_PROCESSES.format(leave=leave)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
        assert (done.returncode, done.stdout) == (0, "0 1 2 3 4 5\n"), done.stderr
