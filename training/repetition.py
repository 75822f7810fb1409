"""How much the split into folds matters: the evaluation again for further seeds, and its spread over them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.dataset import Dataset
from training.evaluate import VERSUS_REFERENCE, Evaluation, evaluate, folds_of, mean_and_sd
from training.task import Candidate


@dataclass(frozen=True)
class Spread:
    """A metric over seeds: mean, SD (NaN for one seed) and how many seeds define it."""

    mean: float
    sd: float
    n: int


@dataclass(frozen=True)
class Repeated:
    """values: for each seed its metrics and, where there is a reference, `versus_reference`. spread: over the seeds."""

    values: Mapping[int, Mapping[str, float]]
    spread: Mapping[str, Spread]


def repeated(
    dataset: Dataset,
    candidate: Candidate,
    n_folds: int,
    seeds: Sequence[int],
    first: Evaluation,
    references: Mapping[int, Evaluation] | None = None,
    *,
    jobs: int = 1,
) -> Repeated:
    """The outer folds drawn again, and the candidate fitted again, for each seed after the first.

    first: the evaluation with seeds[0], the one that candidates are compared on. references: the reference's
    evaluation for each further seed.
    """
    evaluations = {seeds[0]: first}
    for seed in seeds[1:]:
        reference = (references or {}).get(seed)
        evaluations[seed] = again(dataset, candidate, n_folds, seed, reference, jobs=jobs)
    return summarised({seed: values_of(e) for seed, e in evaluations.items()})


def again(
    dataset: Dataset,
    candidate: Candidate,
    n_folds: int,
    seed: int,
    reference: Evaluation | None = None,
    *,
    jobs: int = 1,
) -> Evaluation:
    """The evaluation on the folds of one further seed; without intervals, which the first seed gives."""
    folds = folds_of(dataset, n_folds, seed)
    return evaluate(dataset, candidate, folds, seed, reference, n_samples=0, jobs=jobs)


def values_of(evaluation: Evaluation) -> dict[str, float]:
    """The value of each metric over all out-of-fold predictions, and of the difference to the reference."""
    values = {name: estimate.value for name, estimate in evaluation.estimates.items()}
    if evaluation.versus_reference is not None:
        values[VERSUS_REFERENCE] = evaluation.versus_reference.value
    return values


def summarised(values: Mapping[int, Mapping[str, float]]) -> Repeated:
    """Values by seed with their spread over the seeds."""
    names = list(dict.fromkeys(name for metrics in values.values() for name in metrics))
    return Repeated(
        values,
        {name: Spread(*mean_and_sd([metrics.get(name, np.nan) for metrics in values.values()])) for name in names},
    )
