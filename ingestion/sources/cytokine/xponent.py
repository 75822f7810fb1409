"""Luminex xPONENT exports: one raw record for each analyte in each well.

Result is the concentration; where the export has none (fluorescence only), value is null with qc_flag 'not_reported'
and fluorescence and bead counts are kept. Blocks of averages over replicates are not read: they can be computed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Format, RawFile
from ingestion.sources.cytokine.analytes import resolve
from ingestion.sources.cytokine.names import sample_type_of, ucum_unit
from ingestion.sources.cytokine.raw import CYTOKINE, record_batch
from ingestion.sources.cytokine.values import UNREADABLE, Numbers, Reading, decimal_mark, read_number, read_value
from ingestion.sources.cytokine.xponent_blocks import (
    LOOKED_FOR,
    Analyte,
    Export,
    WellBlock,
    is_by_well,
    is_xponent,
    parse_export,
)
from ingestion.sources.cytokine.xponent_header import batch_name, measured_time, platform, reported_time

_LOCATION = re.compile(r"\d+\((\d+),([A-P]\d{1,2})\)")
_READ = ("Median", "Net MFI", "Count", "Result")


@dataclass
class _Well:
    """What the blocks say about one location."""

    location: str
    sample: str
    total_events: str
    cells: dict[str, dict[Analyte, str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def cell(self, block: str, analyte: Analyte) -> str:
        return self.cells.get(block, {}).get(analyte, "")


def read_xponent(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Raw records of an xPONENT export, by well and then by analyte.

    Raises FileError where the file is no export or was cut short, names no batch, or has dates in an open order.
    """
    export = parse_export(file.text)
    blocks = {name: block for name in _READ if (block := export.well_block(name))}
    if not blocks:
        raise FileError("The xPONENT export has no block Median, Net MFI, Count or Result with Location and Sample.")
    _require_whole(export, file.text)
    plate = {
        "plate_id": batch_name(export),
        "panel": export.value("ProtocolName"),
        "platform": platform(export),
        "measured_time": measured_time(export, site),
        "reported_time": reported_time(export, site),
    }
    rows = [plate | record for record in _Plate(export, blocks).records()]
    yield record_batch(rows)


def _require_whole(export: Export, text: str) -> None:
    """Refuses an export that was cut short. One from which only the trailer was removed is let through.

    The blocks by well hold the same wells, and Dilution Factor is the last of them.
    """
    if export.has_trailer:
        return
    wells = {len(lines) for lines in export.blocks.values() if is_by_well(lines)}
    has_last = is_by_well(export.blocks.get("dilution factor", []))
    if not text.endswith("\n") or len(wells) != 1 or not has_last:
        raise FileError(
            "The xPONENT export is cut short: '-- CRC --' is missing at its end and its blocks are not complete."
        )


class _Plate:
    """The blocks of one export, looked up by well and analyte."""

    def __init__(self, export: Export, blocks: dict[str, WellBlock]) -> None:
        self.batch = batch_name(export)
        self.wells = _wells(blocks)
        self.analytes = list(dict.fromkeys(analyte for block in blocks.values() for analyte in block.analytes))
        self.standards = export.by_sample("Standard Expected Concentration")
        self.controls = export.by_sample("Control Expected Concentration")
        self.units = export.by_analyte("Units")
        self.warnings = _warnings(export)
        dilutions = export.well_block("Dilution Factor")
        self.dilutions = {row.location: row.cells[0] for row in dilutions.rows if row.cells} if dilutions else {}
        measured = (cell for block in blocks.values() for row in block.rows for cell in row.cells)
        self.decimal = decimal_mark([*measured, *self.dilutions.values()])
        self.readings = {
            (well.location, analyte): read_value(well.cell("Result", analyte), self.decimal)
            for well in self.wells
            for analyte in self.analytes
        }
        self.limits = self._limits()

    def records(self) -> Iterator[dict[str, object]]:
        """The records of all wells, without the columns that are the same for the whole export."""
        seen: dict[str, int] = {}
        for well in self.wells:
            match = _LOCATION.fullmatch(well.location)
            place = f"{match[1]},{match[2]}" if match else ""
            problems = [*well.problems, *([] if match else ["the location is not written as 1(1,A1)"])]
            seen[place] = seen.get(place, 0) + 1
            of_well = {
                # A batch may fill several plates; the first number in the brackets tells them apart.
                "plate_id": f"{self.batch}/{match[1]}" if match and match[1] != "1" else self.batch,
                "sample": well.sample or None,
                "well": match[2] if match else None,
                "replicate": seen[place],
                "sample_type": self._sample_type(well.sample),
                "qc_message": self.warnings.get(place),
            }
            for analyte in self.analytes:
                yield of_well | self._record(well, analyte, problems)

    def _record(self, well: _Well, analyte: Analyte, problems: list[str]) -> dict[str, object]:
        reading = self.readings[well.location, analyte]
        dilution = self.dilutions.get(well.location, "")
        lloq, uloq = self.limits.get((analyte, dilution), (None, None))
        name = well.sample.casefold()
        expected = (self.standards.get(name) or self.controls.get(name) or {}).get(analyte, "")
        symbol, uniprot = resolve(analyte[0])
        numbers = Numbers(self.decimal, [*problems, *([UNREADABLE] if reading.operator is None else [])])
        return {
            "analyte_as_given": analyte[0] or None,
            "analyte": symbol or None,
            "uniprot_id": uniprot,
            "assay_id": self.units.get("beadid", {}).get(analyte) or None,
            "reported": well.cell("Result", analyte) or None,
            "value": reading.value,
            "operator": reading.operator,
            "lloq": reading.limit if reading.operator == "<" and reading.limit is not None else lloq,
            "uloq": reading.limit if reading.operator == ">" and reading.limit is not None else uloq,
            "unit": ucum_unit(self.units.get("units", {}).get(analyte)),
            "dilution_factor": numbers.number(dilution, "the dilution factor"),
            "expected_value": numbers.number(expected, "the expected concentration"),
            "median_fluorescence": numbers.number(well.cell("Median", analyte), "Median"),
            "net_fluorescence": numbers.number(well.cell("Net MFI", analyte), "Net MFI"),
            "bead_count": numbers.count(well.cell("Count", analyte), "Count"),
            "total_events": numbers.count(well.total_events, "Total Events"),
            "qc_flag": self._qc_flag(well, analyte, reading),
            "problem": numbers.problem,
        }

    def _sample_type(self, sample: str) -> str:
        name = sample.casefold()
        if name in self.standards:
            return "standard"
        return "control" if name in self.controls else sample_type_of(sample)

    def _qc_flag(self, well: _Well, analyte: Analyte, reading: Reading) -> str | None:
        if reading.qc_flag == "not_reported" and well.cell("Median", analyte).casefold() == "nan":
            return "empty_well"
        match = _LOCATION.fullmatch(well.location)
        has_warning = match is not None and f"{match[1]},{match[2]}" in self.warnings
        return "warning" if reading.qc_flag == "pass" and has_warning else reading.qc_flag

    def _limits(self) -> dict[tuple[Analyte, str], tuple[float | None, float | None]]:
        """(lloq, uloq) by analyte and dilution: from the '< x' and '> x' of wells of the same dilution.

        Where texts of one dilution differ, the narrower range counts. Without such a text, undiluted wells have the
        lowest and the highest standard; for diluted ones one would have to guess whether the software multiplied.
        """
        lower: dict[tuple[Analyte, str], float] = {}
        upper: dict[tuple[Analyte, str], float] = {}
        for (location, analyte), reading in self.readings.items():
            key = (analyte, self.dilutions.get(location, ""))
            if reading.limit is not None and reading.operator == "<":
                lower[key] = max(reading.limit, lower.get(key, reading.limit))
            elif reading.limit is not None:
                upper[key] = min(reading.limit, upper.get(key, reading.limit))
        for analyte in self.analytes:
            texts = (line.get(analyte, "") for line in self.standards.values())
            curve = [number for text in texts if (number := read_number(text, self.decimal)) and number > 0]
            for dilution in ("", "1") if curve else ():
                lower.setdefault((analyte, dilution), min(curve))
                upper.setdefault((analyte, dilution), max(curve))
        return {key: (lower.get(key), upper.get(key)) for key in lower.keys() | upper.keys()}


def _wells(blocks: dict[str, WellBlock]) -> list[_Well]:
    """The wells of all blocks in the order in which they first appear."""
    wells: dict[str, _Well] = {}
    for name, block in blocks.items():
        for row in block.rows:
            well = wells.setdefault(row.location, _Well(row.location, row.sample, row.total_events))
            if row.problem:
                well.problems.append(row.problem)
            if name in well.cells:
                well.problems.append(f"block {name} holds the location twice")
            if row.sample != well.sample:
                well.problems.append("the blocks name different samples at this location")
            well.cells[name] = dict(zip(block.analytes, row.cells, strict=True))
    return list(wells.values())


def _warnings(export: Export) -> dict[str, str]:
    """Messages of the instrument by '<plate>,<well>', several joined by '; '."""
    messages: dict[str, list[str]] = {}
    for line in export.blocks.get("warnings/errors", [])[1:]:
        if len(line) > 2:
            messages.setdefault(line[0].replace(" ", ""), []).append(" ".join(line[2].split()))
    return {place: "; ".join(texts) for place, texts in messages.items()}


XPONENT = Format("luminex_xponent", LOOKED_FOR, is_xponent, read_xponent, CYTOKINE, version=2)
