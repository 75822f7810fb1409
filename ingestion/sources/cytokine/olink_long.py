"""Olink long CSV (`SampleID;Index;OlinkID;UniProt;Assay;...;NPX`): one line an assay of a sample.

Target 96 and Explore 384/3072 share the form. The separator is found from the header; a decimal comma is read as well
as a point, since an NPX has no thousands. A file whose lines all have the header's number of cells is split by Arrow;
any other takes the slow way, which keeps each odd line with its problem.
"""

import csv
from collections.abc import Iterator
from io import BytesIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

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
from ingestion.sources.cytokine.values import read_values
from ingestion.text import read_delimited, separator_of

LOOKED_FOR = "a text table with columns SampleID, OlinkID, Assay, PlateID and NPX"
BATCH_ROWS = 65_536
_REQUIRED = ("sampleid", "olinkid", "assay", "plateid", "npx")
_EXPLORE_ONLY = ("exploreversion", "block", "assaywarning", "assayqc", "sampletype")


def _header(line: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([line], delimiter=separator_of(line)), [])]
    except csv.Error:
        return []


def is_olink_long(probe: Probe) -> bool:
    """Whether the first line that is not blank names the columns."""
    first = next((line for line in probe.lines if line.strip()), "")
    return set(_REQUIRED) <= {fold(name) for name in _header(first)}


def read_olink_long(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Raw records of a long table in its order. Raises FileError where a column is missing or named twice."""
    table, problems = _table(file.text)
    folded = [fold(name) for name in table.column_names]
    twice = [name for name in _REQUIRED if folded.count(name) > 1]
    missing = [name for name in _REQUIRED if name not in folded]
    if twice or missing:
        wrong = "names a column twice" if twice else f"lacks {len(missing)} columns"
        raise FileError(f"The header of the Olink table {wrong}; expected {LOOKED_FOR}.")
    columns = dict(zip(folded, table.columns, strict=True))
    whole = _raw(columns, problems, table.num_rows)
    for start in range(0, whole.num_rows, BATCH_ROWS):
        yield whole.slice(start, BATCH_ROWS)


def _table(text: str) -> tuple[pa.Table, pa.Array]:
    """All columns as text, and for each row its problem or null. Lines without any value are left out."""
    text = text.lstrip("\n")
    header = _header(text.split("\n", 1)[0])
    separator = separator_of(text.split("\n", 1)[0])
    try:
        table = pa_csv.read_csv(
            BytesIO(text.encode("utf-8", errors="replace")),
            read_options=pa_csv.ReadOptions(column_names=header, skip_rows=1),
            parse_options=pa_csv.ParseOptions(delimiter=separator),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=True, null_values=["", "NA"]
            ),
        )
        has_value = pa.chunked_array([pa.nulls(table.num_rows, pa.bool_())]).fill_null(False)
        for column in table.columns:
            has_value = pc.or_(has_value, pc.is_valid(column))
        table = table.filter(has_value).combine_chunks()
        return table, pa.nulls(table.num_rows, pa.string())
    except pa.ArrowInvalid:
        rows = read_delimited(text, separator)
        arrays = [pc.if_else(pc.equal(rows.array(n), "NA"), pa.scalar(None, pa.string()), rows.array(n))
                  for n in rows.columns]
        return pa.table(arrays, names=list(rows.columns)), pa.array(rows.problems, pa.string())


def _raw(columns: dict[str, pa.ChunkedArray], problems: pa.Array, n: int) -> pa.RecordBatch:
    def text(*names: str) -> pa.Array:
        """The first of these columns that the file has; all null where it has none."""
        column = next((columns[name] for name in names if name in columns), None)
        if column is None:
            return pa.nulls(n, pa.string())
        array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        return pc.utf8_trim_whitespace(array)

    reported = text("npx")
    npx = read_values(pc.replace_substring(reported, ",", "."))
    readings = npx_readings(npx.value, pc.replace_substring(reported, ",", "."))
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


OLINK_LONG = Format("olink_long", LOOKED_FOR, is_olink_long, read_olink_long, CYTOKINE)
