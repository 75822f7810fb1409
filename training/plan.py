"""How thoroughly a task is evaluated: quickly for a look, in full for a number that will be defended."""

from dataclasses import dataclass, replace
from typing import Literal

from infra.errors import UsageError


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


def planned(*, is_full: bool, folds: int | None = None, n_seeds: int | None = None, first_seed: int = 0) -> Plan:
    """QUICK or FULL with another number of folds or seeds. Raises UsageError on fewer than 2 folds or 1 seed."""
    plan = FULL if is_full else QUICK
    folds = plan.folds if folds is None else folds
    n_seeds = len(plan.seeds) if n_seeds is None else n_seeds
    if folds < 2:
        raise UsageError(f"{folds} folds were asked for; expected at least 2.")
    if n_seeds < 1:
        raise UsageError(f"{n_seeds} seeds were asked for; expected at least 1.")
    if first_seed < 0:
        raise UsageError(f"The seed is {first_seed}; expected 0 or more.")
    return replace(plan, folds=folds, seeds=tuple(range(first_seed, first_seed + n_seeds)))
