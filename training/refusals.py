"""What cannot be trained is refused in one sentence, before any run exists; what can still be is said in one too."""

from dataclasses import dataclass

import numpy as np

from infra.errors import UsageError
from training.dataset import Dataset
from training.modalities import modality_of, single_numbers
from training.task import Candidate
from training.tokens import modalities_in

MIN_PER_CLASS_AND_FOLD = 2
NAMED = 5


@dataclass(frozen=True)
class Review:
    """left_out: candidate -> why it is not trained. notes: sentences on what models will not see."""

    left_out: dict[str, str]
    notes: tuple[str, ...]


def review(dataset: Dataset, n_folds: int) -> Review:
    """Checks a dataset for survival or classes against its task's candidates.

    Raises UsageError, one sentence: too few patients or events for the folds, one class only, or nothing left for the
    task's reference to see.
    """
    require_enough(dataset, n_folds)
    left_out = {c.name: why for c in dataset.task.candidates if (why := _nothing_to_see(dataset, c))}
    reference = dataset.task.reference
    if reference in left_out:
        raise UsageError(f"{left_out[reference][:-1]}; {dataset.task.name} has nothing to compare models with.")
    notes = [note for note in (_constant(dataset), *_absent(dataset)) if note]
    return Review(left_out, tuple(notes))


def require_enough(dataset: Dataset, n_folds: int) -> None:
    """Refuse a cohort too small to be split. Raises UsageError with the counts found and needed."""
    task, needed = dataset.task, MIN_PER_CLASS_AND_FOLD * n_folds
    n_patients, positive = len(np.unique(dataset.groups)), dataset.is_positive
    if n_patients < needed:
        raise UsageError(f"{task.name} has {n_patients} patients; {n_folds} folds need at least {needed}.")
    if task.kind == "classes" and positive.all() | ~positive.any():
        which = "has" if positive.all() else "lacks"
        raise UsageError(
            f"{task.name} has one class only: each of its {n_patients} patients {which} the outcome; expected both."
        )
    kinds = (("with the event", positive), ("without it", ~positive))
    for what, rows in kinds[:1] if task.kind == "survival" else kinds:
        n = len(np.unique(dataset.groups[rows]))
        if n < needed:
            raise UsageError(
                f"{task.name} has {n} patients {what} among {n_patients}; {n_folds} folds need at least {needed}."
            )


def _nothing_to_see(dataset: Dataset, candidate: Candidate) -> str:
    """Why a candidate cannot be trained: the features it names have no value, or the same one, for everyone."""
    columns = list(dataset.features.columns)
    try:
        used = candidate.uses(columns)
    except KeyError as missing:
        return f"{candidate.name} is left out: {missing.args[0]} is not among the features of {dataset.task.service}."
    absent = [c for c in used if c not in columns]
    if absent:
        return f"{candidate.name} is left out: {absent[0]} is not among the features of {dataset.task.service}."
    if candidate.is_baseline:
        return ""
    numbers = dataset.features[single_numbers(used)]
    # A value that is known for some and missing for others tells something too.
    history = dataset.features[[c for c in used if c not in numbers]]
    if (numbers.nunique(dropna=False) > 1).any() or modalities_in(history):
        return ""
    if not used:
        return f"{candidate.name} is left out: {dataset.task.service} has none of the features that it uses."
    modalities = ", ".join(dict.fromkeys(modality_of(c) for c in single_numbers(used))) or "history"
    return f"{candidate.name} is left out: no patient's {modalities} features tell it anything (absent or constant)."


def _constant(dataset: Dataset) -> str:
    numbers = dataset.features[dataset.number_columns]
    constant = [str(c) for c in numbers.columns[numbers.notna().all() & (numbers.nunique() == 1)]]
    if not constant:
        return ""
    named = ", ".join(constant[:NAMED]) + (f" and {len(constant) - NAMED} more" if len(constant) > NAMED else "")
    one = len(constant) == 1
    return (
        f"{len(constant)} feature{'' if one else 's'} {'has' if one else 'have'} the same value for all "
        f"{len(numbers)} rows and {'is' if one else 'are'} dropped by every model: {named}."
    )


def _absent(dataset: Dataset) -> list[str]:
    present = modalities_in(dataset.features)
    declared = dict.fromkeys(modality_of(c) for c in dataset.number_columns)
    return [
        f"No row of {dataset.task.name} has a value of any {modality} feature; models go without {modality}."
        for modality in declared
        if modality not in present
    ]
