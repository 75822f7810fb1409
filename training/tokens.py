"""A history's arrays by modality: taking the measurements of some out, or exchanging them between rows."""

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.columns import HISTORY_COLUMNS, TOKEN_MODALITIES
from training.modalities import MODALITIES, is_history, modality_of, single_numbers


def modalities_in(features: pd.DataFrame) -> list[str]:
    """The modalities with a known value in some row, as a number or as a measurement of a history; in reading order."""
    known = single_numbers(list(features.columns[features.notna().any()]))
    found = {modality_of(column) for column in known} | _in_histories(features)
    return [modality for modality in MODALITIES if modality in found]


def of_modalities(features: pd.DataFrame, kept: Collection[str]) -> pd.DataFrame:
    """The features of some modalities: their columns, and their measurements in the history's arrays.

    A row whose history has none of them left holds None there, as a row without a history does.
    """
    columns = [c for c in features.columns if is_history(c) or modality_of(c) in kept]
    return _filtered(features[columns].copy(), kept)


def exchanged(features: pd.DataFrame, modality: str, order: npt.NDArray[np.intp]) -> pd.DataFrame:
    """Each row with the modality's measurements of the row that `order` names, and its own of every other modality."""
    if TOKEN_MODALITIES not in features:
        return features
    others = {str(m) for arrays in features[TOKEN_MODALITIES].dropna() for m in arrays} - {modality}
    own, theirs = _filtered(features.copy(), others), _filtered(features.copy(), {modality})
    result = features.copy()
    for column in _present(features):
        pairs = zip(own[column], theirs[column].to_numpy()[order], strict=True)
        joined = [_joined(a, b) for a, b in pairs]
        result[column] = pd.Series(joined, index=features.index, dtype=object)
    return result


def _joined(a: object, b: object) -> object:
    if a is None or b is None:
        return b if a is None else a
    return np.concatenate([np.asarray(a), np.asarray(b)])


def _present(features: pd.DataFrame) -> list[str]:
    return [c for c in HISTORY_COLUMNS if c in features]


def _in_histories(features: pd.DataFrame) -> set[str]:
    if TOKEN_MODALITIES not in features:
        return set()
    return {str(m) for arrays in features[TOKEN_MODALITIES].dropna() for m in arrays}


def _filtered(features: pd.DataFrame, kept: Collection[str]) -> pd.DataFrame:
    if TOKEN_MODALITIES not in features:
        return features
    masks = [None if m is None else np.isin(np.asarray(m, object), list(kept)) for m in features[TOKEN_MODALITIES]]
    for column in _present(features):
        arrays = [
            None if mask is None or not mask.any() else np.asarray(values)[mask]
            for mask, values in zip(masks, features[column], strict=True)
        ]
        features[column] = pd.Series(arrays, index=features.index, dtype=object)
    return features
