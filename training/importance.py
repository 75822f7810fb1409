"""What a model rests on: how much worse it ranks unseen rows when a modality is shuffled among them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.dataset import Dataset
from training.evaluate import MANY_ROWS, Evaluation, scored
from training.metrics import classes, survival
from training.modalities import columns_of, single_numbers
from training.scoring import Floats, follow_up
from training.tokens import exchanged, modalities_in

REPEATS = 3
Rows = npt.NDArray[np.intp]


def importance(dataset: Dataset, evaluation: Evaluation, seed: int) -> dict[str, float]:
    """Loss of concordance (Harrell's C, AUROC) on test rows, by modality; by column where there is one modality.

    Modalities are shuffled whole, numbers and measurements of the history alike: columns of one assay stand in for
    each other, and alone each would seem idle. Empty for the trivial baseline and for models of fewer than two columns.
    """
    if evaluation.candidate.is_baseline:
        return {}
    columns = evaluation.candidate.uses(list(dataset.features.columns))
    seen = dataset.features[columns]
    modalities = modalities_in(seen)
    if len(modalities) < 2:
        blocks = {column: [column] for column in single_numbers(columns)}
    else:
        blocks = {modality: columns_of(modality, columns) for modality in modalities}
    if len(blocks) < 2:
        return {}
    repeats = 1 if len(dataset.labels) > MANY_ROWS else REPEATS
    rng = np.random.default_rng(seed)
    whole = _concordance(dataset, evaluation, evaluation.predictions.score)
    losses = {}
    for block, names in blocks.items():
        scores = [_shuffled(evaluation, seen, block, names, rng) for _ in range(repeats)]
        losses[block] = whole - float(np.mean([_concordance(dataset, evaluation, score) for score in scores]))
    return losses


def _shuffled(
    evaluation: Evaluation, features: pd.DataFrame, block: str, names: Sequence[str], rng: np.random.Generator
) -> Floats:
    """Out-of-fold scores with a block of columns, and a modality's measurements, shuffled among each fold's test rows.

    A block that is a column and no modality is in no history, so there only its column changes.
    """
    score = np.empty(len(features))
    for k, model in enumerate(evaluation.models):
        rows: Rows = np.flatnonzero(evaluation.predictions.fold == k)
        order = rng.permutation(len(rows))
        seen = exchanged(features.iloc[rows], block, order).copy()
        if names:
            seen[list(names)] = seen[list(names)].to_numpy()[order]
        score[rows] = scored(model, seen)
    return score


def _concordance(dataset: Dataset, evaluation: Evaluation, score: Floats) -> float:
    fold, ones = evaluation.predictions.fold, np.ones(len(score))
    if dataset.task.kind == "classes":
        return float(classes.auroc(classes.rankings(score, dataset.is_positive, fold), ones))
    return float(survival.concordance_pairs(follow_up(dataset), score, fold).share(ones))
