"""A run below a candidate's, before it is written."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from training.tracking.names import Level


@dataclass(frozen=True)
class Child:
    """A run below a candidate's: one fold, one seed, one site left out, one ablation, the permutations.

    name: what stands behind the model's name ('fold 2', 'without cytokines'); unique within the candidate.
    A metric that is not defined (NaN) is not written. Numbers among the params should be numbers: charts sort by them.
    """

    level: Level
    name: str
    metrics: Mapping[str, float]
    params: Mapping[str, object] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
