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


@dataclass(frozen=True)
class Capture:
    """One ZetaView size distribution. bins: number and concentration of each bin, 5 nm wide from 2.5 nm on."""

    keys: Sequence[tuple[str, str]] = (
        ("Original File", "C:\\data\\20251217_0005_P1_d28_size_488.avi"),
        ("Operator", "CANARY"),
        ("ZetaView S/N", "21-0001"),
        ("Software", "ZetaView (version 8.05.16 SP3)\tAnalyze:\t8.05.16"),
        ("Sample", "P1"),
        ("Electrolyte", ""),
        ("pH", "7.0 entered"),
        ("Temperature", "25.35 °C sensed"),
        ("Date", "2025-12-17"),
        ("Time", "11:52:04"),
        ("Remarks", "CANARY"),
        ("Number of Traces", "400"),
        ("Average Number of Particles", "103.0"),
        ("Dilution:", "1000.0"),
        ("Laser Wavelength nm", "488.000000"),
        ("Median Number (D50)", "11.25"),
    )
    bins: Sequence[tuple[float, float]] = ((0, 0), (100, 1e5), (200, 2e5), (100, 1e5))
    logarithmic: Sequence[tuple[float, float, float]] = ((5.0, 0, 0), (10.0, 300, 3e5), (20.0, 100, 1e5))

    def with_keys(self, **values: str | None) -> "Capture":
        """With other values, spaces of the keys as underscores; None leaves the key out."""
        named = {key.replace("_", " "): value for key, value in values.items()}
        kept = [(k, named.get(k.rstrip(":"), v)) for k, v in self.keys]
        return Capture(tuple((k, v) for k, v in kept if v is not None), self.bins, self.logarithmic)


def zetaview(capture: Capture | None = None, decimal_comma: bool = False) -> str:
    """The text of a size distribution."""
    capture = capture or Capture()
    end = "\t".join(["-1.000E+0"] * 5)

    def row(size: float, number: float, concentration: float) -> str:
        text = "\t".join(_scientific(x) for x in (size, number, concentration, number * size**3, number * size**2))
        return text.replace(".", ",") if decimal_comma else text

    lines = [f"{key}:\t{value}" for key, value in capture.keys]
    lines += ["", "Size Distribution", "Size / nm\tNumber\tConcentration / cm-3\tVolume / nm^3\tArea / nm^2"]
    lines += [row(2.5 + 5 * i, *bin_) for i, bin_ in enumerate(capture.bins)] + [end]
    lines += [row(*bin_) for bin_ in capture.logarithmic] + [end]
    return "\r\n".join(lines) + "\r\n"


def _scientific(value: float) -> str:
    """As LabVIEW writes it: 1.275E+2."""
    mantissa, exponent = f"{value:.3E}".split("E")
    return f"{mantissa}E{int(exponent):+d}"
