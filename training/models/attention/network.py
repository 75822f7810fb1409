"""Gated attention over tokens of measurements (Ilse, Tomczak and Welling 2018), small enough for a hundred patients.

Each measure has a content vector for its value and one for its change, so that what a token says is linear in what was
measured; how much it counts is the gated attention's, which sees the measure, the modality, the time and the values.
A sink that says nothing takes the attention that no token earns: who lacks the telling measurements is predicted
towards the mean, rather than from whatever else there is.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from training.modalities import MODALITIES

N_MODALITIES = len(MODALITIES) + 1
N_TIMES = 5


class Network(eqx.Module):  # type: ignore[misc]
    """Parameters; shapes by number of measures M, content size D, gate size A.

    Rows of the tables `of_token`: the measures, then the modalities, the times, value and change.
    """

    content: jax.Array  # (2 M, D): of values, then of changes
    head: jax.Array  # (D,)
    key: jax.Array  # (M + N_MODALITIES + N_TIMES + 2, A)
    gate: jax.Array  # (M + N_MODALITIES + N_TIMES + 2, A)
    query: jax.Array  # (A,)
    sink: jax.Array  # ()
    bias: jax.Array  # ()

    @classmethod
    def start(cls, rng: np.random.Generator, n_measures: int, content: int, gate: int) -> "Network":
        """Where training starts: all but head and query near 0, so that tokens count alike and say little."""
        rows = n_measures + N_MODALITIES + N_TIMES + 2

        def draw(scale: float, *shape: int) -> np.ndarray:
            return (scale * rng.standard_normal(shape)).astype(np.float32)

        return cls(
            content=draw(0.1, 2 * n_measures, content),
            head=draw(content**-0.5, content),
            key=draw(0.1, rows, gate),
            gate=draw(0.1, rows, gate),
            query=draw(1.0, gate),
            sink=np.zeros((), np.float32),
            bias=np.zeros((), np.float32),
        )

    def says(self) -> jax.Array:
        """What one SD of each measure's value (row 0) and change (row 1) adds at full attention, (2, M)."""
        return (self.content @ self.head).reshape(2, -1)

    def __call__(
        self,
        measure: jax.Array,
        modality: jax.Array,
        value: jax.Array,
        change: jax.Array,
        time: jax.Array,
        mask: jax.Array,
        scale: jax.Array,
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """(output (rows,), attention (rows, tokens), contribution (rows, tokens)); the sink has the rest of 1."""
        says = self.says()
        said = says[0][measure] * value + says[1][measure] * change
        numbers = jnp.concatenate([time, value[..., None], change[..., None]], axis=-1)
        n_measures = says.shape[1]

        def projected(table: jax.Array) -> jax.Array:
            of_modality = table[n_measures : n_measures + N_MODALITIES]
            return table[measure] + of_modality[modality] + numbers @ table[n_measures + N_MODALITIES :]

        logit = (jnp.tanh(projected(self.key)) * jax.nn.sigmoid(projected(self.gate))) @ self.query
        earned = jnp.where(mask > 0, jnp.exp(logit), 0.0)  # |logit| is bounded by the query: no overflow
        attention = earned / (earned.sum(axis=1, keepdims=True) + jnp.exp(self.sink))
        contribution = scale * attention * said
        return contribution.sum(axis=1) + self.bias, attention, contribution
