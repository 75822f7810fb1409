"""How far groups would come out the same from other patients, and how many groups there are by that measure.

Stability is the adjusted Rand index (Hubert and Arabie 1985) between the groups of all patients and those found in a
bootstrap sample of them and extended to all (Hennig 2007; Ben-Hur et al. 2002). Few groups are stable more easily than
many, and a long cloud of points is cut in two the same way again and again. So each number of groups is held
against data of the same size, means and covariances that are one group by construction, a single Gaussian (Liu et al.
2008; John et al. 2020). What decides is the excess over them as a share of what is to be had, as in Cohen's kappa, and
the smaller number where two are as good. Of groups within groups the level that is found again most surely is taken.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from sklearn.metrics import adjusted_rand_score

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
AS_GOOD = 0.05
"""A difference in excess that is none."""
LEAST_ROOM = 0.05


class Groups(Protocol):
    """A fitted clustering."""

    def predict(self, X: Any) -> Any: ...


Grouping = Callable[[Floats, int, int], Groups]
"""(prepared values, number of groups, seed) -> fitted groups."""


@dataclass(frozen=True)
class Choice:
    """The number of groups, with what it was chosen by.

    stability: by number of groups, the mean adjusted Rand index; by_chance: the same in data that are one group.
    excess: of the chosen number, (stability - by chance) / (1 - by chance).
    p: share of one-group data sets whose largest excess is no smaller, the data's own counted in: what says whether
        there are groups at all.
    """

    n_groups: int
    stability: Mapping[int, float]
    by_chance: Mapping[int, float]
    excess: float
    p: float


def bootstrap_rows(n_rows: int, n_resamples: int, seed: int) -> list[Rows]:
    """Rows drawn with replacement, each set as its distinct rows: a copy of a patient would be a group of its own."""
    rng = np.random.default_rng(seed)
    return [np.unique(rng.integers(n_rows, size=n_rows)) for _ in range(n_resamples)]


def regrouped(grouping: Grouping, values: Floats, n_groups: int, rows: Sequence[Rows], seed: int) -> Rows:
    """Groups of all rows as found in each set of rows, shape (sets, rows)."""
    return np.array([grouping(values[own], n_groups, seed).predict(values) for own in rows], np.intp)


def agreement(groups: Rows, others: Rows) -> Floats:
    """Adjusted Rand index between one grouping and each of others (a row each)."""
    return np.array([adjusted_rand_score(groups, other) for other in others])


def consensus(groups: Rows) -> Floats:
    """Share of the groupings (a row each) in which two patients are together, shape (patients, patients)."""
    together = np.zeros((groups.shape[1], groups.shape[1]))
    for own in groups:
        together += own[:, None] == own[None, :]
    return together / len(groups)


def choose(
    grouping: Grouping, values: Floats, choices: Sequence[int], *, seed: int, n_resamples: int, n_null: int
) -> Choice:
    """The number of groups whose stability exceeds that of a single group by most; the smallest of those as good.

    n_resamples: bootstrap samples for each number of groups; n_null: data sets that are one group, of which each is
    resampled a third as often: their mean is taken, and what noise adds to single ones makes p larger, not smaller.
    """
    rows = bootstrap_rows(len(values), n_resamples, seed)

    def stabilities(data: Floats, rows: Sequence[Rows]) -> Floats:
        return np.array(
            [
                agreement(
                    np.asarray(grouping(data, k, seed).predict(data)), regrouped(grouping, data, k, rows, seed)
                ).mean()
                for k in choices
            ]
        )

    own = stabilities(values, rows)
    few = rows[: max(2, n_resamples // 3)]
    rng = np.random.default_rng(seed)
    covariance = np.atleast_2d(np.cov(values, rowvar=False))
    null = np.array(
        [
            stabilities(rng.multivariate_normal(values.mean(axis=0), covariance, len(values), method="eigh"), few)
            for _ in range(n_null)
        ]
    )
    by_chance = null.mean(axis=0)
    room = np.maximum(1 - by_chance, LEAST_ROOM)
    excess = (own - by_chance) / room
    as_far = int((((null - by_chance) / room).max(axis=1) >= excess.max()).sum())
    chosen = int(np.argmax(excess >= excess.max() - AS_GOOD))
    return Choice(
        n_groups=int(choices[chosen]),
        excess=float(excess[chosen]),
        stability={int(k): float(s) for k, s in zip(choices, own, strict=True)},
        by_chance={int(k): float(s) for k, s in zip(choices, by_chance, strict=True)},
        p=(1 + as_far) / (1 + n_null),
    )
