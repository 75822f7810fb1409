"""Writes small xPONENT exports in the form of the real ones, for tests to vary."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

Grid = dict[str, list[str]]
"""Cells of the analytes by sample name."""


@dataclass(frozen=True)
class Export:
    """One plate. Each sample stands in one well, in the order of `median`: A1, B1 ... H1, A2 ..."""

    analytes: list[str] = field(default_factory=lambda: ["IL-6", "TNF-α"])
    beads: list[str] = field(default_factory=lambda: ["19", "45"])
    units: list[str] = field(default_factory=lambda: ["pg/ml", "pg/ml"])
    median: Grid = field(
        default_factory=lambda: {
            "Background0": ["20", "18"],
            "Standard1": ["15000", "14000"],
            "Standard2": ["210.5", "190"],
            "Control1": ["4000", "3900"],
            "S-001": ["812.5", "64"],
            "S-002": ["25", "15800"],
        }
    )
    result: Grid | None = field(
        default_factory=lambda: {
            "Background0": ["NaN", "NaN"],
            "Standard1": ["1010", "998"],
            "Standard2": ["9.8", "10.1"],
            "Control1": ["251", "240.5"],
            "S-001": ["33.25", "4.5"],
            "S-002": ["< 3.2", "> 1000"],
        }
    )
    standards: Grid = field(default_factory=lambda: {"Standard1": ["1000", "1000"], "Standard2": ["10", "10"]})
    controls: Grid = field(default_factory=lambda: {"Control1": ["250", "250"]})
    dilution: dict[str, str] = field(default_factory=lambda: {"S-001": "2", "S-002": "2"})
    warnings: list[tuple[str, str]] = field(default_factory=list)
    header: dict[str, list[str]] = field(
        default_factory=lambda: {
            "Date": ["05/17/2023", "6:42 PM"],
            "SN": ["FM3D1"],
            "Batch": ["PLATE_7"],
            "ProtocolName": ["48-plex"],
            "BatchStartTime": ["5/17/2023 6:42:29 PM"],
            "BatchStopTime": ["5/17/2023 7:06:59 PM"],
        }
    )

    def with_header(self, **lines: list[str]) -> "Export":
        return replace(self, header={**self.header, **lines})

    def lines(self) -> list[list[str]]:
        """The cells of every line; [] is a blank line."""
        wells = [f"{i + 1}(1,{'ABCDEFGH'[i % 8]}{i // 8 + 1})" for i in range(len(self.median))]
        counts = {sample: ["60"] * len(self.analytes) for sample in self.median}
        net = {sample: [_less(cell) for cell in cells] for sample, cells in self.median.items()}
        lines: list[list[str]] = [["Program", "xPONENT", "", "FlexMAP 3D"], ["Build", "4.3.229.0"]]
        lines += [[key, *cells] for key, cells in self.header.items()]
        lines += [[], ["Samples", str(len(wells)), "Min Events", "50", "Per Bead"], [], ["Results"], []]

        def by_well(name: str, grid: Grid) -> None:
            lines.extend([["DataType:", name], ["Location", "Sample", *self.analytes, "Total Events"]])
            lines.extend([w, sample, *grid[sample], "180"] for w, sample in zip(wells, self.median, strict=True))
            lines.append([])

        by_well("Median", self.median)
        by_well("Net MFI", net)
        by_well("Count", counts)
        if self.result is not None:
            by_well("Result", self.result)
        lines += [["DataType:", "Avg Net MFI"], ["Sample", *self.analytes, "Total Events"]]
        lines += [[sample, *cells, "180"] for sample, cells in net.items()]
        lines += [
            [],
            ["DataType:", "Units"],
            ["Analyte:", *self.analytes],
            ["BeadID:", *self.beads],
            ["Units:", *self.units],
            [],
        ]
        for name, grid in (("Standard", self.standards), ("Control", self.controls)):
            lines += [["DataType:", f"{name} Expected Concentration"], ["Reagent", *self.analytes]]
            lines += [[sample, *cells] for sample, cells in grid.items()]
            lines.append([])
        lines += [["DataType:", "Dilution Factor"], ["Location", "Sample", "Dilution Factor"]]
        lines += [[w, s, self.dilution.get(s, "1")] for w, s in zip(wells, self.median, strict=True)]
        lines += [[], ["DataType:", "Warnings/Errors"], ["Location", "Status", "Message"]]
        lines += [[well, "Warning", message] for well, message in self.warnings]
        return [*lines, [], ["-- CRC --"], ["CRC32: 40B50595"]]


def _less(cell: str) -> str:
    return cell if cell in ("", "NaN") else f"{float(cell) - 10:g}"


def quoted(lines: Sequence[Sequence[str]]) -> str:
    """Every field quoted, as xPONENT 4 writes by default."""
    return "".join(",".join(f'"{cell}"' for cell in line) + "\r\n" for line in lines)


def bare(lines: Sequence[Sequence[str]]) -> str:
    """No field quoted: the comma of the location stands free."""
    return "".join(",".join(line) + "\n" for line in lines)


def padded(lines: Sequence[Sequence[str]]) -> str:
    """As a spreadsheet saves it: quotes where needed, each line filled up to the widest."""
    width = max(len(line) for line in lines)
    return "".join(
        ",".join([f'"{cell}"' if "," in cell else cell for cell in line] + [""] * (width - len(line))) + "\r\n"
        for line in lines
    )


def semicolons(lines: Sequence[Sequence[str]]) -> str:
    """As a computer with a French locale writes it: semicolons, decimal commas."""
    body = False
    text = ""
    for line in lines:
        body |= bool(line) and line[0] == "Results"
        cells = [cell if not body or "(" in cell else cell.replace(".", ",") for cell in line]
        text += ";".join(cells) + "\r\n"
    return text
