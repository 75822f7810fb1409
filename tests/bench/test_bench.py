"""The benchmarks run, at a tiny scale; and the page says what was measured."""

from pathlib import Path

import pytest

from tests.bench.__main__ import run
from tests.bench.benchmark import Figure, Target
from tests.bench.machine import machine, versions
from tests.bench.page import page
from tests.bench.registry import BENCHMARKS
from tests.bench.results import Result, keep, kept


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all, so that they share what is generated."""
    return tmp_path_factory.mktemp("bench")


WITH_EVERY_CHANGE = {"dicom_headers", "feature_first", "online_read", "wide_omics"}
"""The others start five to ten sessions each: together they take as long as half of all slow tests."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in WITH_EVERY_CHANGE else pytest.mark.fire) for n in BENCHMARKS]
)
def test_a_benchmark_measures_something(name: str, build: Path) -> None:
    result = run(BENCHMARKS[name], "tiny", build, lambda step: None)
    assert result.figures
    assert result.description.count(" ") > 20
    assert all(f.value > 0 for f in result.figures)
    assert not (build / "work" / name).exists()


def _result(name: str, value: float, at: str) -> Result:
    figures = (
        Figure("a | b", "3.0 s", "peer: 2.0 s", value, "x", Target("at most", 1.5)),
        Figure("no target", "1 s", "", 12_345.6, "s"),
    )
    return Result(name, f"Title of {name}", "What is compared.", "full", figures, at, 61.0, 0.2, "abc", machine(),
                  versions())  # fmt: skip


def test_results_are_kept_and_the_page_is_written_from_them(tmp_path: Path) -> None:
    late, early = _result("gate", 1.2, "2026-01-02 10:00 UTC"), _result("memory", 1.51, "2026-01-01 10:00 UTC")
    for result in (late, early, _result("gate", 1.2, "2026-01-02 10:00 UTC")):
        keep(result, tmp_path)
    found = kept(tmp_path, "full", ["memory", "gate", "not measured"])
    assert found == [early, late]
    assert kept(tmp_path, "small", ["memory", "gate"]) == []
    text = page(found, "make bench")
    assert text.index("## Title of memory") < text.index("## Title of gate")
    assert "Measured 2026-01-01 10:00 UTC on machine A" in text
    assert "| a \\| b | 3.0 s | peer: 2.0 s | 1.51 x | at most 1.5 x | **missed** |" in text
    assert "| a \\| b | 3.0 s | peer: 2.0 s | 1.2 x | at most 1.5 x | met |" in text
    assert "| no target | 1 s |  | 12,346 s |  |  |" in text
    assert f"cores {machine()['cores']}" in text


@pytest.mark.parametrize(
    ("target", "value", "met"),
    [
        (Target("at most", 1.5), 1.5, True), (Target("at most", 1.5), 1.51, False),
        (Target("under", 10), 10, False), (Target("under", 10), 9.9, True),
        (Target("at least", 5), 5, True), (Target("at least", 5), 4.9, False),
    ],
)  # fmt: skip
def test_targets(target: Target, value: float, met: bool) -> None:
    assert Figure("", "", "", value, "x", target).is_met is met
