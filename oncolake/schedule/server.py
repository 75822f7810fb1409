"""Starts the web page and the daemon of a schedule on this machine, and stops them together."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil

from infra.errors import MachineError

HOST = "127.0.0.1"
STOP_SECONDS = 20.0
PREPARE_SECONDS = 300.0
STDERR = 2


@dataclass(frozen=True)
class Running:
    """A started schedule."""

    url: str
    processes: Mapping[str, "subprocess.Popen[bytes]"]

    def wait(self) -> None:
        """Returns never. Raises MachineError as soon as one of the processes is gone."""
        while True:
            for name, process in self.processes.items():
                if process.poll() is not None:
                    raise MachineError(f"The {name} stopped by itself; see what it printed above.")
            time.sleep(0.5)


@contextmanager
def running(home: Path, environment: Mapping[str, str], port: int) -> Iterator[Running]:
    """Web page and daemon, bound to this machine only; the page answers when the block begins, both end with it.

    port: 0 takes a free one. Raises MachineError where the port is taken or the page does not answer.
    """
    at = free_port(port)
    url = f"http://{HOST}:{at}"
    workspace = ["--workspace", str(home / "workspace.yaml")]
    quiet = ["--log-level", "warning", "--code-server-log-level", "warning"]
    if not os.isatty(STDERR):
        quiet += ["--log-format", "json"]
    commands = {
        "daemon": ["run", *workspace, *quiet],
        "webserver": ["--host", HOST, "--port", str(at), *workspace, *quiet, "--dagster-log-level", "warning"],
    }
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        # Dagster's database is made before two processes would make it at once.
        started["database"] = _child("prepare", [], environment)
        if started["database"].wait(PREPARE_SECONDS):
            raise MachineError(f"The schedule's database in {home} could not be made; see what is printed above.")
        del started["database"]
        for role, arguments in commands.items():
            started[role] = _child(role, arguments, environment)
        _answers(at, started)
        yield Running(url, started)
    finally:
        stop(started.values())


def _child(role: str, arguments: list[str], environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "oncolake.schedule.child", role, str(os.getpid()), *arguments]
    # A session of its own: Ctrl-C reaches the parent alone, which then stops all in order. What they print is not an
    # answer of this command, so it does not go to standard output.
    return subprocess.Popen(
        command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=STDERR, start_new_session=True
    )


def free_port(port: int) -> int:
    """`port`, or any free one for 0. Raises MachineError where it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise MachineError(f"Port {port} is taken; choose another with --port, or 0 for any.") from error
        return int(probe.getsockname()[1])


def _answers(port: int, processes: Mapping[str, "subprocess.Popen[bytes]"], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and all(process.poll() is None for process in processes.values()):
        asked = http.client.HTTPConnection(HOST, port, timeout=5)
        try:
            asked.request("GET", "/server_info")
            if "dagster_version" in json.load(asked.getresponse()):
                return
        except (OSError, http.client.HTTPException, ValueError):
            time.sleep(0.3)
        finally:
            asked.close()
    for name, process in processes.items():
        if process.poll() is not None:
            raise MachineError(f"The {name} could not start; see what it printed above.")
    raise MachineError(f"The page did not answer on port {port} within {seconds:.0f} s.")


def stop(processes: "Iterable[subprocess.Popen[bytes]]", seconds: float = STOP_SECONDS) -> None:
    """Ends processes with all that they started: asked first, killed after `seconds`."""
    roots = [process for process in processes if process.poll() is None]
    family: list[psutil.Process] = []
    for root in roots:
        try:
            found = psutil.Process(root.pid)
            family += [found, *found.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
    for process in roots:
        process.terminate()
    _, alive = psutil.wait_procs(family, timeout=seconds)
    for left in alive:
        try:
            left.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(alive, timeout=5)
    for process in roots:
        process.wait(timeout=5)


def ending_on_sigterm() -> None:
    """SIGTERM (of systemd, of a container) ends the command as Ctrl-C does."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
