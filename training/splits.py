"""Cross-validation in which no patient is on both sides of a split."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from infra.errors import UsageError

Rows = npt.NDArray[np.intp]
Column = Sequence[object] | npt.NDArray[Any]


@dataclass(frozen=True)
class Fold:
    """Row positions of one split."""

    train: Rows
    test: Rows


def grouped_folds(groups: Column, strata: Column, n_folds: int, seed: int) -> list[Fold]:
    """K folds: every row is tested once, groups stay whole, strata (classes, events) are spread evenly.

    Raises UsageError where a group is missing or there are too few groups, in all or within a stratum.
    """
    import pandas as pd
    from sklearn.model_selection import StratifiedGroupKFold

    units = pd.Series(list(groups))
    if units.isna().any():
        raise UsageError(f"{int(units.isna().sum())} rows name no patient to group by; expected one in each row.")
    if n_folds < 2:
        raise UsageError(f"{n_folds} folds were asked for; expected at least 2.")
    codes = pd.factorize(units)[0]
    classes = pd.factorize(pd.Series(list(strata)))[0]
    n_units = len(np.unique(codes))
    if n_units < n_folds:
        raise UsageError(f"{n_units} patients cannot be split into {n_folds} folds; expected at least one in each.")
    for value in np.unique(classes):
        n = len(np.unique(codes[classes == value]))
        if n < n_folds:
            raise UsageError(
                f"Only {n} patients have one of the outcomes; expected at least {n_folds}, one for each fold."
            )
    splitter = StratifiedGroupKFold(n_splits=n_folds, shuffle=True, random_state=seed)
    folds = [Fold(train, test) for train, test in splitter.split(np.zeros(len(codes)), classes, codes)]
    check_folds(folds, codes)
    return folds


def event_strata(is_event: npt.NDArray[np.bool_], groups: Column, n_folds: int) -> npt.NDArray[np.bool_]:
    """Strata for survival: events, spread over the folds where both kinds suffice; else one stratum for all.

    A cohort in which nearly everyone has died is a fine one, and has too few censored patients to spread.
    """
    units = np.asarray(groups)
    fewest = min(len(np.unique(units[is_event])), len(np.unique(units[~is_event])))
    return is_event if fewest >= n_folds else np.zeros(len(units), bool)


def check_folds(folds: Sequence[Fold], groups: Column) -> None:
    """Refuse folds that share a group between training and test, or do not test every row exactly once.

    Raises UsageError that says in which fold and how many groups or rows; never which.
    """
    units = np.asarray(groups)
    for number, fold in enumerate(folds):
        shared = np.intersect1d(units[fold.train], units[fold.test])
        if len(shared):
            raise UsageError(f"Fold {number} has {len(shared)} patients in both training and test; expected none.")
        if not len(fold.train) or not len(fold.test):
            raise UsageError(f"Fold {number} has no rows to train on or none to test; expected some of each.")
    tested = np.bincount(np.concatenate([f.test for f in folds]), minlength=len(units))
    if len(tested) != len(units) or (tested != 1).any():
        raise UsageError(f"{int((tested != 1).sum())} rows are not tested exactly once; expected every row once.")


def fold_numbers(folds: Sequence[Fold], n_rows: int) -> Rows:
    """For each row the number of the fold that tests it."""
    numbers = np.empty(n_rows, np.intp)
    for number, fold in enumerate(folds):
        numbers[fold.test] = number
    return numbers
