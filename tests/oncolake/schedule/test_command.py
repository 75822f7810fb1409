"""`oncolake schedule` as a person meets it before anything is started, and the folder that it prepares."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

from infra.errors import MachineError
from infra.lake import Lake
from oncolake.schedule import home
from oncolake.schedule.server import free_port, stop
from oncolake.schedule.settings import Schedule
from tests.oncolake.running import Run
from tests.oncolake.schedule.places import land

pytest.importorskip("dagster")


def test_a_look_beforehand_starts_nothing(run: Run, tmp_path: Path) -> None:
    land(tmp_path / "landing" / "paris" / "vitals" / "a.csv")
    (tmp_path / "landing" / "paris" / "letters").mkdir()
    code, out, _ = run("schedule", "--landing", "landing", "--dry-run", "--json")
    assert code == 0
    shown = json.loads(out)
    assert [(f["site"], f["source"], f["files"], f["waiting"]) for f in shown["folders"]] == [("paris", "vitals", 1, 1)]
    assert [Path(p).name for p in shown["unknown_folders"]] == ["letters"]
    code, out, _ = run("schedule", "--landing", "landing", "--dry-run")
    assert code == 0
    assert "is not watched" in " ".join(out.split())
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "No landing folder is declared; expected --landing DIR"),
        (["--landing", "absent"], 2, "There is no folder absent; expected one with SITE/SOURCE/ in it."),
        (["--landing", ".", "--lake", "s3://bucket/lake"], 1, "is an object store; dagster needs a local folder"),
    ],
)
def test_what_cannot_be_started_is_one_sentence(arguments: list[str], code: int, said: str, run: Run) -> None:
    found, out, err = run("schedule", *arguments)
    assert (found, out) == (code, "")
    assert said in err


def test_a_second_schedule_in_one_folder_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    folder = home.prepare(Lake.at(tmp_path / "lake"), Schedule())
    with FileLock(folder / "schedule.lock"):
        code, _, err = run("schedule", "--landing", "landing", "--port", "0")
    assert (code, "runs in" in err, "expected one at a time" in err) == (1, True, True)


def test_nothing_calls_home_and_no_output_is_kept(tmp_path: Path) -> None:
    from dagster import DagsterInstance
    from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager

    folder = home.prepare(Lake.at(tmp_path / "lake"), Schedule(runs_at_once=2, max_retries=5))
    assert folder == tmp_path / "lake" / "dagster"
    with DagsterInstance.from_config(str(folder)) as instance:
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert isinstance(instance.compute_log_manager, NoOpComputeLogManager)
        assert instance.run_retries_enabled
        assert instance.run_retries_max_retries == 5
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 2
        assert instance.run_storage.get_run_ids() == []
    assert {p.name for p in folder.iterdir()} >= {"dagster.yaml", "workspace.yaml", "history"}
    told = home.environment(Lake.at(tmp_path / "lake"), Schedule(landing=tmp_path), folder)
    assert told["DAGSTER_DISABLE_TELEMETRY"] == "1"
    assert (told["ONCOLAKE_LAKE"], told["ONCOLAKE_SCHEDULE__LANDING"]) == (str(tmp_path / "lake"), str(tmp_path))


def test_what_an_earlier_schedule_left_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dagster as dg

    from oncolake.schedule.child import close_unfinished
    from tests.oncolake.schedule.test_triggers import run_of

    folder = home.prepare(Lake.at(tmp_path / "lake"), Schedule())
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    with dg.DagsterInstance.get() as instance:
        killed = run_of(instance, "ingest_vitals", dg.DagsterRunStatus.STARTED)
        waiting = run_of(instance, "ingest_vitals", dg.DagsterRunStatus.NOT_STARTED)
        assert close_unfinished() == 1
        found = {run.run_id: run for run in instance.get_runs()}
        assert found[killed].status == dg.DagsterRunStatus.FAILURE
        assert found[killed].tags["dagster/will_retry"] == "true"
        assert found[waiting].status == dg.DagsterRunStatus.NOT_STARTED


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    import socket

    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        with pytest.raises(MachineError, match="choose another with --port"):
            free_port(holder.getsockname()[1])
    assert free_port(0) > 0


FAMILY = """
import subprocess, sys, time
deaf = 'import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(99)'
child = subprocess.Popen([sys.executable, '-c', deaf])
print(child.pid, flush=True)
time.sleep(99)
"""


def test_what_a_process_started_ends_with_it() -> None:
    parent = subprocess.Popen([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    stop([parent], seconds=1)  # type: ignore[list-item]
    assert parent.poll() is not None
    assert not _is_alive(child)


FOLLOWER = """
import os, sys, time
from oncolake.schedule.child import follow
if len(sys.argv) == 1:
    import subprocess
    child = subprocess.Popen([sys.executable, __file__, str(os.getpid())])
    print(child.pid, flush=True)
    time.sleep(99)
follow(int(sys.argv[1]), 0.1)
time.sleep(99)
"""


def test_a_child_ends_when_the_command_is_killed(tmp_path: Path) -> None:
    (tmp_path / "follower.py").write_text(FOLLOWER)
    parent = subprocess.Popen([sys.executable, tmp_path / "follower.py"], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    time.sleep(1)
    assert _is_alive(child)
    parent.kill()
    parent.wait()
    until = time.monotonic() + 20
    while _is_alive(child) and time.monotonic() < until:
        time.sleep(0.1)
    assert not _is_alive(child)


def _is_alive(pid: int) -> bool:
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match="cannot be written"):
        home.prepare(Lake.at(tmp_path / "lake"), Schedule(), tmp_path / "file" / "home")
    assert os.environ.get("DAGSTER_HOME") is None
