"""What makes two trainings the same one: data, definitions, code, plan and permutation."""

import hashlib
from collections.abc import Iterator
from dataclasses import astuple
from functools import cache
from pathlib import Path

from training.plan import Plan

HERE = Path(__file__).parent
LIBRARIES = ("scikit-learn", "scikit-survival", "numpy", "jax", "equinox", "optax")
"""What numbers depend on beside the sources of this room, where it is installed."""
OF_FINISHED_RUNS = (
    "comparison/",
    "registry/",
    "tracking/",
    "flow/progress.py",
    "flow/writing.py",
    "forest.py",
    "lanes.py",
    "models/attention/figure.py",
    "plots.py",
    "profiles/plots.py",
    "artefacts.py",
    "impact.py",
    "pins.py",
    "rebuild.py",
    "registered.py",
    "replay.py",
    "trace.py",
)
"""Sources that keep, draw, compare, trace or serve what was computed, or start it: none can change a number of a run,
so that a run stays known when they change. Nothing that computes imports them; a new source counts until it is named
here."""


def fingerprint_of(digest: str, definitions_hash: str, plan: Plan, permute: bool) -> str:
    """SHA-256 of a training. digest, definitions_hash: of its training set."""
    text = "\x00".join([digest, definitions_hash, code_hash(), repr(astuple(plan)), str(permute)])
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def code_hash() -> str:
    """SHA-256 over the sources that a number can depend on, and the versions of the model libraries."""
    from importlib.metadata import PackageNotFoundError, version

    parts = [f"{name}\x00{(HERE / name).read_text()}" for name in counted()]
    for package in LIBRARIES:
        try:
            parts.append(f"{package}=={version(package)}")
        except PackageNotFoundError:
            parts.append(f"{package} is not installed")
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()


def counted() -> Iterator[str]:
    """Paths within this room of the sources that a number can depend on, sorted."""
    for path in sorted(HERE.rglob("*.py")):
        name = path.relative_to(HERE).as_posix()
        if not name.startswith(OF_FINISHED_RUNS):
            yield name
