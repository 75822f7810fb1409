"""Olink Target 96 wide workbook (NPX Manager, NPX Signature): samples down, assays across, a footer below.

    <project>    | <software>            |     |          |
    NPX Data     |                       |     |          |
    Panel        | Olink INFLAMMATION    | ... | Olink... | Olink...
    Assay        | IL8                   | ... | Plate ID | QC Warning
    Uniprot ID   | P10145                | ... |          |
    OlinkID      | OID00471              | ... |          |
                 |                       |     |          |
    <sample>     | 6.24                  | ... | <plate>  | Pass
                 |                       |     |          |
    LOD          | 1.35                  | ... |          |
    Missing Data freq. | 0.05            | ... |          |

Several panels may stand side by side, each with its own Plate ID and QC Warning column at the right.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Format, Probe, RawFile
from ingestion.sources.cytokine.olink import (
    fold,
    map_distinct,
    npx_readings,
    olink_batch,
    replicate_numbers,
    sample_type,
)
from ingestion.sources.cytokine.raw import CYTOKINE
from ingestion.sources.cytokine.sheets import Cells, cell_text, content_of, sheets

LOOKED_FOR = "a workbook whose first rows begin with 'Panel', 'Assay', 'Uniprot ID' and 'OlinkID'"
_HEAD_ROWS = 15
_LABELS = ("panel", "assay", "uniprotid", "olinkid")
_LODS = ("lod", "maxlod", "platelod")
_FOOTER = (
    *_LODS,
    "missingdatafreq",
    "normalization",
    "assaywarning",
    "lloq",
    "uloq",
    "lowestquantifiablelevel",
    "unit",
)


@dataclass(frozen=True)
class _Assay:
    """One column of values, and where the plate and the QC of its panel stand (None: nowhere)."""

    column: int
    name: str | None
    uniprot: str | None
    olink_id: str
    panel: str | None
    plate_column: int | None
    qc_column: int | None


def is_olink_wide(probe: Probe) -> bool:
    """Whether the file is a workbook with a sheet of the form above."""
    content = content_of(probe)
    if content is None:
        return False
    try:
        return any(_labels(rows) is not None for _, rows in sheets(content))
    except FileError:
        return False


def read_olink_wide(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Raw records of a wide workbook, by sample and then by assay.

    Raises FileError where it is no whole workbook, has no sheet of the form, holds no NPX, or names no plates.
    """
    found = [(rows, labels) for _, rows in sheets(file.content) if (labels := _labels(rows)) is not None]
    if not found:
        raise FileError(f"The workbook holds no Olink sheet; expected {LOOKED_FOR}.")
    start = 0
    for rows, labels in found:
        batch = _batch(rows, labels, start)
        start += batch.num_rows
        yield batch


def _labels(rows: list[Cells]) -> dict[str, int] | None:
    """The numbers of the label rows (Panel, Assay, Uniprot ID, OlinkID), or None where one is missing."""
    found = {fold(row[0]): i for i, row in reversed(list(enumerate(rows[:_HEAD_ROWS]))) if row}
    return {label: found[label] for label in _LABELS} if all(label in found for label in _LABELS) else None


def _text(cell: object) -> str | None:
    return cell_text(cell) or None


def _batch(rows: list[Cells], labels: dict[str, int], start: int) -> pa.RecordBatch:
    _require_npx(rows[: labels["panel"]])
    assays = _assays([rows[labels[label]] for label in _LABELS])
    body = [row for row in rows[max(labels.values()) + 1 :] if any(_text(cell) for cell in row)]
    footer = next((i for i, row in enumerate(body) if fold(row[0]) in _FOOTER), len(body))
    samples, lods = body[:footer], _lods(body[footer:], assays)

    pairs = [(row, assay) for row in samples for assay in assays]
    cells = [row[assay.column] for row, assay in pairs]
    is_number = [isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells]
    reported = _strings(None if n else _text(c) for c, n in zip(cells, is_number, strict=True))
    numbers = [float(c) if isinstance(c, int | float) and n else None for c, n in zip(cells, is_number, strict=True)]
    readings = npx_readings(pa.array(numbers, pa.float64()), reported)
    names = [_text(row[0]) for row in samples]
    sample = _strings(name for name in names for _ in assays)
    plates = [_at(row, assay.plate_column) for row, assay in pairs]
    plate = _strings(plates)
    olink_id = _strings(assay.olink_id for _, assay in pairs)
    return olink_batch(
        file_row=pa.array(range(start, start + len(pairs)), pa.int64()),
        plate_id=plate,
        sample=sample,
        sample_types=map_distinct(sample, lambda name: sample_type(None, name)),
        assay=_strings(assay.name for _, assay in pairs),
        uniprot=_strings(assay.uniprot for _, assay in pairs),
        olink_id=olink_id,
        panel=_strings(assay.panel for _, assay in pairs),
        platform=_strings("olink_target" for _ in pairs),
        readings=readings,
        reported=reported,
        lod=pa.array(
            [
                lods.get((assay.column, at_plate), lods.get((assay.column, None)))
                for (_, assay), at_plate in zip(pairs, plates, strict=True)
            ],
            pa.float64(),
        ),
        qc=[_strings(_at(row, assay.qc_column) for row, assay in pairs)],
        replicate=replicate_numbers([plate, sample, olink_id], readings.value),
    )


def _strings(values: Iterator[str | None] | list[str | None]) -> pa.Array:
    return pa.array(list(values), pa.string())


def _at(row: Cells, column: int | None) -> str | None:
    return None if column is None else _text(row[column])


def _require_npx(title_rows: list[Cells]) -> None:
    """Target 48 and quantitative exports have the same form but other values."""
    titles = {fold(row[0]) for row in title_rows if row}
    if titles & {"ctdata", "quantifieddata", "quantdata", "ct", "quant"}:
        raise FileError("The Olink workbook holds Ct or quantified data; expected NPX data.")


def _assays(label_rows: list[Cells]) -> list[_Assay]:
    panels, names, uniprot, olink_ids = label_rows
    kinds = [{fold(row[j]) for row in label_rows} for j in range(len(names))]
    columns = [j for j in range(1, len(names)) if _text(olink_ids[j]) and not kinds[j] & {"plateid", "qcwarning"}]
    if not columns:
        raise FileError("The Olink workbook names no assay; expected an OlinkID above each column of values.")
    plate_columns = [j for j in range(1, len(names)) if "plateid" in kinds[j]]
    qc_columns = [j for j in range(1, len(names)) if "qcwarning" in kinds[j]]
    if not plate_columns:
        raise FileError("The Olink workbook has no column 'Plate ID'; expected one at the right of the assays.")
    order = list(dict.fromkeys(_text(panels[j]) for j in columns))

    def of_panel(candidates: list[int], panel: str | None) -> int | None:
        named = [j for j in candidates if _text(panels[j]) == panel]
        if named or not candidates:
            return named[0] if named else None
        return candidates[0] if len(candidates) == 1 else dict(zip(order, candidates, strict=False)).get(panel)

    return [
        _Assay(
            column=j,
            name=_text(names[j]),
            uniprot=_text(uniprot[j]),
            olink_id=_text(olink_ids[j]) or "",
            panel=_text(panels[j]),
            plate_column=of_panel(plate_columns, _text(panels[j])),
            qc_column=of_panel(qc_columns, _text(panels[j])),
        )
        for j in columns
    ]


def _lods(footer: list[Cells], assays: list[_Assay]) -> dict[tuple[int, str | None], float]:
    """LOD by column and plate; under plate None where a row of the footer names no plate."""
    lods: dict[tuple[int, str | None], float] = {}
    for row in footer:
        if fold(row[0]) not in _LODS:
            continue
        for assay in assays:
            cell = row[assay.column]
            if isinstance(cell, int | float) and not isinstance(cell, bool):
                lods.setdefault((assay.column, _at(row, assay.plate_column)), float(cell))
    return lods


OLINK_WIDE = Format("olink_wide", LOOKED_FOR, is_olink_wide, read_olink_wide, CYTOKINE, version=2)
