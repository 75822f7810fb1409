"""Numbers as a row of blocks: what a history or a distribution looks like, in the width of a word."""

from collections.abc import Sequence
from math import isfinite

BLOCKS = "▁▂▃▄▅▆▇█"
GAP = "·"
"""Where there is no number."""


def sparkline(values: Sequence[float], width: int = 16) -> str:
    """The last `width` numbers between their lowest and highest; NaN as a gap, equal numbers in the middle."""
    shown = list(values)[-width:]
    given = [v for v in shown if isfinite(v)]
    if not given:
        return ""
    low, high = min(given), max(given)
    return "".join(_block(v, low, high) if isfinite(v) else GAP for v in shown)


def bars(counts: Sequence[int]) -> str:
    """Counts as bars from zero to the largest; a count of none is a blank, one of few is not."""
    most = max(counts, default=0)
    top = len(BLOCKS) - 1
    return "".join(" " if not n else BLOCKS[min(top, int(n / most * top + 0.5))] for n in counts)


def bar(share: float, width: int = 10) -> str:
    """A share of 0 to 1 as a bar; more than 1 is a full one."""
    full = max(0, min(width, round(share * width))) if isfinite(share) else 0
    return "█" * full + GAP * (width - full)


def _block(value: float, low: float, high: float) -> str:
    if high == low:
        return BLOCKS[3]
    return BLOCKS[min(len(BLOCKS) - 1, int((value - low) / (high - low) * len(BLOCKS)))]
