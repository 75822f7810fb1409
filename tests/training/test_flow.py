"""Pieces of work: kept, counted, and not done again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from infra.errors import UsageError
from training.evaluate import Estimate
from training.fingerprint import fingerprint_of
from training.flow.checkpoints import Checkpoints
from training.flow.evaluator import Work
from training.flow.progress import Countdown
from training.flow.steps import RecordedSteps
from training.flow.summaries import hyper_parameters, metrics_of
from training.plan import FULL, QUICK, planned
from training.tracking import Child, Recorder


@dataclass
class Written:
    """A recorder that only remembers which children it was given."""

    artifacts: Path
    tags: dict[str, str] = field(default_factory=lambda: {"model": "cox"})
    names: list[str] = field(default_factory=list)

    def children(self, children: Iterable[Child]) -> None:
        self.names += [child.name for child in children]


def work(key: str, do: Callable[[], Any]) -> Work:
    return Work(key, do, lambda result: [Child("seed", f"{key} gave {result}", {})])


def test_a_piece_of_work_is_done_once_and_its_children_are_written_each_time(tmp_path: Path) -> None:
    done: list[str] = []
    said: list[tuple[str, int, int]] = []

    def do(key: str) -> int:
        done.append(key)
        if key == "b" and len(done) == 2:
            raise KeyboardInterrupt
        return len(done)

    def steps() -> tuple[RecordedSteps, Written]:
        recorder = Written(tmp_path)
        countdown = Countdown(lambda *what: said.append(what), total=3)
        return RecordedSteps.of(cast("Recorder", recorder), countdown), recorder

    works = [work(key, lambda key=key: do(key)) for key in "abc"]  # type: ignore[misc]
    first, written = steps()
    with pytest.raises(KeyboardInterrupt):
        first.all(works, jobs=1)
    assert (done, written.names) == (["a", "b"], ["a gave 1"])
    second, written = steps()
    assert second.all(works, jobs=1) == [1, 3, 4]
    assert done == ["a", "b", "b", "c"]
    assert written.names == ["a gave 1", "b gave 3", "c gave 4"]
    assert said[-1] == ("cox, c", 2, 3)
    second.checkpoints.clear()
    assert not list(tmp_path.rglob("*.pickle"))


def test_a_half_written_result_is_none(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path / "kept")
    kept.clear()  # nothing there yet
    kept.save("whole", {"a": 1})
    assert kept.load("whole") == {"a": 1}

    class Unwritable:
        def __reduce__(self) -> str:
            raise RuntimeError("killed here")

    with pytest.raises(RuntimeError):
        kept.save("half", [1, Unwritable()])
    assert "half" not in kept
    assert "whole" in kept


def test_the_time_left_is_told_from_what_was_done_here() -> None:
    now = [0.0]
    said: list[str] = []
    countdown = Countdown(lambda what, done, total: said.append(what), total=23, clock=lambda: now[0])
    for _ in range(10):
        countdown.step(is_new=False)  # an earlier process did these
    for _ in range(3):
        now[0] += 8
        countdown.say("cox")
        countdown.step()
    countdown.say("forest")
    assert said == ["cox", "cox", "cox", "forest, about 1 min left"]
    now[0] += 8
    countdown.step()
    for _ in range(7):
        countdown.step()
    countdown.say("forest")
    assert said[-1] == "forest, about 6 s left"


def test_every_field_of_a_plan_makes_another_training() -> None:
    plans = [QUICK, FULL, planned(is_full=False, folds=4), planned(is_full=False, n_seeds=2)]
    plans += [planned(is_full=False, first_seed=3), planned(is_full=True, folds=4)]
    prints = {fingerprint_of("d", "h", plan, permute) for plan in plans for permute in (False, True)}
    assert len(prints) == 12
    assert fingerprint_of("d", "h", planned(is_full=True), False) == fingerprint_of("d", "h", FULL, False)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"folds": 1}, "1 folds"), ({"n_seeds": 0}, "0 seeds"), ({"first_seed": -1}, "seed is -1")],
)
def test_a_plan_that_cannot_be_is_refused(options: dict[str, int], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        planned(is_full=False, **options)


def test_hyper_parameters_read_as_numbers() -> None:
    chosen = {"model__l1_ratio": 0.9, "model__alphas": [0.1], "stack__final__C": (1.0,), "depth": None}
    assert hyper_parameters(chosen) == {"l1_ratio": 0.9, "alphas": 0.1, "C": 1.0, "depth": None}


def test_a_metric_stands_beside_its_spread() -> None:
    some, gap = Estimate(0.7, 0.6, 0.8, 0.69, 0.05, 5), Estimate(0.1, -0.1, 0.3, 0.11, 0.02, 5)
    metrics = metrics_of({"auroc": some}, gap, "versus_reference")
    assert metrics["auroc_low"] == 0.6
    assert metrics["versus_reference_high"] == 0.3
    assert len(metrics) == 10
    assert metrics_of({"auroc": some}, None, "versus_reference").keys() == {
        name for name in metrics if "reference" not in name
    }
