"""Keys of labels and history as small numbers: two rows have the same number exactly where all their keys are equal.

Only keys that a label has get a number, so that the rows of a large history that nobody asks for drop out at once.
Where the history's text comes as Parquet stores it, a dictionary and numbers into it, only the dictionary is compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from infra.errors import UsageError

Codes: TypeAlias = NDArray[np.int32]

_TABLE_CELLS = 20_000_000
"""Up to here a pair of codes is looked up in a table (80 MB); beyond it, by binary search."""


@dataclass(frozen=True)
class KeyCodes:
    """labels, history: a number from 0 to n - 1 a row; -1 where a key is null or no label has it."""

    labels: Codes
    history: Codes
    n: int


def key_codes(
    labels: Sequence[pa.ChunkedArray], history: Sequence[pa.ChunkedArray], names: Sequence[str], n_rows: tuple[int, int]
) -> KeyCodes:
    """Codes of composite keys, column by column.

    labels, history: the key columns of each side, in the same order. names: the label columns, for messages. n_rows:
    of labels and of history; without key columns, all rows are of one entity.
    Raises UsageError where a label's key cannot be turned into the history's type.
    """
    if not names:
        return KeyCodes(np.zeros(n_rows[0], np.int32), np.zeros(n_rows[1], np.int32), 1)
    codes = _column(labels[0], history[0], names[0])
    for label, facts, name in zip(labels[1:], history[1:], names[1:], strict=True):
        codes = _combined(codes, _column(label, facts, name))
    return codes


def _column(labels: pa.ChunkedArray, history: pa.ChunkedArray, name: str) -> KeyCodes:
    kind = history.type.value_type if pa.types.is_dictionary(history.type) else history.type
    encoded = _comparable(labels, kind, name).combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    values = encoded.dictionary
    # A null in the dictionary would match the nulls of the history.
    asked = encoded.indices.fill_null(-1).to_numpy().astype(np.int32, copy=False)
    return KeyCodes(asked, _found(history, values), len(values))


def _found(history: pa.ChunkedArray, values: pa.Array) -> Codes:
    if not pa.types.is_dictionary(history.type) or not history.num_chunks:
        return _positions(history, values)
    # Each row group has a dictionary of its own; one for all is compared once.
    chunks = history.unify_dictionaries().chunks
    place = np.append(_positions(chunks[0].dictionary, values), np.int32(-1))
    found = np.empty(len(history), np.int32)
    at = 0
    for chunk in chunks:
        indices = chunk.indices.fill_null(len(place) - 1) if chunk.null_count else chunk.indices
        place.take(indices.to_numpy(), out=found[at : at + len(chunk)], mode="clip")
        at += len(chunk)
    return found


def _positions(wanted: pa.Array | pa.ChunkedArray, values: pa.Array) -> Codes:
    positions: Codes = pc.index_in(wanted, value_set=values).fill_null(-1).to_numpy()
    return positions


def _combined(left: KeyCodes, right: KeyCodes) -> KeyCodes:
    asked = _pairs(left.labels, right.labels, right.n)
    pairs, numbers = np.unique(asked[asked >= 0], return_inverse=True)
    labels = np.full(len(asked), -1, np.int32)
    labels[asked >= 0] = numbers
    had = _pairs(left.history, right.history, right.n)
    cells = left.n * right.n
    if cells <= _TABLE_CELLS:
        place = np.full(cells + 1, -1, np.int32)
        place[pairs] = np.arange(len(pairs), dtype=np.int32)
        return KeyCodes(labels, place[had], len(pairs))
    at = np.minimum(np.searchsorted(pairs, had), max(len(pairs) - 1, 0))
    history = np.where((had >= 0) & (pairs[at] == had), at, -1) if len(pairs) else np.full(len(had), -1)
    return KeyCodes(labels, history.astype(np.int32), len(pairs))


def _pairs(left: Codes, right: Codes, n_right: int) -> NDArray[np.int64]:
    return np.where((left < 0) | (right < 0), np.int64(-1), left.astype(np.int64) * n_right + right)


def _comparable(column: pa.ChunkedArray, wanted: pa.DataType, name: str) -> pa.ChunkedArray:
    """Label keys in the type of the history's keys; pandas turns whole numbers and categories into other types."""
    try:
        return column.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UsageError(f"The keys in column {name} are {column.type}; the features have {wanted}.") from error
