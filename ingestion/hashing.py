"""Spark's xxHash64 over Arrow columns, without a JVM: the same numbers as the SQL function `xxhash64`.

The algorithm is XXH64 (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md); Spark hashes the columns of a
row one after the other, the hash of one being the seed of the next, starts at 42 and passes over nulls.
"""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Words = np.ndarray[Any, np.dtype[np.uint64]]

SEED: Final = 42
_P1, _P2, _P3, _P4, _P5 = (
    np.uint64(p)
    for p in (
        0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5,
    )
)  # fmt: skip
_STRIPE: Final = 32


def xxhash64(columns: Iterable[pa.Array], n: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """One int64 a row over n rows of text (dictionary-encoded or not), doubles, timestamps, bigints and ints.

    Raises TypeError for a column of another type.
    """
    seeds = np.full(n, SEED, np.uint64)
    with np.errstate(over="ignore"):
        for column in columns:
            seeds = _hashed(column, seeds)
    return seeds.view(np.int64)


def _hashed(column: pa.Array, seeds: Words) -> Words:
    if pa.types.is_string(column.type):
        column = column.dictionary_encode()
    if pa.types.is_dictionary(column.type):
        return _texts(column, seeds)
    found = _numbers(column, seeds)
    return np.where(_valid(column), found, seeds) if column.null_count else found


def _valid(column: pa.Array) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    return np.asarray(column.is_valid())


def _numbers(column: pa.Array, seeds: Words) -> Words:
    if pa.types.is_int32(column.type):
        values = pc.fill_null(column, 0).to_numpy(zero_copy_only=False)
        return _avalanche(_short(seeds + _P5 + np.uint64(4), values.view(np.uint32).astype(np.uint64)))
    if pa.types.is_float64(column.type):
        numbers = pc.fill_null(column, 0.0).to_numpy(zero_copy_only=False) + 0.0  # Spark holds -0.0 to be 0.0
        is_nan = np.isnan(numbers)
        if is_nan.any():
            numbers[is_nan] = np.nan
        words = numbers.view(np.uint64)
    elif pa.types.is_int64(column.type) or pa.types.is_timestamp(column.type):
        words = pc.fill_null(column.cast(pa.int64()), 0).to_numpy(zero_copy_only=False).view(np.uint64)
    else:
        raise TypeError(f"no hash of a column of {column.type}")
    return _avalanche(_long(seeds + _P5 + np.uint64(8), words))


def _texts(column: pa.DictionaryArray, seeds: Words) -> Words:
    """Rows of texts of one length in bytes together: each step is the same for all of them."""
    texts = [None if t is None else t.encode() for t in column.dictionary.to_pylist()]
    codes = pc.fill_null(column.indices, len(texts)).to_numpy(zero_copy_only=False)
    lengths = np.array([-1 if t is None else len(t) for t in [*texts, None]])
    by_length = [int(length) for length in np.unique(lengths) if length >= 0]
    if len(by_length) == 1 and not column.null_count and -1 not in lengths[:-1]:
        return _of_length(texts, codes, by_length[0], seeds)
    found, of_row = seeds.copy(), lengths[codes]
    for length in by_length:
        rows = np.flatnonzero(of_row == length)
        chosen = [t if t is not None and len(t) == length else bytes(length) for t in [*texts, None]]
        found[rows] = _of_length(chosen, codes[rows], length, seeds[rows])
    return found


def _of_length(texts: "list[bytes | None]", codes: "np.ndarray[Any, Any]", length: int, seeds: Words) -> Words:
    def column(at: int, size: int) -> Any:
        """The number that stands at a place in each row's text."""
        numbers = np.array([int.from_bytes((t or b"")[at : at + size], "little") for t in texts], np.uint64)
        return numbers[0] if len(numbers) == 1 else numbers[codes]

    at = 0
    if length >= _STRIPE:
        lanes = [seeds + _P1 + _P2, seeds + _P2, seeds, seeds - _P1]
        while at <= length - _STRIPE:
            lanes = [_round(lane, column(at + 8 * i, 8)) for i, lane in enumerate(lanes)]
            at += _STRIPE
        state = seeds - seeds
        for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True):
            state = state + _turned(lane, bits)
        for lane in lanes:
            state = (state ^ _round(np.uint64(0), lane)) * _P1 + _P4
    else:
        state = seeds + _P5
    state = state + np.uint64(length)
    while at + 8 <= length:
        state = _long(state, column(at, 8))
        at += 8
    if at + 4 <= length:
        state = _short(state, column(at, 4))
        at += 4
    while at < length:
        state = _turned(state ^ (column(at, 1) * _P5), 11) * _P1
        at += 1
    return _avalanche(state)


def _turned(x: Any, bits: int) -> Any:
    return (x << np.uint64(bits)) | (x >> np.uint64(64 - bits))


def _round(lane: Any, word: Any) -> Any:
    return _turned(lane + word * _P2, 31) * _P1


def _long(state: Any, word: Any) -> Any:
    return _turned(state ^ _round(np.uint64(0), word), 27) * _P1 + _P4


def _short(state: Any, word: Any) -> Any:
    return _turned(state ^ (word * _P1), 23) * _P2 + _P3


def _avalanche(x: Words) -> Words:
    x = (x ^ (x >> np.uint64(33))) * _P2
    x = (x ^ (x >> np.uint64(29))) * _P3
    return x ^ (x >> np.uint64(32))
