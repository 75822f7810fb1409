"""What makes two trainings the same one: data, definitions, code, plan and permutation."""

import hashlib
from dataclasses import astuple
from functools import cache
from pathlib import Path

from training.plan import Plan

LIBRARIES = ("scikit-learn", "scikit-survival", "numpy", "jax", "equinox", "optax")
"""What numbers depend on beside the sources of this room, where it is installed."""


def fingerprint_of(digest: str, definitions_hash: str, plan: Plan, permute: bool) -> str:
    """SHA-256 of a training. digest, definitions_hash: of its training set."""
    text = "\x00".join([digest, definitions_hash, code_hash(), repr(astuple(plan)), str(permute)])
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def code_hash() -> str:
    """SHA-256 over the sources of this room and the versions of the model libraries."""
    from importlib.metadata import PackageNotFoundError, version

    here = Path(__file__).parent
    parts = [f"{path.relative_to(here)}\x00{path.read_text()}" for path in sorted(here.rglob("*.py"))]
    for package in LIBRARIES:
        try:
            parts.append(f"{package}=={version(package)}")
        except PackageNotFoundError:
            parts.append(f"{package} is not installed")
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()
