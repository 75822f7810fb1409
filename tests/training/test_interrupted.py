"""Trainings killed for good at any moment, and run again: nothing is doubled, nothing finished is done again."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.lake import Lake
from tests.training import synthetic
from training.plan import Plan
from training.run import Trained, train
from training.tasks import TASKS
from training.tracking import LoggedRun, Tracker

pytestmark = pytest.mark.slow

TASK = "overall_survival"
PLAN = Plan("full", folds=2, seeds=(0, 1), by_site=True, n_permutations=10, ablate=True)
MODELS = ("kaplan_meier", "clinical_cox", "coxnet")
PERMUTED = Plan("full", folds=2, n_permutations=10)
FAST = replace(TASKS[TASK], candidates=tuple(replace(TASKS[TASK].candidate(name), grid={}) for name in MODELS))
"""The task with the candidates that are fitted in no time."""
ROOT = Path(__file__).parents[2]
SCRIPT = f"""
import sys
from tests.training import test_interrupted
from infra.lake import Lake
from tests.training import synthetic
from training.run import train
from training.tasks import TASKS
TASKS["{TASK}"] = test_interrupted.FAST
def tell(what, done, total):
    print(what, flush=True)
train(Lake.at(sys.argv[1]), "{TASK}", getattr(test_interrupted, sys.argv[2]), jobs=1, progress=tell,
      retrieve=synthetic.retrieve, check=synthetic.unchecked)
"""


def killed_at(lake: Lake, moment: str, plan: str = "PLAN") -> None:
    """Trains in a process of its own, which is killed when it says that it has come to `moment`."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, lake.root, plan],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line.strip())
        if line.startswith(moment):
            process.kill()
            process.communicate()
            return
    _, errors = process.communicate()
    pytest.fail(f"It ended before {moment!r}, saying {said[-3:]}: {errors[-500:]}")


def trained(lake: Lake, plan: Plan = PLAN) -> Trained:
    return train(lake, TASK, plan, jobs=1, retrieve=synthetic.retrieve, check=synthetic.unchecked)


def every_run(lake: Lake) -> list[LoggedRun]:
    return Tracker(lake)._search(TASK, "")


def names(runs: list[LoggedRun]) -> list[str]:
    return sorted(run.tags["mlflow.runName"] for run in runs)


@pytest.fixture(autouse=True, scope="module")
def fast() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TASKS, TASK, FAST)
        yield


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake.at(tmp_path_factory.mktemp("undisturbed"))
    synthetic.cohort(lake, 60)
    trained(lake)
    return lake


def test_a_killed_training_goes_on_in_its_own_runs(undisturbed: Lake, tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    synthetic.cohort(lake, 60)
    tracker = Tracker(lake)

    killed_at(lake, "coxnet, without cytokines")
    left = {run.tags["mlflow.runName"]: run for run in every_run(lake)}
    assert left["coxnet"].status == "RUNNING"
    assert left["clinical_cox"].status == "FINISHED"
    assert left["coxnet seed 1"].status == "FINISHED"

    killed_at(lake, "coxnet, permutations 7 to 8")  # the best one, after all candidates
    resumed = tracker.run(left["coxnet"].run_id)
    assert (resumed.status, resumed.tags["interrupted"], resumed.tags["resumed"]) == ("FINISHED", "true", "1")
    assert "is_best" not in resumed.tags
    assert "permutation_p" not in resumed.metrics

    again = trained(lake)
    assert not any(run.is_new for run in again)
    ended = every_run(lake)
    assert {run.status for run in ended} == {"FINISHED"}
    # What had been finished at the first kill is there as it was, and nothing is there twice.
    assert {run.run_id for run in left.values()} <= {run.run_id for run in ended}
    assert names(ended) == names(every_run(undisturbed))
    for run, other in zip(again, trained(undisturbed), strict=True):
        assert run.metrics == pytest.approx(other.metrics)
        assert tracker.run(run.run_id).params == Tracker(undisturbed).run(other.run_id).params
    assert not list(tmp_path.rglob("*.pickle"))
    experiment = tracker.client.get_experiment_by_name(TASK).experiment_id
    assert len(tracker.client.search_logged_models([experiment])) == len(list(again))


def test_permutations_killed_midway_are_said_of_the_best_run_and_go_on(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    synthetic.cohort(lake, 60)
    tracker = Tracker(lake)
    killed_at(lake, "coxnet, permutations 7 to 8", "PERMUTED")
    left = {run.tags["model"]: run for run in tracker.finished(TASK)}
    assert set(left) == set(MODELS)
    assert left["coxnet"].tags["under_way"] == "true"

    assert tracker.mark_interrupted(TASK) == 1
    marked = tracker.run(left["coxnet"].run_id)
    assert (marked.status, marked.tags["interrupted"]) == ("FINISHED", "true")
    assert not any("interrupted" in tracker.run(left[name].run_id).tags for name in MODELS[:2])

    assert not any(run.is_new for run in trained(lake, PERMUTED))
    ended = tracker.run(left["coxnet"].run_id)
    assert (ended.tags["interrupted"], ended.tags["resumed"], ended.tags["is_best"]) == ("true", "1", "true")
    assert "under_way" not in ended.tags
    assert ended.metrics["permutation_p"] > 0
    [permutation] = tracker.children(ended, "permutation")
    assert not {"under_way", "interrupted"} & set(permutation.tags)


def test_the_whole_plan_is_there(undisturbed: Lake) -> None:
    tracker = Tracker(undisturbed)
    best = next(run for run in tracker.finished(TASK) if "is_best" in run.tags)
    assert best.tags["model"] == "coxnet"
    place = tracker.artifacts / TASK / best.run_id / "artifacts" / "permutations.json"
    said = json.loads(place.read_text())
    assert said["observed"] == pytest.approx(best.metrics["uno_c"])
    as_good = sum(value >= said["observed"] for value in said["null"])
    assert best.metrics["permutation_p"] == pytest.approx((1 + as_good) / 11)
    assert best.metrics["uno_c_seed_sd"] > 0
    assert {"uno_c_site_north", "uno_c_site_south", "versus_reference_low"} <= set(best.metrics)
    # What was found below the run stands in the run itself.
    found = {file.name for file in place.parent.rglob("*.*")}
    assert {f"{what}.{kind}" for what in ("ablation", "sites", "permutations") for kind in ("png", "json")} <= found
    below = {f"{child.tags['ablation']} {child.tags['modality']}": child for child in tracker.children(best)
             if child.tags["level"] == "ablation"}  # fmt: skip
    assert best.metrics["adds_cytokines"] == pytest.approx(-below["without cytokines"].metrics["difference_to_full"])
    assert best.metrics["alone_cytokines_low"] == pytest.approx(below["alone cytokines"].metrics["uno_c_low"])
    assert names(tracker.children(best)) == [
        "coxnet clinical alone",
        "coxnet cytokines alone",
        "coxnet fold 0",
        "coxnet fold 1",
        "coxnet outcomes permuted",
        "coxnet seed 0",
        "coxnet seed 1",
        "coxnet site north left out",
        "coxnet site south left out",
        "coxnet without clinical",
        "coxnet without cytokines",
    ]
    parts = {(c.tags["ablation"], c.tags["modality"]): c.metrics for c in tracker.children(best, "ablation")}
    assert parts["without", "cytokines"]["difference_to_full_high"] < 0  # the planted driver
    assert parts["without", "clinical"]["difference_to_full"] > parts["without", "cytokines"]["difference_to_full"]
    sites = {c.tags["site"]: c for c in tracker.children(best, "site")}
    assert float(sites["north"].params["n_patients"]) == 30
    assert float(best.params["n_features"]) > 10
