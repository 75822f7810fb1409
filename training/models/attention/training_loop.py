"""Fits the network: full batches, modality dropout, several members at once, each held to the rows that it leaves out.

One function is compiled for each shape (rows, tokens, measures; all rounded up) and kind of outcome, and stays
compiled for the life of the process: folds, seeds and permutations of one task share it.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from training.models.attention.network import Network


class Batch(NamedTuple):
    """What the network sees of the rows; shapes as in `tokens.Tokens`."""

    measure: jax.Array
    modality: jax.Array
    value: jax.Array
    change: jax.Array
    time: jax.Array
    mask: jax.Array


class Strength(NamedTuple):
    """How strongly training is held back; numbers that may differ without compiling again.

    learning_rate and weight_decay of AdamW; l1: penalty on what measures say; scale: of the output.
    """

    learning_rate: Any
    weight_decay: Any
    l1: Any
    scale: Any


def cox_loss(risk: jax.Array, time: jax.Array, event: jax.Array, weight: jax.Array) -> jax.Array:
    """Minus the mean log partial likelihood (Breslow); rows sorted by time, the longest first; weight 0 leaves out."""
    top = jax.lax.stop_gradient(jnp.max(risk))
    at_risk = jnp.log(jnp.cumsum(weight * jnp.exp(risk - top)) + 1e-12) + top
    # Ties: everyone with the same time is at risk, so each row takes the sum at the last row of its time.
    last = jnp.searchsorted(-time, -time, side="right") - 1
    counted = event * weight
    return -jnp.sum(counted * (risk - at_risk[last])) / jnp.maximum(counted.sum(), 1.0)


def logistic_loss(logit: jax.Array, unused: jax.Array, label: jax.Array, weight: jax.Array) -> jax.Array:
    """Mean cross-entropy over the rows with weight."""
    return jnp.sum(weight * (jax.nn.softplus(logit) - label * logit)) / jnp.maximum(weight.sum(), 1.0)


LOSSES = {"survival": cox_loss, "classes": logistic_loss}


# Optimisation level 1 compiles in 60 % of the time of the default and runs as fast (measured at 96 rows).
@partial(jax.jit, static_argnames=("kind", "n_steps"), compiler_options={"xla_backend_optimization_level": 1})
def train(
    kind: str,
    n_steps: int,
    strength: Strength,
    start: Network,
    batch: Batch,
    kept: jax.Array,
    time: jax.Array,
    outcome: jax.Array,
    weights: jax.Array,
) -> tuple[Network, jax.Array]:
    """(the members' networks (members, ...), their outputs of all rows, without dropout (members, rows)).

    start: networks to start from, (members, ...). kept: (masks, rows, tokens), which tokens dropout leaves; each step
    takes the next mask, each member from another place on. weights: (members, rows), 1 for rows to be trained on.
    """
    n_masks = len(kept)
    # Sink and bias are no weights: nothing draws them to 0.
    one = jax.tree.map(lambda a: jnp.ones(a.shape[1:]), start)
    decays, _ = ravel_pytree(Network(**(vars(one) | {"sink": jnp.zeros(()), "bias": jnp.zeros(())})))
    _, unravel = ravel_pytree(one)
    schedule = 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.arange(n_steps) / n_steps)) * 0.9 + 0.1
    adam = optax.scale_by_adam()

    def member(start: Network, weight: jax.Array, offset: jax.Array) -> tuple[Network, jax.Array]:
        def loss(flat: jax.Array, mask: jax.Array) -> jax.Array:
            network = unravel(flat)
            output, _, _ = network(*batch._replace(mask=mask), strength.scale)
            # L1, smoothed at 0: few of many measures drive an outcome.
            penalty = jnp.sum(jnp.sqrt(network.says() ** 2 + 1e-4))
            return LOSSES[kind](output, time, outcome, weight) + strength.l1 * penalty

        def step(state: tuple[jax.Array, Any], at: tuple[jax.Array, jax.Array]) -> tuple[tuple[jax.Array, Any], None]:
            flat, memory = state
            number, rate = at
            mask = batch.mask * kept[(number + offset) % n_masks]
            update, memory = adam.update(jax.grad(loss)(flat, mask), memory)
            flat = flat - strength.learning_rate * rate * (update + strength.weight_decay * decays * flat)
            return (flat, memory), None

        flat, _ = ravel_pytree(start)
        (flat, _), _ = jax.lax.scan(step, (flat, adam.init(flat)), (jnp.arange(n_steps), schedule))
        network = unravel(flat)
        return network, network(*batch, strength.scale)[0]

    return jax.vmap(member)(start, weights, 7 * jnp.arange(len(weights)))  # type: ignore[no-any-return]


@jax.jit  # type: ignore[untyped-decorator]
def apply(networks: Network, batch: Batch, scale: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Output (rows,), attention and contribution (rows, tokens), each the mean over the members."""
    outputs, attention, contribution = jax.vmap(lambda network: network(*batch, scale))(networks)
    return outputs.mean(0), attention.mean(0), contribution.mean(0)
