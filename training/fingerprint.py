"""What makes two trainings the same one: data, definitions, code, folds, seed and permutation."""

import hashlib
from functools import cache
from pathlib import Path


def fingerprint_of(digest: str, definitions_hash: str, folds: int, seed: int, permute: bool) -> str:
    text = "\x00".join([digest, definitions_hash, _code(), str(folds), str(seed), str(permute)])
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _code() -> str:
    """SHA-256 over the sources of this room and the versions of the model libraries."""
    from importlib.metadata import version

    here = Path(__file__).parent
    parts = [f"{path.relative_to(here)}\x00{path.read_text()}" for path in sorted(here.rglob("*.py"))]
    parts += [f"{package}=={version(package)}" for package in ("scikit-learn", "scikit-survival", "numpy")]
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()
