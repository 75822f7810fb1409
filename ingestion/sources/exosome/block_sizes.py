"""Sizes of a distribution from its bins, for instruments that write the bins and not the sizes."""

import math
from collections.abc import Sequence
from itertools import accumulate

_QUANTILES = {"d10_nm": 0.1, "d50_nm": 0.5, "d90_nm": 0.9}


def sizes_of(centres_nm: Sequence[float], numbers: Sequence[float]) -> dict[str, float]:
    """mean_nm, sd_nm, mode_nm, d10_nm, d50_nm and d90_nm, number weighted; empty where there are no particles.

    centres_nm: of bins of one width, rising. numbers: particles in each, none negative. The mode is the centre of the
    fullest bin (the first of several); a percentile is where the cumulated share is reached, with the particles of a
    bin spread evenly over its width; the deviation is that of the population.
    """
    total = math.fsum(numbers)
    if not total > 0 or not math.isfinite(total):
        return {}
    pairs = list(zip(centres_nm, numbers, strict=True))
    mean = math.fsum(c * n for c, n in pairs) / total
    variance = math.fsum((c - mean) ** 2 * n for c, n in pairs) / total
    sizes = {"mean_nm": mean, "sd_nm": math.sqrt(variance), "mode_nm": max(pairs, key=lambda pair: pair[1])[0]}
    return sizes | {name: _quantile(pairs, share * total) for name, share in _QUANTILES.items()}


def _quantile(pairs: Sequence[tuple[float, float]], reached: float) -> float:
    """The size below which `reached` particles lie."""
    width = pairs[1][0] - pairs[0][0] if len(pairs) > 1 else 0.0
    filled = [
        (centre, n, up_to) for (centre, n), up_to in zip(pairs, accumulate(n for _, n in pairs), strict=True) if n
    ]
    centre, n, up_to = next((f for f in filled if f[2] >= reached), filled[-1])
    return centre + width * ((reached - (up_to - n)) / n - 0.5)
