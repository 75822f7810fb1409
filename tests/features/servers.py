"""Servers for the tests, from the distribution's packages: on 127.0.0.1, a free port and a temporary folder."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

HOST = "127.0.0.1"
INSTALL = "make servers, as root"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def answers(port: int, process: "subprocess.Popen[bytes]", log: Path, seconds: float = 60) -> None:
    """Waits until something listens; fails with the end of the log where the process ended instead."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"{process.args!r} did not answer: {log.read_text()[-2000:]}")


@contextmanager
def running(command: Sequence[str], folder: Path, port: int, **options: object) -> Iterator["subprocess.Popen[bytes]"]:
    """A server that answers on its port while the block runs; ended by its process id."""
    log = folder / "server.log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, stdout=file, stderr=file, **options)  # type: ignore[call-overload]
    try:
        answers(port, process, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """The address of a Redis of its own. The test is skipped where the server or its client is not installed."""
    pytest.importorskip("redis", reason="the client of Redis is not installed (extra [redis])")
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip(f"no redis-server is installed ({INSTALL})")
    port = free_port()
    options = ["--port", str(port), "--bind", HOST, "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with running([binary, *options], folder, port):
        yield f"redis://{HOST}:{port}/0"


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """The address of a PostgreSQL of its own. Skipped where the server or its client is not installed."""
    pytest.importorskip("psycopg", reason="the client of PostgreSQL is not installed (extra [postgres])")
    found = _postgres()
    if found is None:
        pytest.skip(f"no PostgreSQL server is installed ({INSTALL})")
    data, port, user = folder / "data", free_port(), {}
    if os.geteuid() == 0:
        # It refuses to run as root; its package made a user for it.
        user = {"user": "postgres", "group": "postgres", "extra_groups": []}
        shutil.chown(folder, "postgres", "postgres")
        _reachable(folder)
    made = subprocess.run(
        [str(found / "initdb"), "-D", str(data), "-U", "oncolake", "-A", "trust", "--no-sync", "-E", "UTF8"],
        cwd=folder, capture_output=True, text=True, check=False, **user,  # type: ignore[call-overload]
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-2000:]
    command = [str(found / "postgres"), "-D", str(data), "-h", HOST, "-p", str(port), "-k", str(folder), "-F"]
    address = f"postgresql://oncolake@{HOST}:{port}/postgres"
    with running(command, folder, port, **user):
        _takes_queries(address)
        yield address


def _takes_queries(address: str, seconds: float = 60) -> None:
    """PostgreSQL listens before it is ready, and refuses until then."""
    import psycopg

    until = time.monotonic() + seconds
    while True:
        try:
            psycopg.connect(address).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def _postgres() -> Path | None:
    """The folder of the server's programs; Debian keeps it off the path."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return installed[-1].parent if installed else Path(on_path).resolve().parent if on_path else None


def _reachable(folder: Path) -> None:
    """Folders of pytest are closed to others: the server's user may pass through them, and through no other."""
    for parent in folder.parents:
        if "pytest-of-" in str(parent):
            parent.chmod(parent.stat().st_mode | 0o011)
