"""Statistics that tell a batch from the batches before it: pure functions of counts, each under a name and a version.

The unit of observation is the subject (patient, case or sample), not the row: a million heart rates of one operation
say no more about a change of monitors than one operation does. Every sample size below is therefore the number of
subjects, and a difference has to be both larger than chance and large enough to matter.

- `drift.psi-10bins/1`, `drift.psi-codes/1`: the population stability index, sum((a - e) ln(a / e)) over the shares of
  ten bins between the deciles of the reference, or of the declared codes; limits 0.1 and 0.25 (Siddiqi, Credit Risk
  Scorecards, Wiley 2006). Half a row is added to each bin, so that an empty one is no infinity. Under equal
  distributions the index follows chi-squared(bins - 1) * (1/n + 1/m) (Yurdakul and Naranjo, Journal of Risk Model
  Validation 14(4), 2020), whose upper quantile is the limit where it is the larger.
- `drift.ks/1`: the two-sample distance of Kolmogorov and Smirnov, the largest difference of the distribution
  functions; limits 0.1 and 0.2, which for a normal distribution are shifts by a quarter and a half of its standard
  deviation, or the asymptotic critical value sqrt(-ln(alpha / 2) / 2) sqrt((n + m) / (n m)) (Smirnov, Annals of
  Mathematical Statistics 19, 1948) where it is the larger.
- `volume.*/1`, `freshness.*/1`: the modified z-score of Iglewicz and Hoaglin (How to Detect and Handle Outliers, ASQC
  1993), |0.6745 (x - median) / MAD| <= 3.5, of the logarithm, over the recent batches; and at least a factor of two.
"""

import math
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from infra.checks import Severity

PSI_BINS: Final = "drift.psi-10bins/1"
PSI_CODES: Final = "drift.psi-codes/1"
KS: Final = "drift.ks/1"

MIN_ROWS: Final = 30
"""Rows with a value that a batch needs before its distribution is kept or compared."""
MIN_SUBJECTS: Final = 5
"""Subjects that they must come from: fewer are told apart by who they are, and could be told who they are."""
MIN_REFERENCE_ROWS: Final = 100
MIN_REFERENCE_BATCHES: Final = 3
RECENT_BATCHES: Final = 20
"""The reference is what the last so many batches of the same table, source and site have together."""
MIN_HISTORY: Final = 5
"""Batches from which bounds of volume and freshness can be told."""
FALSE_ALARMS: Final = 0.001
"""Chance of any false alarm of drift in a batch; it is divided among the comparisons (Bonferroni)."""

_PSI_LIMITS: Final = {"info": 0.1, "warning": 0.25}
_KS_LIMITS: Final = {"info": 0.1, "warning": 0.2}
_DECILES: Final = np.arange(1, 10) / 10

Counts = npt.NDArray[np.int64]


def psi(reference: Counts, batch: Counts) -> float:
    """Population stability index of counts by bin; both have the same bins. 0 for equal shares, without upper bound."""
    e, a = reference + 0.5, batch + 0.5
    e, a = e / e.sum(), a / a.sum()
    return float(np.sum((a - e) * np.log(a / e)))


def decile_bins(keys: npt.NDArray[np.int32], reference: Counts) -> npt.NDArray[np.intp]:
    """For ordered buckets the bin, from 0, that each falls into: up to ten between the deciles of the reference.

    keys: strictly ascending. Ties share a bin, so that there may be fewer; what lies above the reference's last decile
    is a bin of its own.
    """
    share = np.cumsum(reference) / reference.sum()
    # Sums of shares miss a decile by a rounding error.
    cuts = np.unique(keys[np.searchsorted(share, _DECILES - 1e-12)])
    return np.searchsorted(cuts, keys, side="left")


def ks(reference: Counts, batch: Counts) -> float:
    """Largest difference of the distribution functions of counts by ordered bucket, in 0 to 1."""
    return float(np.max(np.abs(np.cumsum(reference) / reference.sum() - np.cumsum(batch) / batch.sum())))


def psi_chance(bins: int, n: int, m: int, alpha: float) -> float:
    """The index that samples of n and m subjects of one distribution exceed with probability `alpha`."""
    return chi_squared(1 - alpha, bins - 1) * (1 / n + 1 / m) if bins > 1 else 0.0


def ks_chance(n: int, m: int, alpha: float) -> float:
    """The distance that samples of n and m subjects of one distribution exceed with probability `alpha` at most."""
    return math.sqrt(-math.log(alpha / 2) / 2) * math.sqrt((n + m) / (n * m))


def chi_squared(probability: float, df: int) -> float:
    """Quantile of the chi-squared distribution (Wilson and Hilferty, PNAS 17, 1931).

    In the far upper tail it is above the exact one by at most 12 % (one degree of freedom) or 2 % (ten and more).
    """
    from statistics import NormalDist

    z = NormalDist().inv_cdf(probability)
    return float(df * (1 - 2 / (9 * df) + z * math.sqrt(2 / (9 * df))) ** 3)


def severity(definition: str, value: float, chance: float) -> tuple[Severity | None, float]:
    """What a statistic amounts to, and the limit that it was held to; no severity where it is within the limits."""
    limits = _KS_LIMITS if definition == KS else _PSI_LIMITS
    level: Literal["warning", "info"]
    for level in ("warning", "info"):
        limit = max(limits[level], chance)
        if value > limit:
            return level, limit
    return None, limit


def robust_bounds(history: Sequence[float]) -> tuple[float, float] | None:
    """Lowest and highest plausible value of a positive quantity after those of the recent batches; None: too few."""
    if len(history) < MIN_HISTORY:
        return None
    logs = np.log(np.asarray(history, dtype=float))
    middle = float(np.median(logs))
    spread = float(np.median(np.abs(logs - middle)))
    reach = max(3.5 * spread / 0.6745, math.log(2))
    return math.exp(middle - reach), math.exp(min(middle + reach, 700))
