"""The notebooks of the docs: kept without outputs, and run from the first cell to the last."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    return [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == kind]


@pytest.fixture(autouse=True)
def no_screen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.delenv("LAKE", raising=False)
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def test_there_are_notebooks() -> None:
    assert [p.stem for p in NOTEBOOKS] == ["from-labels-to-a-training-frame"]


@each_notebook
def test_a_notebook_is_one_and_holds_no_outputs(path: Path) -> None:
    """Outputs of a notebook that was run on a lake are values of its patients."""
    notebook = json.loads(path.read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [c["id"] for c in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in notebook["cells"]:
        assert cell["cell_type"] in ("code", "markdown")
        assert isinstance(cell["source"], list)
    for cell in cells(path, "code"):
        assert (cell["outputs"], cell["execution_count"]) == ([], None)


@pytest.mark.slow
@each_notebook
def test_a_notebook_runs(path: Path) -> None:
    """Its cells in their order and in one namespace, as a kernel would run them."""
    import matplotlib.pyplot as plt

    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(cells(path, "code")):
        exec(compile("".join(cell["source"]), f"{path.name}, cell {number}", "exec"), names)  # noqa: S102
    assert len(plt.get_fignums()) == 4
    frame = names["training_set"].frame
    assert len(frame) == len(names["labels"].frame) > 50
    assert frame["cytokine_kinetics__il6_log2_change"].notna().mean() > 0.5
    assert names["honest"].is_clean
    kinds: pd.Series[Any] = names["leaky"].findings["kind"]
    assert (kinds == "late report").sum() > 10
    assert names["shown"].is_monotonic_increasing
    assert {d.verdict for d in names["moved"]} > {"steady"}


@pytest.mark.slow
@each_notebook
def test_a_notebook_runs_in_a_kernel(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import nbclient
    import nbformat

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # The kernel is a process of its own: what it keeps of itself, and the lake that it makes, are to go with the test.
    for name in ("TMPDIR", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=240, kernel_name="python3").execute()
    ran = [c for c in notebook.cells if c.cell_type == "code"]
    assert [c.execution_count for c in ran] == list(range(1, len(ran) + 1))
    shown = {kind for c in ran for output in c.outputs for kind in output.get("data", {})}
    assert "text/html" in shown
    # What a cell writes to standard error is a warning that a reader would see and wonder about.
    said = [output.text for c in ran for output in c.outputs if output.get("name") == "stderr"]
    assert not said
