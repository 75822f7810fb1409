"""What a model rests on: how much worse it ranks unseen rows when a block of columns is shuffled among them."""

from collections.abc import Sequence

import numpy as np

from training.columns import SEPARATOR
from training.dataset import Dataset
from training.evaluate import Evaluation, scored
from training.metrics import classes, survival
from training.modalities import single_numbers
from training.scoring import Floats

MANY_ROWS = 2_000
REPEATS = 3


def importance(dataset: Dataset, evaluation: Evaluation, seed: int) -> dict[str, float]:
    """Loss of concordance (Harrell's C, AUROC) on test rows, by modality; by column where there is one modality.

    Modalities are shuffled whole: columns of one assay stand in for each other, and alone each would seem idle.
    Empty for models of fewer than two columns.
    """
    columns = evaluation.candidate.uses(list(dataset.features.columns))
    shuffled = single_numbers(columns)  # a history's arrays go together: no column of them can be shuffled alone
    if len(shuffled) < 2:
        return {}
    blocks: dict[str, list[str]] = {}
    for column in shuffled:
        blocks.setdefault(column.split(SEPARATOR)[0], []).append(column)
    if len(blocks) == 1:
        blocks = {column: [column] for column in shuffled}
    repeats = 1 if len(dataset.labels) > MANY_ROWS else REPEATS
    rng = np.random.default_rng(seed)
    whole = _concordance(dataset, evaluation, evaluation.predictions.score)
    return {
        block: whole
        - float(
            np.mean(
                [
                    _concordance(dataset, evaluation, _shuffled(dataset, evaluation, columns, names, rng))
                    for _ in range(repeats)
                ]
            )
        )
        for block, names in blocks.items()
    }


def _shuffled(
    dataset: Dataset, evaluation: Evaluation, columns: Sequence[str], names: Sequence[str], rng: np.random.Generator
) -> Floats:
    """Out-of-fold scores with some columns shuffled among the test rows of each fold."""
    score = np.empty(len(dataset.labels))
    for k, model in enumerate(evaluation.models):
        rows = np.flatnonzero(evaluation.predictions.fold == k)
        seen = dataset.features.iloc[rows][list(columns)].copy()
        seen[list(names)] = seen[list(names)].to_numpy()[rng.permutation(len(seen))]
        score[rows] = scored(model, seen)
    return score


def _concordance(dataset: Dataset, evaluation: Evaluation, score: Floats) -> float:
    fold, ones = evaluation.predictions.fold, np.ones(len(score))
    if dataset.task.kind == "classes":
        return classes.auroc(classes.rankings(score, fold), dataset.is_positive, ones)
    return survival.concordance_pairs(dataset.time_days, dataset.is_positive, score, fold).share(ones)
