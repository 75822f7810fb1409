"""Olink long CSV (`SampleID;Index;OlinkID;UniProt;Assay;...;NPX`): one line an assay of a sample.

Target 96 and Explore 384/3072 share the form. The separator is found from the header; a decimal comma is read as well
as a point, since an NPX has no thousands. Lines that hold nothing at all (a spreadsheet's padding) are no records.
"""

import csv
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import FileError
from infra.settings import Site
from ingestion.columnar import header_of, present, read_columns
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
from ingestion.sources.cytokine.values import read_values

LOOKED_FOR = "a text table with columns SampleID, OlinkID, Assay, PlateID and NPX"
BATCH_ROWS = 65_536
_REQUIRED = ("sampleid", "olinkid", "assay", "plateid", "npx")
_EXPLORE_ONLY = ("exploreversion", "block", "assaywarning", "assayqc", "sampletype")


def is_olink_long(probe: Probe) -> bool:
    """Whether the first line that is not blank names the columns."""
    try:
        return set(_REQUIRED) <= {fold(name) for name in header_of(probe.lines)}
    except csv.Error:
        return False


def read_olink_long(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Raw records of a long table in its order. Raises FileError where a column is missing or named twice."""
    try:
        table = read_columns(file.text)
    except csv.Error as error:
        raise FileError(f"The Olink table cannot be split into cells ({error}).") from error
    folded = [fold(name) for name in table.columns]
    twice = [name for name in _REQUIRED if folded.count(name) > 1]
    missing = [name for name in _REQUIRED if name not in folded]
    if twice or missing:
        wrong = "names a column twice" if twice else f"lacks {len(missing)} columns"
        raise FileError(f"The header of the Olink table {wrong}; expected {LOOKED_FOR}.")
    columns = {name: present(column, ("NA",)) for name, column in zip(folded, table.columns.values(), strict=True)}
    is_record = pa.array([False] * table.n_rows, pa.bool_())
    for column in columns.values():
        is_record = pc.or_(is_record, pc.is_valid(column))
    columns = {name: column.filter(is_record) for name, column in columns.items()}
    whole = _raw(columns, table.problems.filter(is_record))
    for start in range(0, whole.num_rows, BATCH_ROWS):
        yield whole.slice(start, BATCH_ROWS)


def _raw(columns: dict[str, pa.Array], problems: pa.Array) -> pa.RecordBatch:
    n = len(problems)

    def text(*names: str) -> pa.Array:
        """The first of these columns that the file has; all null where it has none."""
        return next((columns[name] for name in names if name in columns), pa.nulls(n, pa.string()))

    reported = text("npx")
    readings = npx_readings(pa.nulls(n, pa.float64()), pc.replace_substring(reported, ",", "."))
    sample, plate, olink_id, panel = text("sampleid"), text("plateid"), text("olinkid"), text("panel")
    well = pc.replace_substring_regex(text("wellid", "well"), "^([A-P])0", r"\1")
    lod = read_values(pc.replace_substring(text("lod", "maxlod", "platelod"), ",", "."))
    declared = pc.binary_join_element_wise(pc.fill_null(text("sampletype"), ""), pc.fill_null(sample, ""), "\x1f")
    is_explore = bool(set(_EXPLORE_ONLY) & set(columns))
    platform = map_distinct(
        panel, lambda name: "olink_explore" if is_explore or "explore" in (name or "").casefold() else "olink_target"
    )
    number = replicate_numbers([plate, sample, olink_id, panel], readings.value)
    return olink_batch(
        file_row=pa.array(range(n), pa.int64()),
        problem=problems,
        plate_id=plate,
        sample=sample,
        well=well,
        replicate=pc.if_else(pc.is_valid(well), pa.scalar(1, pa.int32()), number),
        sample_types=map_distinct(declared, lambda pair: sample_type(*pair.split("\x1f", 1))),
        assay=text("assay"),
        uniprot=text("uniprot", "uniprotid"),
        olink_id=olink_id,
        panel=panel,
        platform=platform,
        readings=readings,
        reported=reported,
        lod=lod.value,
        qc=[text("qcwarning", "sampleqc"), text("assaywarning", "assayqc")],
    )


OLINK_LONG = Format("olink_long", LOOKED_FOR, is_olink_long, read_olink_long, CYTOKINE, version=2)
