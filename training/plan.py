"""How thoroughly a task is evaluated: quickly for a look, in full for a number that will be defended."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Plan:
    """What is done beside the outer folds of the first seed.

    folds: outer folds, patients whole. seeds: one split into folds for each; the first is the one that candidates are
    compared on, the others say how much the split matters. by_site: leave-one-site-out as well. n_permutations: labels
    permuted within sites, the best candidate fitted again each time; 0 for none. ablate: each modality left out, and
    each alone.
    """

    name: Literal["quick", "full"]
    folds: int = 5
    seeds: tuple[int, ...] = (0,)
    by_site: bool = False
    n_permutations: int = 0
    ablate: bool = False


QUICK = Plan("quick")
FULL = Plan("full", seeds=(0, 1, 2), by_site=True, n_permutations=100, ablate=True)
