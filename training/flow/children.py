"""Evaluations as the runs that show them below a candidate's run."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from training.ablation import Part
from training.evaluate import Estimate, Evaluation
from training.flow.summaries import DIFFERENCE_TO_FULL, hyper_parameters, metrics_of, with_intervals
from training.permutation import PermutationTest
from training.sites import SiteEvaluation
from training.tracking.child import Child


@dataclass(frozen=True)
class Piece:
    """What is kept of an evaluation whose models and predictions nobody asks for again.

    difference: the primary metric less that of the evaluation it is held against, in pairs.
    """

    estimates: Mapping[str, Estimate]
    difference: Estimate | None

    @classmethod
    def of(cls, evaluation: Evaluation) -> "Piece":
        return cls(evaluation.estimates, evaluation.versus_reference)


@dataclass(frozen=True)
class SitePiece:
    """One site: its metrics with their intervals, and how many patients it has; note: why it is silent, or ''."""

    name: str
    n_patients: int
    n_positive: int
    note: str
    estimates: Mapping[str, Estimate]


def pieces_of_sites(evaluation: SiteEvaluation) -> list[SitePiece]:
    return [
        SitePiece(site.name, site.n_patients, site.n_positive, site.note, estimates)
        for site, estimates in zip(evaluation.sites, evaluation.estimates, strict=True)
    ]


def of_folds(seed: int, evaluation: Evaluation) -> list[Child]:
    """A run for each fold, with the hyper-parameters chosen within it."""
    return [
        Child(
            "fold",
            f"fold {name}",
            metrics,
            {"seed": seed, "fold": int(name), **hyper_parameters(chosen)},
            {"seed": str(seed), "fold": name},
        )
        for name, metrics, chosen in zip(evaluation.fold_names, evaluation.fold_metrics, evaluation.chosen, strict=True)
    ]


def of_seed(seed: int, values: Mapping[str, float]) -> list[Child]:
    """A run for a split into folds by one seed."""
    return [Child("seed", f"seed {seed}", values, {"seed": seed}, {"seed": str(seed)})]


def of_sites(seed: int, sites: list[SitePiece]) -> list[Child]:
    """A run for each site that was left out of training and tested."""
    return [
        Child(
            "site",
            f"site {site.name} left out",
            with_intervals(site.estimates),
            {"seed": seed, "site": site.name, "n_patients": site.n_patients, "n_positive": site.n_positive},
            {"site": site.name} | ({"mlflow.note.content": site.note} if site.note else {}),
        )
        for site in sites
    ]


def of_ablation(part: Part, piece: Piece) -> list[Child]:
    """A run for a modality left out or alone, with its difference to the same model on all modalities."""
    words = {"modality": part.modality, "ablation": part.kind}
    return [
        Child("ablation", part.name, metrics_of(piece.estimates, piece.difference, DIFFERENCE_TO_FULL), words, words)
    ]


def of_permutations(primary: str, test: PermutationTest) -> list[Child]:
    """One run for all permutations: what the model scores where there is nothing to find."""
    low, high = test.interval
    metrics = {primary: float(np.nanmean(test.null)), f"{primary}_low": low, f"{primary}_high": high}
    return [Child("permutation", "outcomes permuted", metrics, {"n_permutations": len(test.null)})]
