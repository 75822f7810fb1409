"""Where and with what figures were measured."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil

from infra.java import java_command
from tests.bench.process import ROOT

PACKAGES = (
    "pyspark", "delta-spark", "deltalake", "pyarrow", "polars", "duckdb", "great-expectations", "pydicom", "feast",
    "mlflow",
)  # fmt: skip


def machine() -> dict[str, str]:
    """Size of the machine, as this process may use it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "CPU": model or platform.processor() or platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
    }


def versions() -> dict[str, str]:
    """Java, Python and the libraries that are measured."""
    java = subprocess.run([java_command(), "-version"], capture_output=True, text=True, check=True).stderr
    return {
        "Java": java.splitlines()[0].split('"')[1],
        "Python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def commit() -> str:
    """The commit of this checkout, with a mark where files differ from it; empty where git does not know it."""
    asked = ("git", "describe", "--always", "--dirty", "--abbrev=10")
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def load() -> float:
    """How many processes wanted a core in the last minute: other work makes figures slower."""
    return round(os.getloadavg()[0], 1)
