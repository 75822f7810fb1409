"""The runs of a task side by side: to the terminal, and as one self-contained page; both say the same numbers.

`sides`: which runs stand side by side, in which order. `metrics`: what metrics are called and how they are read.
`table`: text for the terminal. `calibration`: groups of out-of-fold predictions. `page`: the HTML; `charts` and
`diagrams`: its figures as SVG.
"""

from training.comparison.sides import Entry, SideBySide, compare, side_by_side
from training.comparison.table import Comparison, comparison, table_of

__all__ = ["Comparison", "Entry", "SideBySide", "compare", "comparison", "side_by_side", "table_of"]
