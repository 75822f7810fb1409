"""Between estimators, which hold arrays of NumPy and can be pickled, and the compiled functions."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import numpy.typing as npt

from training.models.attention.network import N_MODALITIES, Network
from training.models.attention.tokens import Tokens, rounded
from training.models.attention.training_loop import Batch, Strength, apply, train
from training.splits import Fold

Floats = npt.NDArray[np.float64]
N_MASKS = 32
"""Masks of dropout that training goes through in turn."""


def trained(
    settings: Any, tokens: Tokens, outcome: npt.NDArray[np.bool_], time: Floats, folds: Sequence[Fold]
) -> tuple[Network, Floats]:
    """(a network a fold, trained on the rest, as one Network of arrays (members, ...); the outputs of each row).

    settings: the estimator's parameters. tokens: of the rows, in their order. The output of a row is that of the
    member that was not trained on it.
    """
    n_rows, n = len(outcome), len(tokens.mask)
    order = np.argsort(-time, kind="stable")  # the partial likelihood wants the longest time first
    place = np.concatenate([order, np.arange(n_rows, n)])
    times, outcomes = np.full(n, -1.0, np.float32), np.zeros(n, np.float32)
    times[:n_rows], outcomes[:n_rows] = time[order], outcome[order]
    rank = np.empty(n_rows, int)
    rank[order] = np.arange(n_rows)
    weights = np.zeros((len(folds), n), np.float32)
    for member, fold in enumerate(folds):
        weights[member, rank[fold.train]] = 1.0
    rng = np.random.default_rng(settings.seed)
    n_measures = rounded(int(tokens.measure.max()) + 1)
    starts = [Network.start(rng, n_measures, settings.content, settings.gate) for _ in folds]
    start = jax.tree.map(lambda *members: np.stack(members), *starts)
    by_modality = rng.random((N_MASKS, n, N_MODALITIES)) >= settings.modality_dropout
    by_token = rng.random((N_MASKS, *tokens.mask.shape)) >= settings.token_dropout
    modality = np.broadcast_to(tokens.modality[place], by_token.shape)
    kept = np.take_along_axis(by_modality, modality, axis=2) & by_token
    strength = Strength(
        *(np.float32(v) for v in (settings.learning_rate, settings.weight_decay, settings.l1, settings.scale))
    )
    networks, outputs = train(
        settings.kind,
        settings.n_steps,
        strength,
        start,
        _batch(tokens, place),
        kept.astype(np.float32),
        times,
        outcomes,
        weights,
    )
    held_out = np.empty(n_rows)
    for member, fold in enumerate(folds):
        held_out[fold.test] = np.asarray(outputs)[member, rank[fold.test]]
    return jax.tree.map(np.asarray, networks), held_out


def applied(networks: Network, tokens: Tokens, scale: float) -> tuple[Floats, Floats, Floats]:
    """Output (rows,), attention and contribution (rows, tokens), each the mean over the members."""
    found = apply(networks, _batch(tokens, np.arange(len(tokens.mask))), np.float32(scale))
    outputs, attention, contribution = (np.asarray(a, float) for a in found)
    return outputs, attention, contribution


def _batch(tokens: Tokens, place: npt.NDArray[np.intp]) -> Batch:
    return Batch(*(getattr(tokens, name)[place] for name in Batch._fields))
