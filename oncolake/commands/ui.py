"""oncolake ui: the pages, on local ports."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from infra.errors import MachineError
from infra.lake import Lake
from oncolake import show
from oncolake.commands.options import LakeOption, load_settings, open_lake

HOST = "127.0.0.1"
FEAST = "Feast"
FEAST_PROGRAM = "from feast.cli.cli import cli; cli(prog_name='feast')"


def register(app: typer.Typer) -> None:
    app.command()(ui)


def ui(
    mlflow_port: Annotated[int, typer.Option(help="Port of MLflow; 0: any free one.")] = 5000,
    docs_port: Annotated[int, typer.Option(help="Port of the Data Docs; 0: any free one.")] = 5001,
    feast_port: Annotated[int, typer.Option(help="Port of Feast's page; 0: any free one.")] = 5002,
    lake: LakeOption = None,
) -> None:
    """MLflow, the Data Docs and Feast's page of a lake, on this machine only. Ctrl-C stops them."""
    settings = load_settings()
    where = open_lake(lake, settings)
    servers = start(where, mlflow_port, docs_port, feast_port, settings.online_store)
    try:
        for name, (url, _) in servers.items():
            show.out.print(f"{name}: {url}", highlight=False)
        if FEAST not in servers:
            show.out.print("Feast's page comes after `oncolake features apply`.")
        show.out.print("Ctrl-C stops them.")
        while all(process.poll() is None for _, process in servers.values()):
            time.sleep(0.5)
        raise MachineError("One of the servers stopped; see what it printed above.")
    except KeyboardInterrupt:
        show.out.print("Stopped.")
    finally:
        stop(servers)


def start(
    lake: Lake, mlflow_port: int, docs_port: int, feast_port: int, online: str
) -> dict[str, tuple[str, "subprocess.Popen[bytes]"]]:
    """Starts the servers; each answers once this returns. Raises MachineError where a port is taken.

    Feast's page is among them once the lake has a Feast repository. online: where the online rows lie.

    Returns name -> (address, process).
    """
    from quality.validation import docs_index
    from training.tracking import tracking_uri

    docs = docs_index(lake)
    if not docs.exists():
        raise MachineError(f"The lake {lake.root} has no Data Docs yet; ingest something first (oncolake demo).")
    feast = lake.folder("feast")
    mlflow_at, docs_at, feast_at = _free(mlflow_port), _free(docs_port), _free(feast_port)
    python = sys.executable
    servers = {
        "MLflow": (
            f"http://{HOST}:{mlflow_at}",
            [python, "-m", "mlflow", "server", "--backend-store-uri", tracking_uri(lake), "--host", HOST,
             "--port", str(mlflow_at), "--workers", "1",
             "--default-artifact-root", (Path(lake.root) / "mlflow" / "artifacts").as_uri()],
        ),
        "Data Docs": (
            f"http://{HOST}:{docs_at}/{docs.name}",
            [python, "-m", "http.server", str(docs_at), "--bind", HOST, "--directory", str(docs.parent)],
        ),
    }  # fmt: skip
    if (feast / "feature_store.yaml").exists():
        servers[FEAST] = (
            f"http://{HOST}:{feast_at}",
            [python, "-c", FEAST_PROGRAM, "-c", str(feast), "ui", "-h", HOST, "-p", str(feast_at)],
        )
    # The address of an online store may come from the settings file; Feast reads the environment alone.
    environment = {**os.environ, "ONCOLAKE_ONLINE_STORE": online}
    started = {
        name: (
            url,
            subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL),
        )
        for name, (url, command) in servers.items()
    }
    try:
        for name, (url, process) in started.items():
            _wait(name, url, process)
    except BaseException:
        # One that does not come up takes the others with it: nobody would be there to stop them.
        stop(started)
        raise
    return started


def stop(servers: "Mapping[str, tuple[str, subprocess.Popen[bytes]]]") -> None:
    """Ends the servers, and waits until they are gone."""
    for _, process in servers.values():
        process.terminate()
    for _, process in servers.values():
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise MachineError(
                f"Port {port} is taken; choose another with --mlflow-port, --docs-port or --feast-port."
            ) from error
        return int(probe.getsockname()[1])


def _wait(name: str, url: str, process: "subprocess.Popen[bytes]", seconds: float = 120) -> None:
    port = int(url.split(":")[2].split("/", maxsplit=1)[0])
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.2)
    raise MachineError(f"{name} did not answer on {url} within {seconds:.0f} s.")
