"""Permutation test: what the whole procedure finds where there is nothing to find.

Under the null hypothesis features say nothing of outcomes beyond the site, so outcomes may change places between the
patients of a site. Patients are what is exchanged, never rows: minutes of a patient follow each other, and shuffled one
by one they would lose that, so that the null would be too narrow. A patient with many rows takes over the whole course
of another's outcomes, from a random minute of it on and around its end (a rotation, which keeps the order of the
course; courses differ in length, and what everyone shows at the same minute of a case must not pass for signal either).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from training.dataset import Dataset
from training.evaluate import MANY_ROWS, folds_of, out_of_fold
from training.parallel import each
from training.scoring import Floats, scorer
from training.task import COMPETING, IS_EVENT, LABEL, PREDICTION_TIME, SITE, TIME_DAYS, Candidate

MANY_ROWS_SHARE = 5
"""Thousands of rows take so many times as long, and their null is that much narrower."""


@dataclass(frozen=True)
class PermutationTest:
    """observed: the primary metric on the true outcomes. null: on permuted ones, NaN where it was not defined."""

    observed: float
    null: Floats

    @property
    def p_value(self) -> float:
        """(1 + permutations at least as good) / (1 + permutations): Phipson and Smyth 2010. NaN without any."""
        known = self.null[np.isfinite(self.null)]
        if not len(known) or not np.isfinite(self.observed):
            return float("nan")
        return float((1 + (known >= self.observed).sum()) / (1 + len(known)))

    @property
    def interval(self) -> tuple[float, float]:
        """What 95 % of the permutations gave; (NaN, NaN) where fewer than two are defined."""
        known = self.null[np.isfinite(self.null)]
        if len(known) < 2:
            return float("nan"), float("nan")
        low, high = np.quantile(known, [0.025, 0.975])
        return float(low), float(high)


def permuted(dataset: Dataset, seed: int) -> Dataset:
    """The same rows with outcomes exchanged between the patients of each site: what a model finds here is not there.

    Within the site, so that differences between sites stay and cannot pass for signal. One row a patient: the outcomes
    of a site in another order. Several: each patient's rows, in order of time, take another's course of outcomes,
    rotated and as often over as there are rows to fill.
    """
    rng = np.random.default_rng(seed)
    targets = [c for c in (TIME_DAYS, IS_EVENT, COMPETING, LABEL) if c in dataset.labels]
    source = _sources(dataset, rng)
    labels = dataset.labels.copy()
    for target in targets:
        labels[target] = dataset.labels[target].to_numpy()[source]
    return replace(dataset, labels=labels)


def _sources(dataset: Dataset, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """For each row the row that its outcome comes from."""
    labels = dataset.labels
    in_time = np.lexsort((labels[PREDICTION_TIME].to_numpy("datetime64[us]"), dataset.groups))
    rows_of = np.split(in_time, np.flatnonzero(np.diff(dataset.groups[in_time])) + 1)
    site = labels[SITE].astype(object).where(labels[SITE].notna(), None).to_numpy()
    source = np.empty(len(labels), np.intp)
    for place in dict.fromkeys(site):
        patients = [rows for rows in rows_of if site[rows[0]] == place]
        for receiver, number in zip(patients, rng.permutation(len(patients)), strict=True):
            donor = patients[number]
            source[receiver] = donor[(rng.integers(len(donor)) + np.arange(len(receiver))) % len(donor)]
    return source


def n_permutations(dataset: Dataset, n: int) -> int:
    """How many of `n` permutations are worth their time: a fifth where rows are thousands, of 100 still p < 0.05."""
    return n if len(dataset.labels) < MANY_ROWS else max(1, n // MANY_ROWS_SHARE)


def null_values(
    dataset: Dataset, candidate: Candidate, n_folds: int, seed: int, numbers: Sequence[int], *, jobs: int = 1
) -> Floats:
    """The primary metric under the permutations of those numbers: the whole procedure, from the folds on, for each.

    The same number is the same permutation always.
    """
    work = [partial(_one, dataset, candidate, n_folds, seed, number) for number in numbers]
    return np.array(list(each(work, jobs)), float)


def _one(dataset: Dataset, candidate: Candidate, n_folds: int, seed: int, number: int) -> float:
    shuffled = permuted(dataset, int(np.random.SeedSequence([seed, number]).generate_state(1)[0]))
    _, predictions = out_of_fold(shuffled, candidate, folds_of(shuffled, n_folds, seed), seed)
    return float(scorer(shuffled, predictions).primary(np.ones(len(shuffled.labels))))
