"""The figures of the page: the way of the cohort, forest plots, calibration."""

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from training.comparison import svg
from training.comparison.calibration import Group
from training.comparison.metrics import Interval

Kind = Literal["model", "plain", "heading"]
Place = Callable[[float], float]
WIDTH = 920.0
LEFT, RIGHT = 250.0, 690.0
ROW = 30.0
TOP = 34.0
PARTS = ("of these", "of them", "of those")
"""How a step of a cohort's flow begins that keeps some of the step before."""


@dataclass(frozen=True)
class Row:
    """A row of a forest plot. kind: a model, a baseline (drawn hollow) or a heading without a value. note: small."""

    label: str
    interval: Interval
    kind: Kind = "model"
    note: str = ""


def forest(
    title: str,
    rows: Sequence[Row],
    *,
    axis: str,
    at: float | None,
    at_label: str,
    signed: bool = False,
    ends: tuple[str, str] | None = None,
) -> str:
    """Values with their intervals below each other, and their numbers beside them.

    at: where the line of comparison stands (chance, no difference); None for none. ends: what lies left and right.
    """
    values = [row.interval for row in rows if row.interval.is_known]
    spread = [v for i in values for v in ((i.low, i.high) if i.has_limits else (i.value,))]
    spread += [i.value for i in values] + ([at] if at is not None else [])
    marks = svg.ticks(min(spread), max(spread))
    low, high = marks[0], marks[-1]

    def place(value: float) -> float:
        return LEFT + (value - low) / (high - low) * (RIGHT - LEFT)

    bottom = TOP + ROW * len(rows)
    parts = [svg.line(place(mark), TOP - 4, place(mark), bottom, "grid") for mark in marks]
    parts += [
        svg.text(place(mark), bottom + 18, svg.tick_text(mark, signed=signed), "tick", "middle") for mark in marks
    ]
    if at is not None:
        parts.append(svg.line(place(at), TOP - 8, place(at), bottom, "rule"))
        parts.append(svg.text(place(at), TOP - 14, at_label, "small", "middle"))
    for i, row in enumerate(rows):
        parts += _forest_row(row, TOP + ROW * (i + 0.5), place, signed=signed)
    below = f"\N{LEFTWARDS ARROW} {ends[0]}   \N{MIDDLE DOT}   {ends[1]} \N{RIGHTWARDS ARROW}" if ends else ""
    parts.append(svg.text((LEFT + RIGHT) / 2, bottom + 38, f"{axis}{'   ' if below else ''}{below}", "axis", "middle"))
    said = "; ".join(f"{row.label} {row.interval.text(signed=signed)}" for row in rows if row.kind != "heading")
    return svg.drawing(WIDTH, bottom + 48, title, f"{axis}: {said}.", parts)


def _forest_row(row: Row, y: float, place: Place, *, signed: bool) -> list[str]:
    if row.kind == "heading":
        return [svg.text(0, y + 5, row.label, "heading"), svg.text(WIDTH, y + 5, row.note, "small", "end")]
    name = "model" if row.kind == "model" else "plain"
    parts = [svg.text(0, y + 5, row.label, f"label {name}")]
    i = row.interval
    if i.is_known:
        if i.has_limits:
            parts.append(svg.line(place(i.low), y, place(i.high), y, f"span {name}"))
            parts += [svg.line(place(v), y - 5, place(v), y + 5, f"span {name}") for v in (i.low, i.high)]
        parts.append((svg.circle if row.kind == "model" else svg.diamond)(place(i.value), y, 6, f"mark {name}"))
    parts.append(svg.text(WIDTH, y + 5, i.text(signed=signed).replace("-", "\N{MINUS SIGN}"), "number", "end"))
    return parts


PANEL, INSET = 220.0, 38.0


def calibration(title: str, groups: Sequence[Group], most: float) -> str:
    """One model's groups: predicted share (across) and observed share (up); an area stands for patients.

    most: where both axes end, the same for all models that stand side by side.
    """
    marks = svg.ticks(0, most, 4)
    end, side = marks[-1], PANEL - INSET - 12

    def at(predicted: float, observed: float) -> tuple[float, float]:
        return INSET + predicted / end * side, 12 + side - observed / end * side

    parts = [svg.path([at(0, 0), at(end, end)], "rule")]
    for mark in marks:
        across, up = at(mark, 0), at(0, mark)
        parts += [svg.line(INSET, up[1], INSET + side, up[1], "grid"), svg.line(across[0], 12, *across, "grid")]
        parts.append(svg.text(across[0], across[1] + 16, svg.tick_text(mark, signed=False), "tick", "middle"))
        parts.append(svg.text(INSET - 6, up[1] + 4, svg.tick_text(mark, signed=False), "tick", "end"))
    for group in groups:
        if not math.isnan(group.low):
            parts.append(
                svg.line(*at(group.predicted, group.low), *at(group.predicted, min(group.high, end)), "span model")
            )
    parts.append(svg.path([at(g.predicted, g.observed) for g in groups], "curve"))
    largest = max(g.n for g in groups)
    parts += [svg.circle(*at(g.predicted, g.observed), 3 + 4 * (g.n / largest) ** 0.5, "mark model") for g in groups]
    said = "; ".join(f"predicted {g.predicted:.2f}, observed {g.observed:.2f}, {g.n} patients" for g in groups)
    return svg.drawing(PANEL, PANEL - 4, title, f"{said}.", parts)


BOX, BOX_HEIGHT, GAP = 560.0, 52.0, 30.0


def flow(steps: Mapping[str, int], n_rows: int | None, last: str) -> str:
    """How the cohort came about: a box for each step, and how many it left out.

    n_rows: rows of the training set; what the flow counts after the step that says so are parts of the cohort, and no
    steps towards it. last: what the last box says of the cohort. A step that counts something else than the one
    before (minutes after patients) leaves nobody out.
    """
    labels, counts = list(steps), list(steps.values())
    if n_rows in counts:
        end = len(counts) - counts[::-1].index(n_rows)
        labels, counts = labels[:end], counts[:end]
    boxes = [(f"{n:,}", label) for label, n in zip(labels, counts, strict=True)] + ([("", last)] if last else [])
    parts = []
    for i, (count, label) in enumerate(boxes):
        y = 2 + i * (BOX_HEIGHT + GAP)
        lines = textwrap.wrap(label, 62)[:2]
        x, first = (108 if count else 22), y + (31 if len(lines) == 1 else 23)
        parts.append(svg.box(2, y, BOX, BOX_HEIGHT, "box last" if i == len(boxes) - 1 else "box"))
        parts.append(svg.text(92, y + 33, count, "count", "end"))
        parts += [svg.text(x, first + 17 * k, words, "label") for k, words in enumerate(lines)]
        if not i:
            continue
        parts += [svg.line(60, y - GAP, 60, y - 2, "arrow"), svg.path([(55, y - 8), (60, y - 2), (65, y - 8)], "arrow")]
        if i < len(counts) and labels[i].startswith(PARTS) and counts[i] < counts[i - 1]:
            parts.append(svg.text(78, y - GAP / 2 + 4, f"{counts[i - 1] - counts[i]:,} left out", "small"))
    said = "; ".join(f"{count} {label}".strip() for count, label in boxes)
    height = 4 + len(boxes) * (BOX_HEIGHT + GAP) - GAP
    return svg.drawing(BOX + 4, height, "How the cohort came about", f"{said}.", parts)
