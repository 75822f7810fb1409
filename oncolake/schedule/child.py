"""A process of a schedule: `python -m oncolake.schedule.child prepare|webserver|daemon PARENT ...`.

`prepare` makes Dagster's database, which two processes at once cannot, and closes what an earlier schedule left. The
others run Dagster's own commands. Each ends when the process that started it does, even where that was killed.
"""

import os
import signal
import sys
import threading
import time

UNFINISHED = "The schedule was stopped while this run was under way. What it had not finished is done by the next one."


def follow(parent: int, every_seconds: float = 1.0) -> None:
    """Sends this process SIGTERM once `parent` is no longer its parent."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(every_seconds)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def close_unfinished() -> int:
    """Marks runs that nobody works on any more as failed, and returns how many: they would hold their place for ever.

    Called before anything else starts, while the folder is held (`home.alone`): what is under way then is a leftover.
    """
    import dagster as dg

    leftover = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    with dg.DagsterInstance.get() as instance:
        # The database may be of an older Dagster.
        instance.upgrade()
        runs = instance.get_runs(dg.RunsFilter(statuses=leftover))
        for run in runs:
            instance.report_run_failed(run, UNFINISHED)
        return len(runs)


def main(role: str, parent: int, arguments: list[str]) -> None:
    follow(parent)
    sys.argv = [f"dagster-{role}", *arguments]
    if role == "prepare":
        close_unfinished()
    elif role == "daemon":
        from dagster._daemon.cli import main as daemon

        daemon()
    else:
        from dagster_webserver.cli import main as webserver

        webserver()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
