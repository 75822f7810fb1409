"""The layout of a NanoSight ExperimentSummary: ragged rows in sections, split into cells and nothing more.

NTA Experiment Summary File
Created with NTA 3.4 Build 3.4.003
[Experiment Details]     key, value
Filename:, video, video, ...
[Conditions] [Settings] [Results] [Concentration Warnings] [Information]   key, one cell a video, average, error
[Data Included]
[Size Data]              blocks by method and weighting: key rows, then bins, then percentiles
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from infra.errors import FileError
from ingestion.text import separator_of

Row = list[str]
BINS = "Bin centre"
_VIDEOS = "Filename"


@dataclass(frozen=True)
class SizeBlock:
    """One block of size data: its key rows, its bins as text (a row a bin, the centre first).

    labels: of the columns after the key (video names, then Average and Standard Error).
    is_followed: whether anything stands after the bins, so that they cannot have been cut short.
    """

    labels: Row
    keys: dict[str, Row]
    bins: list[Row]
    is_followed: bool


@dataclass(frozen=True)
class Summary:
    """A summary file. Rows of `sections` and blocks hold the cells after the key, stripped; sections by title."""

    created_with: str
    videos: Row
    sections: dict[str, dict[str, Row]]
    result_labels: Row
    blocks: list[SizeBlock]

    def detail(self, key: str) -> str | None:
        """A value of the experiment details; None where it is absent or blank."""
        return next((c for c in self.sections.get("Experiment Details", {}).get(key, []) if c), None)

    def block(self, method: str, weighting: str) -> SizeBlock | None:
        """The block of one analysis method and weighting, wherever it stands."""
        for block in self.blocks:
            stated = [_first(block.keys.get(k, [])).lower() for k in ("Analysis Method", "Weighting")]
            if stated == [method.lower(), weighting.lower()]:
                return block
        return None


def _first(cells: Row) -> str:
    return cells[0] if cells else ""


def rows_of(text: str) -> list[Row]:
    """The text's rows of stripped cells; the separator is that of the row that names the videos.

    Raises FileError where the text cannot be split.
    """
    line = next((ln for ln in text.split("\n") if ln.lstrip(' "').startswith(_VIDEOS)), "")
    try:
        cells = csv.reader(io.StringIO(text), delimiter=separator_of(line))
        return [[cell.strip() for cell in row] or [""] for row in cells]
    except csv.Error as error:
        raise FileError(f"The text cannot be split into cells ({error}); expected a NanoSight summary.") from error


def read_summary(text: str) -> Summary:
    """The sections of a summary. Raises FileError where the row that names the videos is missing."""
    rows = rows_of(text)
    sections: dict[str, dict[str, Row]] = {}
    videos: Row | None = None
    result_labels: Row = []
    section = ""
    size_rows: list[Row] = []
    for row in rows:
        key, cells = row[0], row[1:]
        if key.startswith("["):
            section = key.strip("[] ")
            sections.setdefault(section, {})
            if section == "Results":
                result_labels = cells
        elif section == "Size Data":
            size_rows.append(row)
        elif key.rstrip(":") == _VIDEOS and videos is None:
            videos = _trimmed(cells)
        elif key:
            sections.setdefault(section, {}).setdefault(key, cells)
    if not videos:
        raise FileError("The NanoSight summary has no 'Filename:' row with the names of its videos.")
    created = next((r[0] for r in rows if r[0].startswith("Created with")), "")
    return Summary(
        created.removeprefix("Created with").strip(), videos, sections, result_labels, list(_blocks(size_rows))
    )


def _trimmed(cells: Row) -> Row:
    """Without the blank cells that a spreadsheet pads a row with."""
    last = max((i for i, cell in enumerate(cells) if cell), default=-1)
    return cells[: last + 1]


def _blocks(rows: list[Row]) -> Iterator[SizeBlock]:
    starts = [i for i, row in enumerate(rows) if row[0] == "Analysis Method"]
    for start, stop in pairwise([*starts, len(rows)]):
        block = rows[start:stop]
        head = next((i for i, row in enumerate(block) if row[0].startswith(BINS)), len(block))
        # The bins end at the first row without a centre: a blank row, or the percentiles.
        end = next((i for i in range(head + 1, len(block)) if not block[i][0][:1].isdigit()), len(block))
        keys = {row[0].rstrip(":"): row[1:] for row in block[:head] if row[0]}
        is_followed = any(row[0] for row in block[end:]) or stop < len(rows)
        yield SizeBlock(_trimmed(keys.get(_VIDEOS, [])), keys, block[head + 1 : end], is_followed)
