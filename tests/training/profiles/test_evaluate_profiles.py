"""The evaluation of groups: what is stable is said to be, outcomes stay out, and one group is no achievement."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from tests.training.profiles.test_clustering import blood
from tests.training.synthetic import START, retrieved
from training.dataset import Dataset, assemble
from training.profiles.clustering import UNPLACED, Profiles
from training.profiles.evaluate import ProfileEvaluation, evaluate_profiles
from training.task import Candidate, Labels
from training.tasks.response_profiles import course_columns, task

NAMES = [
    f"cytokine_kinetics__{a}_log2_change" for a in ("il6", "cxcl8", "ifng", "vegfa", "tnf", "ccl2", "il10", "cd274")
]
NAMES += ["exosome_summary__log2_concentration_change", "exosome_summary__mode_change_nm"]


def dataset(n: int = 90, effect: float = 1.0) -> tuple[np.ndarray, Dataset]:
    """Patients whose true group (returned) forms their blood and their survival."""
    truth, values = blood(n)
    values.iloc[:3, :8] = np.nan  # too little is known of these
    rng = np.random.default_rng(3)
    time = rng.exponential(300 * np.exp(effect * (truth - 1)))
    labels = pd.DataFrame(
        {
            "patient_id": [f"p{i}" for i in range(n)],
            "event_timestamp": pd.Timestamp(START),
            "site_id": np.where(np.arange(n) % 2, "north", "south"),
            "time_days": np.minimum(time, 900) + 1,
            "is_event": time < 900,
        }
    )
    features = values.set_axis(NAMES, axis=1).assign(
        clinical_profile__age_years=rng.normal(60, 10, n) + 15 * (truth == 0),
        clinical_profile__karnofsky=rng.choice([60.0, 70, 80, 90], n),
        clinical_profile__is_mgmt_methylated=rng.choice([0.0, 1], n),
    )
    given = retrieved(task.service, labels, features)
    return truth, assemble(task, Labels(labels, {"outcome": 1}, ("f" * 64,), {}), given)


def candidate(name: str) -> Candidate:
    """A declared candidate with fewer resamples to choose the number of groups by."""
    declared = task.candidate(name)

    def build(features: pd.DataFrame, seed: int) -> Profiles:
        made: Profiles = declared.build(features, seed)
        return made.set_params(n_resamples=4, n_null=4)  # type: ignore[no-any-return]

    return replace(declared, build=build)


def evaluated(data: Dataset, name: str, reference: ProfileEvaluation | None = None) -> ProfileEvaluation:
    return evaluate_profiles(data, candidate(name), seed=0, n_resamples=12, reference=reference)


@cache
def planted(name: str) -> tuple[Dataset, ProfileEvaluation]:
    """The usual patients, and what one candidate makes of them: several tests look at it."""
    _, data = dataset()
    return data, evaluated(data, name)


def test_planted_groups_are_stable_apart_and_differ_in_survival() -> None:
    truth, _ = dataset()
    data, clinical = planted("clinical_groups")
    assert set(course_columns(data.number_columns)) == set(NAMES)
    found = evaluated(data, "k_means", clinical)
    metrics = found.estimates
    assert metrics["n_groups"].value == 3
    assert metrics["stability_ari"].low <= metrics["stability_ari"].value <= metrics["stability_ari"].high
    assert metrics["stability_ari"].value > 0.7
    assert metrics["silhouette"].low < metrics["silhouette"].value < metrics["silhouette"].high
    assert metrics["logrank_permutation_p"].value < 0.01
    assert metrics["unplaced_share"].value == pytest.approx(3 / 90)
    assert list(found.groups[:3]) == [UNPLACED] * 3
    assert found.versus_reference is not None
    gaps = found.primary_samples - clinical.primary_samples
    assert found.versus_reference.value == pytest.approx(gaps.mean())
    older = found.differences[found.differences["feature"] == "clinical_profile__age_years"].iloc[0]
    assert older["q"] < 0.05 and not older["is_forming"]
    together, same = found.consensus[3:, 3:], truth[3:, None] == truth[None, 3:]
    assert np.isnan(found.consensus[:3]).all()
    assert together[same].mean() > 0.8 > 0.2 > together[~same].mean()


def test_outcomes_do_not_make_the_groups() -> None:
    data, found = planted("k_means")
    labels = data.labels.assign(time_days=data.labels["time_days"].to_numpy()[::-1], is_event=True)
    turned = evaluated(replace(data, labels=labels), "k_means")
    assert list(turned.groups) == list(found.groups)


def test_everyone_in_one_group_earns_no_stability_and_differs_from_nobody() -> None:
    _, data = dataset()
    alone = evaluated(data, "one_group")
    assert set(alone.groups) == {0}
    assert np.isnan([alone.estimates[m].value for m in ("stability_ari", "silhouette", "logrank_p")]).all()
    assert alone.estimates["n_groups"].value == 1
    assert alone.differences.empty
    assert evaluated(data, "clinical_groups", alone).versus_reference is None


def test_the_same_seed_gives_the_same_groups_and_numbers() -> None:
    _, data = dataset(60)
    first, second = evaluated(data, "hierarchical"), evaluated(data, "hierarchical")
    assert list(first.groups) == list(second.groups)
    assert [e.value for e in first.estimates.values()] == [e.value for e in second.estimates.values()]
