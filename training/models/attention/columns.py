"""Which columns the attention model sees."""

from collections.abc import Sequence

from training.modalities import is_history, modality_of, single_numbers

IN_HISTORY = ("cytokines", "exosomes", "imaging", "burden")
"""Modalities whose measurements the history holds: their single numbers say the same once more."""


def uses_history(columns: Sequence[str]) -> list[str]:
    """The history's arrays, and the single numbers of modalities that are not in the history.

    Without a history among the columns: every single number, each a token of its own.
    """
    history = [c for c in columns if is_history(c)]
    numbers = single_numbers(columns)
    return history + (numbers if not history else [c for c in numbers if modality_of(c) not in IN_HISTORY])
