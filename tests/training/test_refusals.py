"""One sentence for each thing that cannot be trained, and for what models will not see."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from infra.errors import UsageError
from tests.training.datasets import classes, minutes, planted
from training.refusals import require_enough, review


def noise(n: int) -> pd.DataFrame:
    return pd.DataFrame({"x": np.random.default_rng(0).normal(size=n)})


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (np.arange(8) < 4, "treatment_response has 8 patients; 5 folds need at least 10."),
        (np.ones(30, bool), "has one class only: each of its 30 patients has the outcome; expected both."),
        (np.zeros(30, bool), "has one class only: each of its 30 patients lacks the outcome; expected both."),
        (np.arange(30) < 9, "has 9 patients with the event among 30; 5 folds need at least 10."),
        (np.arange(30) >= 9, "has 9 patients without it among 30; 5 folds need at least 10."),
    ],
)
def test_too_little_is_refused_with_counts(label: np.ndarray, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        require_enough(classes(noise(len(label)), label), 5)
    assert str(refused.value).endswith(message)


def test_counts_are_of_patients_not_of_rows() -> None:
    cases = [f"c{i}" for i in range(6) for _ in range(10)]
    data = minutes(cases, list(range(10)) * 6, [70.0] * 60, [True, False] * 30)
    with pytest.raises(UsageError, match="hypotension has 6 patients; 5 folds need at least 10"):
        require_enough(data, 5)
    require_enough(data, 3)


def test_an_absent_modality_and_constant_features_are_said() -> None:
    data = planted(60)
    features = data.features.assign(exosome_summary__noise=np.nan, burden__tmb=3.0, burden__n=0.0)
    found = review(replace(data, features=features), 5)
    assert found.left_out == {}
    assert found.notes == (
        "2 features have the same value for all 60 rows and are dropped by every model: burden__tmb, burden__n.",
        "No row of treatment_response has a value of any exosomes feature; models go without exosomes.",
    )


def test_a_candidate_that_lives_on_an_absent_modality_is_left_out() -> None:
    data = planted(60)
    exosomes = replace(data.task.candidates[2], name="exosomes_only", uses=lambda c: ["exosome_summary__noise"])
    other = replace(exosomes, name="proteins_only", uses=lambda c: ["olink_profile__npx"])
    task = replace(data.task, candidates=(*data.task.candidates, exosomes, other))
    features = data.features.assign(exosome_summary__noise=np.nan)
    found = review(replace(data, task=task, features=features), 5)
    assert found.left_out == {
        "exosomes_only": "exosomes_only is left out: no patient's exosomes features tell it anything "
        "(absent or constant).",
        "proteins_only": "proteins_only is left out: olink_profile__npx is not among the features of "
        "treatment_response_v2.",
    }


def test_without_its_reference_a_task_is_refused() -> None:
    data = planted(60)
    features = data.features.drop(columns=[c for c in data.features if c.startswith("clinical_profile")])
    with pytest.raises(UsageError) as refused:
        review(replace(data, features=features), 5)
    assert str(refused.value) == (
        "clinical_logistic is left out: treatment_response_v2 has none of the features that it uses; "
        "treatment_response has nothing to compare models with."
    )
