"""oncolake ui: the pages, on local ports."""

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from infra.errors import MachineError
from infra.lake import Lake
from oncolake import show
from oncolake.commands.options import LakeOption, load_settings, open_lake

HOST = "127.0.0.1"


def register(app: typer.Typer) -> None:
    app.command()(ui)


def ui(
    mlflow_port: Annotated[int, typer.Option(help="Port of MLflow; 0: any free one.")] = 5000,
    docs_port: Annotated[int, typer.Option(help="Port of the Data Docs; 0: any free one.")] = 5001,
    lake: LakeOption = None,
) -> None:
    """MLflow and the Data Docs of a lake, on this machine only. Ctrl-C stops both."""
    servers = start(open_lake(lake, load_settings()), mlflow_port, docs_port)
    try:
        for name, (url, _) in servers.items():
            show.out.print(f"{name}: {url}", highlight=False)
        show.out.print("Ctrl-C stops them.")
        while all(process.poll() is None for _, process in servers.values()):
            time.sleep(0.5)
        raise MachineError("One of the servers stopped; see what it printed above.")
    except KeyboardInterrupt:
        show.out.print("Stopped.")
    finally:
        for _, process in servers.values():
            process.terminate()
            process.wait(timeout=20)


def start(lake: Lake, mlflow_port: int, docs_port: int) -> dict[str, tuple[str, "subprocess.Popen[bytes]"]]:
    """Starts both servers; each answers once this returns. Raises MachineError where a port is taken.

    Returns name -> (address, process).
    """
    from quality.validation import docs_index
    from training.tracking import tracking_uri

    docs = docs_index(lake)
    if not docs.exists():
        raise MachineError(f"The lake {lake.root} has no Data Docs yet; ingest something first (oncolake demo).")
    mlflow_at, docs_at = _free(mlflow_port), _free(docs_port)
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
    started = {
        name: (url, subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        for name, (url, command) in servers.items()
    }
    for name, (url, process) in started.items():
        _wait(name, url, process)
    return started


def _free(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise MachineError(f"Port {port} is taken; choose another with --mlflow-port or --docs-port.") from error
        return int(probe.getsockname()[1])


def _wait(name: str, url: str, process: "subprocess.Popen[bytes]", seconds: float = 60) -> None:
    port = int(url.split(":")[2].split("/", maxsplit=1)[0])
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.2)
    process.terminate()
    raise MachineError(f"{name} did not answer on {url} within {seconds:.0f} s.")
