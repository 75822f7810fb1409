"""The folder in which Dagster keeps its runs: SQLite files below the lake, and the configuration that we write.

Nothing here imports Dagster: the command line says what is wrong before it waits for that.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from infra.errors import MachineError
from infra.lake import Lake
from oncolake.schedule.settings import Schedule

MODULE = "oncolake.schedule.definitions"
NAME = "oncolake"


def configuration(schedule: Schedule) -> dict[str, object]:
    """The content of dagster.yaml.

    Output of a run's process is not kept with the run: other libraries' words may quote a file. A run's log has our
    own steps and counts. Retries of runs are for processes that died; a step that failed tries again by itself.
    """
    return {
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
        "freshness": {"enabled": True},
        "compute_logs": {
            "module": "dagster._core.storage.noop_compute_log_manager",
            "class": "NoOpComputeLogManager",
        },
        "python_logs": {"python_log_level": "INFO"},
        "concurrency": {"runs": {"max_concurrent_runs": schedule.runs_at_once}},
        "run_retries": {
            "enabled": schedule.max_retries > 0,
            "max_retries": schedule.max_retries,
            "retry_on_asset_or_op_failure": False,
        },
        "run_monitoring": {"enabled": True},
        # Folders are looked at for years.
        "retention": {
            "sensor": {"purge_after_days": {"skipped": 2, "success": 90, "failure": 90}},
            "schedule": {"purge_after_days": {"skipped": 30, "success": 90, "failure": 90}},
        },
    }


def prepare(lake: Lake, schedule: Schedule, home: Path | None = None) -> Path:
    """Makes Dagster's folder (default: LAKE/dagster) with its configuration, and returns it.

    Raises MachineError where it cannot be written, or the lake is an object store and no folder is given.
    """
    folder = home.expanduser().resolve() if home else lake.folder("dagster")
    # JSON is YAML.
    workspace = {"load_from": [{"python_module": {"module_name": MODULE, "location_name": NAME}}]}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in (("dagster.yaml", configuration(schedule)), ("workspace.yaml", workspace)):
            said = "# Written by `oncolake schedule` at each start.\n"
            (folder / name).write_text(said + json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise MachineError(f"The folder {folder} cannot be written ({error.strerror}).") from error
    return folder


def environment(lake: Lake, schedule: Schedule, home: Path) -> Mapping[str, str]:
    """What the children are told: the same lake and folders as the command, and that nothing calls home."""
    told = {
        "DAGSTER_HOME": str(home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        # A look at a large folder on a slow mount takes longer than the minute that is the default.
        "DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS": "900",
        "ONCOLAKE_LAKE": lake.root,
    }
    if schedule.landing is not None:
        told["ONCOLAKE_SCHEDULE__LANDING"] = str(schedule.landing.expanduser().resolve())
    return {**os.environ, **told}


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Holds the folder while a schedule runs in it. Raises MachineError where another one does.

    Two at once would not harm the lake; they would request each run twice.
    """
    lock = FileLock(home / "schedule.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise MachineError(f"A schedule runs in {home} already; expected one at a time.") from error
    try:
        yield
    finally:
        lock.release()
