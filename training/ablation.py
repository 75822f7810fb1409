"""What each modality adds: the candidate fitted again with each one left out, and with each one alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from training.dataset import Dataset
from training.evaluate import Estimate, Evaluation, evaluate
from training.parallel import each
from training.splits import Fold
from training.task import Candidate
from training.tokens import modalities_in, of_modalities

Kind = Literal["without", "alone"]


@dataclass(frozen=True)
class Part:
    """Which features are kept: all but a modality, or that modality alone."""

    kind: Kind
    modality: str

    @property
    def name(self) -> str:
        return f"without {self.modality}" if self.kind == "without" else f"{self.modality} alone"


@dataclass(frozen=True)
class Ablation:
    """The candidate on a part of the features.

    evaluation: its `versus_reference` is the primary metric less that of the full model, paired.
    """

    part: Part
    evaluation: Evaluation

    @property
    def difference(self) -> Estimate:
        """Primary metric on the part less that on everything, paired: same patients in every fold and sample."""
        if self.evaluation.versus_reference is None:
            raise ValueError("an ablation is evaluated against its full model")
        return self.evaluation.versus_reference

    @property
    def adds(self) -> Estimate:
        """Full model less this one: for a modality left out, what it adds to all the others."""
        return -self.difference


def parts_of(dataset: Dataset, candidate: Candidate) -> list[Part]:
    """Each modality left out, then each alone; [] for the trivial baseline and where fewer than two are seen."""
    if candidate.is_baseline:
        return []
    seen = modalities_in(dataset.features[candidate.uses(list(dataset.features.columns))])
    if len(seen) < 2:
        return []
    return [Part("without", m) for m in seen] + [Part("alone", m) for m in seen]


def ablate(
    dataset: Dataset,
    candidate: Candidate,
    part: Part,
    folds: Sequence[Fold],
    seed: int,
    full: Evaluation,
    *,
    jobs: int = 1,
) -> Ablation:
    """The candidate evaluated on one part, on the folds and with the seed of the full evaluation."""
    seen = modalities_in(dataset.features)
    kept = [m for m in seen if (m == part.modality) == (part.kind == "alone")]
    less = replace(dataset, features=of_modalities(dataset.features, kept))
    return Ablation(part, evaluate(less, candidate, folds, seed, full, jobs=jobs))


def ablations(
    dataset: Dataset, candidate: Candidate, folds: Sequence[Fold], seed: int, full: Evaluation, *, jobs: int = 1
) -> list[Ablation]:
    """Every part of `parts_of`, evaluated; `jobs` processes share the parts where that pays."""
    work = [partial(ablate, dataset, candidate, part, folds, seed, full) for part in parts_of(dataset, candidate)]
    return list(each(work, jobs))
