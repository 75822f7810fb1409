"""What a run of a grouping holds: pieces by plan, groups by pseudonym, and refusals in one sentence."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from infra.errors import UsageError
from tests.training.profiles.test_evaluate_profiles import candidate, dataset
from training.dataset import Dataset
from training.flow.evaluator import Work
from training.plan import FULL, QUICK
from training.profiles import evaluator as module
from training.profiles.clustering import UNPLACED
from training.profiles.evaluator import ProfileEvaluator
from training.task import SITE
from training.tracking.child import Child


class Steps:
    """Does every piece at once and keeps what it was."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.children: list[Child] = []

    def __call__(self, work: Work) -> Any:
        result = work.do()
        self.keys.append(work.key)
        self.children.extend(work.children(result))
        return result

    def all(self, works: Sequence[Work], jobs: int) -> list[Any]:
        return [self(work) for work in works]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESAMPLES", {"quick": 6, "full": 8})
    monkeypatch.setattr(module, "NULL_SETS", {"quick": 4, "full": 4})


def data_with_quick_candidates() -> Dataset:
    _, data = dataset()
    names = ("one_group", "clinical_groups", "k_means")
    return replace(data, task=replace(data.task, candidates=tuple(candidate(name) for name in names)))


def test_the_quick_plan_is_one_piece_and_its_tables_name_every_patient(tmp_path: Path) -> None:
    data, step = data_with_quick_candidates(), Steps()
    evaluator = ProfileEvaluator(data, QUICK, 1)
    assert evaluator.check().left_out == {}
    chosen = data.task.candidate("k_means")
    outcome = evaluator.evaluate(chosen, step)
    assert step.keys == ["groups"]
    assert evaluator.n_steps(chosen) == 1
    assert {"stability_ari", "stability_ari_low", "versus_reference", "logrank_permutation_p"} <= set(outcome.metrics)
    groups = outcome.tables["groups.parquet"]
    assert list(groups["patient_id"]) == list(data.labels["patient_id"])
    assert list(groups["group"]) == list(outcome.fitted.model.predict(data.features[list(outcome.fitted.columns)]))
    assert groups.loc[groups["group"] == UNPLACED, "certainty"].isna().all()
    assert groups.loc[groups["group"] != UNPLACED, "certainty"].between(0, 1).all()
    described: Any = outcome.documents["groups.json"]
    assert sum(g["n"] for g in described) == (groups["group"] != UNPLACED).sum()
    assert sum(g["n_events"] for g in described) == data.is_positive[groups["group"] != UNPLACED].sum()
    outcome.tables["differences.parquet"].to_parquet(tmp_path / "d.parquet")
    assert set(pd.read_parquet(tmp_path / "d.parquet")["modality"]) == {"clinical", "cytokines", "exosomes"}
    assert not evaluator.afterwards(chosen, 0.5, step).metrics


def test_the_full_plan_repeats_leaves_sites_out_and_modalities() -> None:
    data, step = data_with_quick_candidates(), Steps()
    evaluator = ProfileEvaluator(data, FULL, 1)
    chosen = data.task.candidate("k_means")
    outcome = evaluator.evaluate(chosen, step)
    assert step.keys == [
        "groups",
        "seed 1",
        "seed 2",
        "site north left out",
        "site south left out",
        "without cytokines",
        "without exosomes",
    ]
    assert evaluator.n_steps(chosen) == len(step.keys)
    assert {"stability_ari_seed_mean", "stability_ari_seed_sd"} <= set(outcome.metrics)
    by_name = {child.name: child for child in step.children}
    assert by_name["seed 1"].metrics["agreement_with_full"] > 0.6
    assert by_name["site north left out"].metrics["stability_ari"] > 0.5
    assert by_name["site north left out"].tags == {"site": "north"}
    # vesicles alone are one group's worth: three of four measures that form the groups are cytokines
    lost = {m: by_name[f"without {m}"].metrics["agreement_with_full"] for m in ("cytokines", "exosomes")}
    assert lost["cytokines"] < lost["exosomes"]
    assert "difference_to_full_low" in by_name["without exosomes"].metrics


def test_the_baseline_is_one_piece_in_every_plan() -> None:
    data, step = data_with_quick_candidates(), Steps()
    outcome = ProfileEvaluator(data, FULL, 1).evaluate(data.task.candidates[0], step)
    assert step.keys == ["groups"]
    assert "versus_reference" not in outcome.metrics
    assert set(outcome.tables["groups.parquet"]["group"]) == {0}


def test_a_modality_absent_for_everyone_leaves_its_candidate_out_in_one_sentence() -> None:
    data = data_with_quick_candidates()
    clinical = [c for c in data.features if c.startswith("clinical")]
    absent = replace(data, features=data.features.assign(**dict.fromkeys(clinical, np.nan)))
    left_out = ProfileEvaluator(absent, QUICK, 1).check().left_out
    assert left_out == {
        "clinical_groups": "clinical_groups is left out: 0 of 90 patients have at least half of its 3 measures; "
        "expected 16."
    }
    step = Steps()
    assert (
        "versus_reference"
        not in ProfileEvaluator(absent, QUICK, 1).evaluate(absent.task.candidate("k_means"), step).metrics
    )


def test_without_blood_there_is_nothing_to_train() -> None:
    data = data_with_quick_candidates()
    blood = [c for c in data.features if not c.startswith("clinical")]
    absent = replace(data, features=data.features.assign(**dict.fromkeys(blood, np.nan)))
    with pytest.raises(UsageError, match="response_profiles cannot be trained: k_means is left out: 0 of 90 patients"):
        ProfileEvaluator(absent, QUICK, 1).check()


def test_patients_of_one_hospital_leave_none_out_and_the_review_says_so() -> None:
    data = data_with_quick_candidates()
    one = replace(data, labels=data.labels.assign(**{SITE: "north"}))
    evaluator = ProfileEvaluator(one, FULL, 1)
    assert evaluator.check().notes == ("No site was left out: all patients are of one.",)
    assert evaluator.n_steps(one.task.candidate("k_means")) == 5
