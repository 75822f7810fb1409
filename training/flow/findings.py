"""What the evaluations below a candidate's run found, told by the run itself: metrics, figures and their numbers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from training.ablation import Part
from training.flow.children import Piece, SitePiece
from training.flow.evaluator import Addition
from training.flow.summaries import with_intervals
from training.forest import Point, ablation_figure, permutation_figure, point, site_figure
from training.models.attention.explain import by_measure, by_modality_and_time, out_of_fold
from training.permutation import PermutationTest
from training.tracking.names import ADDS, ALONE

if TYPE_CHECKING:
    from training.dataset import Dataset
    from training.evaluate import Estimate, Evaluation
    from training.splits import Fold

ABLATION, SITES, PERMUTATIONS, ATTENTION = "ablation", "sites", "permutations", "attention"
"""File names, without the ending, of what is found: a figure and its numbers."""


def of_ablations(whole: "Evaluation", primary: str, pieces: Mapping[Part, Piece], reference: "Evaluation") -> Addition:
    """What each modality adds, and what it reaches alone; nothing where there is no ablation.

    whole: the candidate on everything. reference: the model to beat, on the same folds.
    """
    adds = {
        part.modality: -piece.difference
        for part, piece in pieces.items()
        if part.kind == "without" and piece.difference is not None
    }
    alone = {part.modality: piece.estimates[primary] for part, piece in pieces.items() if part.kind == "alone"}
    if not pieces:
        return Addition()
    name, value = whole.candidate.name, whole.estimates[primary].value
    beaten = reference.candidate.name
    to_beat = None if beaten == name else (beaten, reference.estimates[primary].value)
    return Addition(
        metrics=with_intervals(
            {f"{ADDS}{modality}": e for modality, e in adds.items()}
            | {f"{ALONE}{modality}": e for modality, e in alone.items()}
        ),
        documents={f"{ABLATION}.json": {"metric": primary, "adds": _numbers(adds), "alone": _numbers(alone)}},
        figures={f"{ABLATION}.png": ablation_figure(name, primary, _points(adds), _points(alone), value, to_beat)},
    )


def of_sites(model: str, primary: str, sites: Sequence[SitePiece], whole: "Evaluation") -> Addition:
    """The metric at each site after training at the others, beside that of the cross-validation."""
    spoken = {site.name: site.estimates[primary] for site in sites if not site.note}
    silent = [site.name for site in sites if site.note]
    figure = site_figure(model, primary, _points(spoken), point(whole.estimates[primary]), silent)
    return Addition(
        metrics={f"{primary}_site_{site.name}": site.estimates[primary].value for site in sites},
        documents={f"{SITES}.json": {"metric": primary, "sites": _numbers(spoken), "too_few": silent}},
        figures={f"{SITES}.png": figure},
    )


def of_permutations(model: str, primary: str, test: PermutationTest) -> Addition:
    """What the model scores with outcomes permuted, beside what it scored."""
    low, high = test.interval
    return Addition(
        metrics={"permutation_p": test.p_value, "permuted_low": low, "permuted_high": high},
        documents={f"{PERMUTATIONS}.json": {"metric": primary, "observed": test.observed, "null": test.null.tolist()}},
        figures={f"{PERMUTATIONS}.png": permutation_figure(model, primary, test)},
    )


def of_attention(dataset: "Dataset", whole: "Evaluation", folds: "Sequence[Fold]") -> Addition:
    """Where an attention model looked, patients by the model that never saw them; nothing for other models."""
    found = out_of_fold(whole.models, [dataset.features.iloc[fold.test] for fold in folds], whole.candidate.uses)
    if found is None or found.empty:
        return Addition()
    from training.models.attention.figure import attention_figure

    times, measures = by_modality_and_time(found), by_measure(found)
    return Addition(
        documents={
            f"{ATTENTION}.json": {
                "by_modality_and_time": times.to_dict(orient="records"),
                "by_measure": measures.to_dict(orient="records"),
            }
        },
        figures={f"{ATTENTION}.png": attention_figure(whole.candidate.name, times, measures)},
    )


def _points(estimates: "Mapping[str, Estimate]") -> dict[str, Point]:
    return {name: point(e) for name, e in estimates.items()}


def _numbers(estimates: "Mapping[str, Estimate]") -> dict[str, dict[str, float]]:
    return {name: {"value": e.value, "low": e.low, "high": e.high} for name, e in estimates.items()}
