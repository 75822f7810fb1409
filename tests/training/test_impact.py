"""Lineage read backwards: exactly the runs that a file, a table or a patient went into."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from infra.errors import UsageError
from infra.lake import Lake
from infra.tables import TABLES
from ingestion import ledger
from tests.training import synthetic
from training import impact
from training.lineage import Lineage
from training.plan import Plan
from training.run import train
from training.tasks import TASKS
from training.trace import trace
from training.tracking import PREDICTIONS, Tracker

PLAN = Plan("quick", folds=2)
ARRIVED = "a1" * 32
BOTH = ("overall_survival", "treatment_response")


def trained(lake: Lake) -> set[str]:
    return {r.run_id for task in BOTH for r in train(
        lake, task, PLAN, jobs=1, retrieve=synthetic.retrieve, check=synthetic.unchecked)}  # fmt: skip


def of(found: impact.Impact) -> set[str]:
    return {run.run_id for run in found.runs}


@pytest.fixture
def two_candidates(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in BOTH:
        task = TASKS[name]
        few = tuple(c for c in task.candidates if c.is_baseline or c.name == task.reference)
        monkeypatch.setitem(TASKS, name, replace(task, candidates=few))
    yield


@pytest.mark.slow
@pytest.mark.usefixtures("two_candidates")
def test_a_file_names_exactly_the_runs_that_it_touched(tmp_path: Path) -> None:
    """Training, then a file that only survival is in, then training again: one task's second runs, and no others."""
    lake = Lake.at(tmp_path / "lake")
    synthetic.cohort(lake, 60)
    before = trained(lake)
    late = [synthetic.outcome(f"late{i:02d}", "OS", 100 + i, is_event=True, file_id=ARRIVED) for i in range(6)]
    synthetic.write(lake, "treatment", [synthetic.fraction(f"late{i:02d}") for i in range(6)])
    synthetic.write(lake, "outcome", late)
    ledger.record(lake, [synthetic.entry(ARRIVED, "late outcomes")])
    after = trained(lake) - before

    found = impact.of_file(lake, [ARRIVED[:10]])
    assert found.subject == ARRIVED
    assert of(found) == {r for r in after if Tracker(lake).run(r).tags["task"] == "overall_survival"}
    assert len(of(found)) == 2
    assert {run.how for run in found.runs} == {("labels",)}
    # The other way round, run by run: forwards and backwards say the same.
    by_run = {run: {f["file_id"] for f in trace(lake, run).files} for run in before | after}
    for file_id in (ARRIVED, synthetic.FILE, synthetic.OUTCOME_FILE):
        assert of(impact.of_file(lake, [file_id])) == {run for run, files in by_run.items() if file_id in files}
    # Patients of the late file are in the second training set of survival only; others in all.
    assert of(impact.of_patient(lake, "late03")) == of(found)
    assert of(impact.of_patient(lake, "patient003")) == before | after
    assert impact.of_patient(lake, "nobody").runs == ()
    # Outcomes had a version before and one after.
    assert of(impact.of_table(lake, "silver.outcome@0")) == before
    assert of(impact.of_table(lake, "silver.outcome@1")) == after
    assert of(impact.of_table(lake, "silver.outcome")) == before | after


def recorded(lake: Lake, n: int, candidates: int = 4, files: int = 3) -> dict[str, Lineage]:
    """n training sets with a run for each of some candidates, written without training: lineage by run id."""
    tracker, task = Tracker(lake), TASKS["overall_survival"]
    written = {}
    for i in range(n):
        ids = [hashlib.sha256(f"{k}".encode()).hexdigest() for k in range(i, i + files)]
        digest = hashlib.sha256(f"set {i}".encode()).hexdigest()
        lineage = Lineage(
            task.name, task.service, "d" * 64, digest, {"burden": i, "clinical_profile": 1}, {"outcome": i // 2},
            tuple(ids), (ids[0],), (), {},
        )  # fmt: skip
        rows = pd.DataFrame({"patient_id": [f"p{k}" for k in range(i, i + 5)], "score": 0.5})
        for k in range(candidates):
            tags = {"task": task.name, "model": f"m{k}", "digest": digest, "is_permuted": "false"}
            tags |= {"delta.burden": str(i), "delta.silver.outcome": str(i // 2)}
            with tracker.recording(task, f"m{k}", tags) as recorder:
                recorder.lineage(lineage)
                recorder.table(PREDICTIONS, rows)
            written[recorder.run_id] = lineage
    return written


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Where five training sets of two runs each are recorded."""
    return Lake.at(tmp_path_factory.mktemp("recorded") / "lake")


@pytest.fixture(scope="module")
def runs(lake: Lake) -> dict[str, Lineage]:
    return recorded(lake, 5, 2)


@pytest.mark.slow
def test_each_question_is_answered_as_by_looking_at_every_run(lake: Lake, runs: dict[str, Lineage]) -> None:
    for file_id in sorted({f for lineage in runs.values() for f in lineage.file_ids}):
        expected = {run for run, lineage in runs.items() if file_id in lineage.file_ids}
        assert of(impact.of_file(lake, [file_id])) == expected
    for version in range(6):
        expected = {run for run, lineage in runs.items() if lineage.table_versions["burden"] == version}
        assert of(impact.of_table(lake, f"gold.burden@{version}")) == expected
    # Through which gold tables: these do not tell what they were built from, so any version may be in them.
    through = impact.of_table(lake, "silver.mutational_burden@7")
    assert of(through) == set(runs)
    assert {run.how[0].split(",")[0] for run in through.runs} == {"features through gold.burden"}
    assert of(impact.of_table(lake, "gold.exosome_summary")) == set()


@pytest.mark.slow
def test_registered_models_and_their_aliases_are_named(lake: Lake, runs: dict[str, Lineage]) -> None:
    client = Tracker(lake).client
    first, second = list(runs)[:2]
    client.create_registered_model("overall_survival")
    for run in (first, second):
        client.create_model_version("overall_survival", f"runs:/{run}/model", run)
    client.set_registered_model_alias("overall_survival", "champion", "2")
    client.set_registered_model_alias("overall_survival", "challenger", "2")
    found = {run.run_id: run.models for run in impact.of_patient(lake, "p0").runs}
    assert set(found) == {first, second}
    assert [(m.name, m.version, m.aliases) for m in found[first]] == [("overall_survival", 1, ())]
    assert [(m.version, m.aliases) for m in found[second]] == [(2, ("challenger", "champion"))]


@pytest.mark.slow
def test_lineage_is_read_once_for_each_training_set(
    lake: Lake, runs: dict[str, Lineage], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    whole = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda self, *a, **k: (read.append(self), whole(self, *a, **k))[1])
    found = impact.of_file(lake, [hashlib.sha256(b"3").hexdigest()])
    assert (found.n_runs, found.n_training_sets) == (len(runs), 5)
    assert len([path for path in read if path.name == "lineage.json"]) == 5


@pytest.mark.slow
def test_what_cannot_be_followed_is_said(lake: Lake, runs: dict[str, Lineage]) -> None:
    tracker, task = Tracker(lake), TASKS["overall_survival"]
    tags = {"task": task.name, "model": "m9"}
    with pytest.raises(RuntimeError), tracker.recording(task, "m9", tags) as recorder:
        raise RuntimeError
    found = impact.of_patient(lake, "p1")
    assert found.unknown == (recorder.run_id,)
    assert found.n_runs == len(runs) + 1
    for ask, given, sentence in (
        (impact.of_file, ["abc"], "no file id"),
        (impact.of_file, ["0" * 64], "No file of this id"),
        (impact.of_table, "bronze.ledger", "names no table"),
        (impact.of_table, "gold.nothing", "There is no table gold.nothing"),
    ):
        with pytest.raises(UsageError, match=sentence):
            ask(lake, given)  # type: ignore[operator]


def test_every_table_can_be_asked_for() -> None:
    assert all(impact.is_table(f"silver.{name}") and impact.is_table(f"silver.{name}@3") for name in TABLES)
    assert not impact.is_table("outcome")
