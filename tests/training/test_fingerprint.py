"""A training stays the same one as long as nothing changed that a number of it can depend on."""

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from training import fingerprint
from training.fingerprint import HERE, OF_FINISHED_RUNS, code_hash, counted

HANDED_OVER = ("flow/", "profiles/evaluator.py", "run.py")
"""Where results are given to what keeps and draws them."""


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the room's sources, whose hash is taken."""
    copy = tmp_path / "training"
    shutil.copytree(HERE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(fingerprint, "HERE", copy)
    code_hash.cache_clear()
    yield copy
    code_hash.cache_clear()


def hash_after_edit(room: Path, name: str) -> str:
    place = room / name
    text = place.read_text()
    place.write_text(f"{text}\n# edited\n")
    code_hash.cache_clear()
    found = code_hash()
    place.write_text(text)
    return found


def test_what_is_made_of_finished_runs_makes_no_training_new(room: Path) -> None:
    before = code_hash()
    for name in ("comparison/page.py", "registry/promotion.py", "plots.py", "tracking/recorder.py", "lanes.py"):
        assert hash_after_edit(room, name) == before, name


def test_what_a_number_depends_on_makes_a_training_new(room: Path) -> None:
    seen = {code_hash()}
    names = (
        "tasks/recurrence.py",
        "models/selection.py",
        "models/attention/network.py",
        "metrics/survival.py",
        "evaluate.py",
        "dataset.py",
        "permutation.py",
        "plan.py",
        "flow/predictive.py",
        "profiles/stability.py",
    )
    for name in names:
        seen.add(hash_after_edit(room, name))
    assert len(seen) == 1 + len(names)
    (room / "models" / "new.py").write_text("")
    code_hash.cache_clear()
    assert code_hash() not in seen


def test_nothing_that_computes_imports_what_does_not_count() -> None:
    names = list(counted())
    for left_out in OF_FINISHED_RUNS:
        assert (HERE / left_out).exists(), f"{left_out} is left out and is no more"
    for name in names:
        if name.startswith(HANDED_OVER):
            continue
        for module in imported(HERE / name):
            source = module.removeprefix("training.").replace(".", "/")
            assert not f"{source}/".startswith(OF_FINISHED_RUNS), f"{name} imports {module}"
            assert f"{source}.py" not in OF_FINISHED_RUNS, f"{name} imports {module}"


def imported(source: Path) -> set[str]:
    """Modules of the room that a source imports anywhere, also where a name of the package is a module."""
    found = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {module for module in found if module.startswith("training.")}
