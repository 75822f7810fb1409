"""The row-level gate on Arrow columns: what `quality.gate` says on Spark, said in the worker that read the rows.

Texts come dictionary-encoded, and what depends on a text alone is asked once for each distinct one.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infra.checks import Between, Check, Matches, NotBefore, NotNull, OneOf
from infra.table import Table

Mask = np.ndarray[Any, np.dtype[np.bool_]]

_IN: Final = re.compile(r"(\w+) IN \(((?:'[^']*'(?:, )?)+)\)")
"""The conditions that are understood here; a table with others is judged on Spark."""


def is_judgeable(table: Table) -> bool:
    """Whether every check of the table can be judged here."""
    return all(check.where is None or _IN.fullmatch(check.where) for _, check in table.checks())


def broken_bits(rows: Mapping[str, pa.Array], table: Table) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """The checks that each row breaks, as `quality.gate.broken_bits` has them.

    rows: every conformed column; texts dictionary-encoded. Raises ValueError for a condition that is not understood.
    """
    bits = np.zeros(len(next(iter(rows.values()))), np.int64)
    limits: dict[str, Mask] = {}
    for i, (column, check) in enumerate(table.checks()):
        if check.where is not None and check.where not in limits:
            limits[check.where] = _holds(rows, check.where)
        limit = None if check.where is None else limits[check.where]
        if limit is not None and not limit.any():
            continue
        broken = _breaks(rows, column.name, check)
        if broken is None:
            continue
        if limit is not None:
            broken = broken & limit
        if broken.any():
            bits |= broken.astype(np.int64) << i
    return bits


def _holds(rows: Mapping[str, pa.Array], where: str) -> Mask:
    found = _IN.fullmatch(where)
    if found is None:
        raise ValueError(f"the condition {where} is not understood outside Spark")
    return _by_text(rows[found[1]], set(re.findall(r"'([^']*)'", found[2])).__contains__)


def _breaks(rows: Mapping[str, pa.Array], name: str, check: Check) -> Mask | None:
    """Rows that break a check, whatever its condition; None: none does."""
    values = rows[name]
    match check:
        case NotNull():
            return np.asarray(values.is_null()) if _has_null(values) else None
        case OneOf(values=known):
            return _by_text(values, lambda text: text not in known)
        case Matches(pattern=pattern):
            # As Java's `^(?:...)$`, which lets one line end stand behind.
            matches = re.compile(rf"(?:{pattern})\n?\Z").match
            return _by_text(values, lambda text: matches(text) is None)
        case Between(low=low, high=high):
            numbers = pc.fill_null(values.cast(pa.float64()), 0.0).to_numpy(zero_copy_only=False)
            broken: Mask = np.isnan(numbers)
            if low is not None:
                broken |= numbers < low
            if high is not None:
                broken |= numbers > high
            broken &= np.asarray(values.is_valid())
            return broken
        case NotBefore(other=other):
            if values.equals(rows[other]):
                return None
            return np.asarray(pc.fill_null(pc.less(values, rows[other]), False))


def _has_null(values: pa.Array) -> bool:
    is_text = pa.types.is_dictionary(values.type)
    return bool(values.null_count or (is_text and values.dictionary.null_count))


def _by_text(values: pa.DictionaryArray, holds: Any) -> Mask:
    """Whether something holds of each row's text; of null it does not."""
    answers = np.array([t is not None and bool(holds(t)) for t in [*values.dictionary.to_pylist(), None]])
    if not answers.any() or (answers[:-1].all() and not values.null_count):
        return np.full(len(values), bool(answers.any()))
    of_row: Mask = answers[pc.fill_null(values.indices, len(answers) - 1).to_numpy(zero_copy_only=False)]
    return of_row
