"""The distribution of a column as counts in fixed buckets: small, mergeable, and without any value that was measured.

Buckets grow with the magnitude by a constant factor, as in DDSketch (Masson, Rim and Lee, PVLDB 12(12), 2019): each
number is known to a quarter of a percent, wherever on the scale it lies. Because the buckets are the same for every
batch, sketches add up, and distribution functions are compared bucket by bucket. Rounding to buckets can only lower a
distance of Kolmogorov and Smirnov, and by no more than the share of the fullest bucket.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

SKETCH: Final = "sketch.dd-0.25pct/1"
ACCURACY: Final = 0.0025
_WIDTH: Final = math.log((1 + ACCURACY) / (1 - ACCURACY))
LEAST: Final = 1e-12
"""Magnitudes up to this count as zero."""

Keys = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]


def bucket_keys(values: npt.NDArray[np.float64]) -> Keys:
    """The bucket of each finite number: 0 for zero, and a key that grows with the number on either side of it."""
    magnitude = np.maximum(np.abs(values), LEAST)
    key = np.ceil((np.log(magnitude) - math.log(LEAST)) / _WIDTH)
    return np.copysign(key, values).astype(np.int32)


@dataclass(frozen=True)
class Sketch:
    """keys: buckets that are not empty, ascending. counts: rows in each. subjects: whom the rows are of, about."""

    keys: Keys
    counts: Counts
    subjects: int

    @property
    def n(self) -> int:
        return int(self.counts.sum())


def merge(sketches: Iterable[Sketch]) -> Sketch:
    """The sketch of all rows together. A subject that is in several of them counts once in each."""
    parts = list(sketches)
    if not parts:
        return Sketch(np.empty(0, np.int32), np.empty(0, np.int64), 0)
    keys, where = np.unique(np.concatenate([s.keys for s in parts]), return_inverse=True)
    counts = np.zeros(len(keys), np.int64)
    np.add.at(counts, where, np.concatenate([s.counts for s in parts]))
    return Sketch(keys, counts, sum(s.subjects for s in parts))


def aligned(reference: Sketch, batch: Sketch) -> tuple[Keys, Counts, Counts]:
    """The buckets of either, ascending, and the rows of each in them."""
    keys = np.union1d(reference.keys, batch.keys)
    counts = []
    for sketch in (reference, batch):
        of_all = np.zeros(len(keys), np.int64)
        of_all[np.searchsorted(keys, sketch.keys)] = sketch.counts
        counts.append(of_all)
    return keys, counts[0], counts[1]
