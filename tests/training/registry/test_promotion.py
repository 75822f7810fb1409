"""From runs to a champion, on one lake in the order of the tests: registered, promoted, refused, replaced."""

import json
import sys
from dataclasses import replace

import pytest

from infra.errors import UsageError
from infra.lake import Lake
from tests.training import synthetic
from tests.training.registry.conftest import CLEAR, PLAN, TASK, retrieve, trained
from training.artefacts import artefact, predictions
from training.registry.ground import Standing, compared
from training.registry.promotion import PromotionRefused, promote, register_best
from training.registry.versions import LEAKAGE, champion, every_version, register, versions
from training.run import RunSummary, train
from training.tasks import TASKS
from training.tracking import Tracker

pytestmark = pytest.mark.slow
Runs = dict[str, RunSummary]


@pytest.fixture(autouse=True)
def clean(lake: Lake) -> None:
    """No version was left by another test."""
    client = Tracker(lake).client
    for model in client.search_registered_models():
        client.delete_registered_model(model.name)


def test_a_pair_differs_as_the_training_itself_says(lake: Lake, runs: Runs) -> None:
    tracker = Tracker(lake)
    found = {name: tracker.run(run.run_id) for name, run in runs.items()}
    sides = [
        Standing(n, found[n].tags["digest"], rows)
        for n in ("clear", "clinical_cox")
        if (rows := predictions(tracker, found[n])) is not None
    ]
    difference = compared(TASKS[TASK], *sides).primary
    said = runs["clear"].metrics
    assert difference.value == pytest.approx(said["versus_reference"])
    assert difference.low == pytest.approx(said["versus_reference_low"])
    assert difference.high == pytest.approx(said["versus_reference_high"])


def test_a_run_is_registered_once_as_challenger(lake: Lake, runs: Runs) -> None:
    first = register(lake, runs["clear"].run_id[:10])
    assert (first.task, first.version, first.model, first.aliases) == (TASK, 1, "clear", ("challenger",))
    assert register(lake, runs["clear"].run_id) == first
    second = register(lake, runs["blurred"].run_id)
    assert [(v.version, v.aliases) for v in versions(lake, TASK)] == [(2, ("challenger",)), (1, ())]
    found = Tracker(lake).client.get_model_version(TASK, "2")
    assert found.run_id == runs["blurred"].run_id == second.run_id
    assert "Uno's C" in found.description and "decision support" in found.description


def test_the_better_one_takes_the_place_of_the_champion_and_the_worse_one_does_not(lake: Lake, runs: Runs) -> None:
    register(lake, runs["blurred"].run_id)
    first = promote(lake, TASK)
    assert first.previous is None and first.version.aliases == ("champion",)
    register(lake, runs["clear"].run_id)
    second = promote(lake, TASK, runs["clear"].run_id)
    assert second.previous == 1 and second.evidence.champion is not None
    assert second.evidence.champion.primary.value > 0
    assert "to the champion blurred (version 1)" in second.sentence
    with pytest.raises(PromotionRefused, match=r"not better than the champion clear \(version 2\) \(0\.\d+ against 0"):
        promote(lake, TASK, "1")
    now = champion(lake, TASK)
    assert now is not None and now.version == 2 and now.promotion == second.sentence
    assert "is not promoted" in versions(lake, TASK)[1].promotion
    with pytest.raises(UsageError, match="is the champion already"):
        promote(lake, TASK, "2")


def test_a_baseline_is_no_champion(lake: Lake, runs: Runs) -> None:
    register(lake, runs["clinical_cox"].run_id)
    with pytest.raises(PromotionRefused, match="is the baseline clinical_cox itself"):
        promote(lake, TASK)
    assert champion(lake, TASK) is None


def test_the_best_is_registered_and_promoted_once(lake: Lake, runs: Runs) -> None:
    best = register_best(lake, TASK)
    assert best.is_champion and best.version.model == "clear"
    assert register_best(lake, TASK) == best
    assert [v.version for v in every_version(lake)] == [1]


def test_permuted_unfinished_and_leaking_runs_are_never_registered(lake: Lake, runs: Runs) -> None:
    permuted = trained(lake, permute=True)["clear"]
    with pytest.raises(UsageError, match="permuted labels"):
        register(lake, permuted.run_id)
    tracker = Tracker(lake)
    run = tracker.run(runs["clear"].run_id)
    for status in ("RUNNING", "KILLED", "FAILED"):
        tracker.client.update_run(run.run_id, status=status)
        with pytest.raises(UsageError, match=f"is {status.lower()}; only a run that finished"):
            register(lake, run.run_id)
    tracker.client.update_run(run.run_id, status="FINISHED")
    path = artefact(tracker, run, LEAKAGE)
    assert path is not None
    clean = path.read_text()
    path.write_text(json.dumps(json.loads(clean) | {"is_clean": False}))
    with pytest.raises(UsageError, match="knew what could not be known"):
        register(lake, run.run_id)
    path.unlink()
    with pytest.raises(UsageError, match=r"has no leakage\.json"):
        register(lake, run.run_id)
    path.write_text(clean)
    assert not every_version(lake)


@pytest.mark.parametrize("alias", ["champion", "latest", "Best", "7"])
def test_aliases_that_promise_too_much_cannot_be_given(lake: Lake, runs: Runs, alias: str) -> None:
    with pytest.raises(UsageError, match="cannot be given"):
        register(lake, runs["clear"].run_id, alias)


def test_what_is_not_there_is_said(lake: Lake, runs: Runs) -> None:
    with pytest.raises(UsageError, match="has no challenger"):
        promote(lake, TASK)
    register(lake, runs["blurred"].run_id)
    with pytest.raises(UsageError, match="has no version 9"):
        promote(lake, TASK, "9")
    with pytest.raises(UsageError, match=r"is not registered for overall_survival; `oncolake models register"):
        promote(lake, TASK, runs["clear"].run_id)


def test_a_champion_on_other_folds_is_fitted_again_on_those_of_the_challenger(lake: Lake, runs: Runs) -> None:
    register(lake, runs["blurred"].run_id)
    promote(lake, TASK)
    others = train(lake, TASK, replace(PLAN, folds=4), jobs=1, retrieve=retrieve, check=synthetic.unchecked)
    by_model = {r.model: r for r in others}
    register(lake, by_model["clear"].run_id)
    done = promote(lake, TASK, retrieve=retrieve)
    champion_again = done.evidence.champion
    assert champion_again is not None and "blurred (version 1, fitted again)" in champion_again.other
    assert champion_again.primary.other == pytest.approx(by_model["blurred"].metrics["uno_c"])
    register(lake, by_model["blurred"].run_id)
    register(lake, runs["clear"].run_id)
    with pytest.raises(PromotionRefused, match=r"like the champion .*on the same training set; there is no reason"):
        promote(lake, TASK, retrieve=retrieve)


def test_a_training_set_that_cannot_be_built_again_refuses(lake: Lake, runs: Runs) -> None:
    def other(lake: Lake, service: str, labels: object) -> synthetic.Retrieved:
        found = retrieve(lake, service, labels)  # type: ignore[arg-type]
        return replace(found, digest="0" * 64)

    register(lake, runs["blurred"].run_id)
    promote(lake, TASK)
    by_model = {
        r.model: r
        for r in train(lake, TASK, replace(PLAN, folds=4), jobs=1, retrieve=retrieve, check=synthetic.unchecked)
    }
    register(lake, by_model["clear"].run_id)
    with pytest.raises(PromotionRefused, match="does not come out the same again"):
        promote(lake, TASK, retrieve=other)


def test_the_command_line_registers_promotes_lists_and_describes(
    lake: Lake, runs: Runs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from oncolake.cli import main

    def oncolake(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["oncolake", "models", *arguments, "--lake", lake.root])
        code: object = 0
        try:
            main()
        except SystemExit as left:
            code = left.code or 0
        said = capsys.readouterr()
        assert isinstance(code, int)
        return code, said.out, said.err

    assert "No model is registered" in oncolake("list")[1]
    code, out, _ = oncolake("register", runs["clear"].run_id, "--json")
    assert code == 0 and json.loads(out)["aliases"] == ["challenger"]
    code, out, _ = oncolake("promote", TASK)
    assert code == 0 and out.startswith("Version 1 of overall_survival (clear) is the champion with uno_c 0.")
    assert oncolake("register", runs["blurred"].run_id, "--alias", "second")[0] == 0
    code, _, error = oncolake("promote", TASK, "2")
    assert code == 1 and error.startswith("oncolake: Version 2 of overall_survival (blurred) is not promoted: ")
    listed = json.loads(oncolake("list", "--json")[1])
    assert [(v["version"], v["aliases"]) for v in listed] == [(2, ["second"]), (1, ["champion"])]
    assert oncolake("card", TASK)[1].startswith("# Model card: overall_survival, clear")
    code, _, error = oncolake("card", TASK, "--out", "card.pdf")
    assert code == 2 and "ends in .md or .html" in error


def test_the_same_procedure_on_newer_data_takes_the_champions_place(lake: Lake, runs: Runs) -> None:
    def corrected(lake: Lake, service: str, labels: object) -> synthetic.Retrieved:
        found = retrieve(lake, service, labels)  # type: ignore[arg-type]
        features = found.frame.drop(columns=labels.columns)  # type: ignore[attr-defined]
        return synthetic.retrieved(service, labels, features.assign(**{CLEAR: features[CLEAR] * 2}))  # type: ignore[arg-type]

    register(lake, runs["clear"].run_id)
    promote(lake, TASK)
    again = train(lake, TASK, PLAN, jobs=1, retrieve=corrected, check=synthetic.unchecked)
    register(lake, {r.model: r for r in again}["clear"].run_id)
    done = promote(lake, TASK)
    assert done.version.version == 2 and done.previous == 1
    assert "it is version 1 trained on other data" in done.sentence
