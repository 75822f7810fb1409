"""NanoSight summaries made for a test: a small writer of the instrument's layout."""

from collections.abc import Sequence
from dataclasses import dataclass, field

DILUTION = "Dilution factor (concentrations adjusted for this factor)"


@dataclass(frozen=True)
class Video:
    """One video as the file shows it. bins: particles per mL in each bin, as text; None: "No Data" in all."""

    name: str = "P1_00"
    bins: Sequence[str] | None = ("0", "100", "200", "0")
    concentration: str = "300"
    dilution: str = "Not recorded"
    validity: str = "OK"
    completed_tracks: str = "120"


@dataclass(frozen=True)
class Layout:
    """How it is written. padding: blank cells at the end of each row."""

    separator: str = ","
    padding: int = 0
    line_end: str = "\n"
    decimal_comma: bool = False
    percentiles: bool = True
    average: bool = True
    blocks: Sequence[str] = field(default=("Number",))
    details: Sequence[tuple[str, str]] = (
        ("Sample Name", ""), ("Sample Description", "P1"), ("Time Captured", "11:52:04  16/06/2020"),
    )  # fmt: skip


def nta_summary(videos: Sequence[Video] = (Video(), Video("P1_01")), layout: Layout | None = None) -> str:
    """The text of a summary. The average's cells hold 1 everywhere, so that a test can tell it from the videos."""
    layout = layout or Layout()
    rows: list[list[str]] = [
        ["NTA Experiment Summary File"],
        ["Created with NTA 3.4 Build 3.4.003"],
        [""],
        ["[Experiment Details]"],
        ["Experiment Name", "joined.nano"],
        ["Operator Name", "CANARY"],
        *([key, value] for key, value in layout.details),
        [""],
        ["Filename:", *(v.name for v in videos)],
        ["[Conditions]"],
        ["Temperature/C", *("22.0" for _ in videos)],
        ["[Results]", *("" for _ in videos), "Average", "Standard Error"],
        [DILUTION, *(v.dilution for v in videos)],
        ["Concentration (Particles / ml)", *(v.concentration for v in videos), "1", "0"],
        ["Completed tracks", *(v.completed_tracks for v in videos)],
        ["[Concentration Warnings]"],
        ["Validity of concentration measurement", *(v.validity for v in videos)],
        ["Completed Tracks", *("OK" for _ in videos)],
        ["[Information]"],
        ["Completed Tracks", *("OK" for _ in videos)],
        ["[Data Included]"],
        [f"Size distribution - Number weighting{' - With Percentiles' if layout.percentiles else ''}"],
        ["[Size Data]"],
    ]
    for weighting in layout.blocks:
        rows += _block(videos, weighting, layout)
    return layout.line_end.join(_line(row, layout) for row in rows) + layout.line_end


def _block(videos: Sequence[Video], weighting: str, layout: Layout) -> list[list[str]]:
    n_bins = max((len(v.bins) for v in videos if v.bins is not None), default=4)
    factor = 1 if weighting == "Number" else 1_000
    average = ["Average", "Standard Error"] if layout.average else []
    rows = [["Analysis Method", "FTLA"], ["Weighting", weighting], ["Filename", *(v.name for v in videos), *average]]
    for offset, key in enumerate(("Mean", "Mode", "SD", "D10", "D50", "D90", "Valid Tracks")):
        rows.append([key, *("No Data" if v.bins is None else str(90 * factor + offset) for v in videos), "1", "0"])
    rows += [["Graph Data"], ["Bin centre (nm)", *("Concentration (particles / ml)" for _ in videos)]]
    for i in range(n_bins):
        cells = ["No Data" if v.bins is None else v.bins[i] for v in videos]
        rows.append([f"{i + 0.5}", *cells, *(["1", "0"] if layout.average else [])])
    if layout.percentiles:
        rows += [[""], ["Percentile", *("Size (nm)" for _ in videos)], ["50", *("95.0" for _ in videos)]]
    return rows


def _line(row: list[str], layout: Layout) -> str:
    cells = [*row, *("" for _ in range(layout.padding))]
    if layout.decimal_comma:
        cells = [c.replace(".", ",") if c.replace(".", "", 1).isdigit() else c for c in cells]
    return layout.separator.join(f'"{c}"' if layout.separator in c else c for c in cells)
