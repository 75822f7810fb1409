"""Splits: no patient on both sides, every row tested once, and a refusal of anything else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import UsageError
from training.splits import Fold, check_folds, event_strata, fold_numbers, grouped_folds

PATIENTS = st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=12, max_size=40)


@given(PATIENTS, st.integers(2, 5), st.integers(0, 3))
def test_patients_stay_whole_and_every_row_is_tested_once(
    patients: list[tuple[int, bool]], n_folds: int, seed: int
) -> None:
    groups = np.repeat(np.arange(len(patients)), [rows for rows, _ in patients])
    strata = np.repeat([positive for _, positive in patients], [rows for rows, _ in patients])
    counts = [len(np.unique(groups[strata == s])) for s in (False, True)]
    if min(c for c in counts if c) < n_folds:
        with pytest.raises(UsageError, match="Only"):
            grouped_folds(groups, strata, n_folds, seed)
        return
    folds = grouped_folds(groups, strata, n_folds, seed)
    assert len(folds) == n_folds
    for fold in folds:
        assert not set(groups[fold.train]) & set(groups[fold.test])
        assert sorted([*fold.train, *fold.test]) == list(range(len(groups)))
    assert sorted(np.concatenate([f.test for f in folds])) == list(range(len(groups)))
    assert all((fold_numbers(folds, len(groups))[f.test] == k).all() for k, f in enumerate(folds))


def test_the_same_seed_gives_the_same_folds() -> None:
    groups, strata = np.arange(40), np.arange(40) % 3 == 0
    first, again, other = (grouped_folds(groups, strata, 4, seed) for seed in (1, 1, 2))
    assert all((a.test == b.test).all() for a, b in zip(first, again, strict=True))
    assert any(len(a.test) != len(b.test) or (a.test != b.test).any() for a, b in zip(first, other, strict=True))


def test_classes_are_spread_evenly() -> None:
    strata = np.arange(50) < 10
    folds = grouped_folds(np.arange(50), strata, 5, seed=0)
    assert [int(strata[f.test].sum()) for f in folds] == [2] * 5


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ([Fold(np.array([0, 1]), np.array([2, 3])), Fold(np.array([2, 3]), np.array([0, 1]))], "1 patients in both"),
        (
            [Fold(np.array([0]), np.array([3])), Fold(np.array([3]), np.array([0]))],
            "2 rows are not tested exactly once",
        ),
        ([Fold(np.array([], int), np.array([0, 1, 2, 3]))], "no rows to train on"),
    ],
    ids=["shared patient", "rows left out", "empty"],
)
def test_a_wrong_split_is_refused(folds: list[Fold], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_folds(folds, ["a", "b", "b", "c"])


@pytest.mark.parametrize(
    ("groups", "n_folds", "message"),
    [
        (["a", None, "b"], 2, "1 rows name no patient"),
        (["a", "a", "b"], 3, "2 patients cannot be split into 3 folds"),
        (["a", "b"], 1, "at least 2"),
    ],
)
def test_what_cannot_be_split_is_refused(groups: list[object], n_folds: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        grouped_folds(groups, [0] * len(groups), n_folds, seed=0)


def test_rare_censoring_is_not_spread() -> None:
    event = np.array([True] * 18 + [False] * 2)
    assert not event_strata(event, np.arange(20), 5).any()
    assert (event_strata(event, np.arange(20), 2) == event).all()
