"""Mutation Annotation Format (MAF), plain or gzipped; also cBioPortal's data_mutations files.

https://docs.gdc.cancer.gov/Data/File_Formats/MAF_Format/
"""

import gzip
import io
import zlib
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import FileError
from infra.settings import Site
from ingestion.columnar import TextColumns, find_name, header_of, read_columns
from ingestion.format import HEAD_BYTES, Format, Probe, RawFile
from ingestion.sources.mutations.raw import MAF_ROW
from ingestion.text import decode, is_binary

NEEDED = ("Hugo_Symbol", "Variant_Classification", "Tumor_Sample_Barcode")
MISSING = ("NA", "N/A", "NaN", ".", "[Not Available]", "__UNKNOWN__")
"""Cells that say 'no value' in a MAF. A dash is none of them: it is the empty allele."""

_TYPICAL = (
    *NEEDED,
    "Variant_Type",
    "Reference_Allele",
    "Tumor_Seq_Allele1",
    "Tumor_Seq_Allele2",
    "NCBI_Build",
    "Start_Position",
    "Matched_Norm_Sample_Barcode",
    "Mutation_Status",
)
# Columns taken over as they are: raw column -> names in the order of preference.
_PLAIN = {
    "sample_id": ("Tumor_Sample_Barcode",),
    "hugo_symbol": ("Hugo_Symbol",),
    "chromosome": ("Chromosome",),
    "start_position": ("Start_Position",),
    "end_position": ("End_Position",),
    "reference_allele": ("Reference_Allele",),
    "variant_class": ("Variant_Classification",),
    "mutation_status": ("Mutation_Status",),
    "genome_build": ("NCBI_Build",),
    "protein_change": ("HGVSp_Short", "Protein_Change", "Amino_Acid_Change"),
    "t_ref_count": ("t_ref_count",),
    "t_alt_count": ("t_alt_count",),
    "t_depth": ("t_depth",),
    "vaf_percent": ("i_TumorVAF_WU",),
}
_GZIP = b"\x1f\x8b"
_MOST_SWELLING = 100
_LEAST_LIMIT_BYTES = 16_000_000
_BATCH_ROWS = 65_536


def _head(probe: Probe) -> str:
    """The first lines as text, out of a gzip file too; empty for anything that is no text."""
    head = probe.head
    if head.startswith(_GZIP):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, HEAD_BYTES)
        except zlib.error:
            return ""
    return "" if is_binary(head) else decode(head)


def _recognise(probe: Probe) -> bool:
    """Two typical column names, so that a MAF that lacks needed ones is refused as a MAF, by their names."""
    text = _head(probe)
    header = header_of(text.split("\n"))
    typical = sum(find_name(header, name) is not None for name in _TYPICAL)
    return (
        typical >= 2
        or text.lower().lstrip("\n").startswith("#version 2.")
        or (bool(text.strip()) and ".maf" in probe.name.lower())
    )


def _gunzipped(content: bytes) -> bytes:
    """Raises FileError where the gzip file is damaged, or swells as no table of mutations does."""
    if not content.startswith(_GZIP):
        return content
    limit = max(_LEAST_LIMIT_BYTES, _MOST_SWELLING * len(content))
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            text = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise FileError("The gzip file is cut or damaged; expected a whole one.") from error
    if len(text) > limit:
        raise FileError(
            f"The gzip file holds more than {_MOST_SWELLING} times its size; expected a table, which holds about 10."
        )
    return text


def read_maf(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """One record a row. Raises FileError where needed columns are missing, and names them."""
    table = read_columns(decode(_gunzipped(raw.content)))
    missing = [name for name in NEEDED if table.name_of(name) is None]
    if missing:
        raise FileError(f"The MAF lacks its columns {', '.join(missing)}; expected {', '.join(NEEDED)} at least.")
    columns = {name: table.get(*names, missing=MISSING) for name, names in _PLAIN.items()}
    batch = MAF_ROW.batch(
        file_row=pa.array(range(table.n_rows), pa.int64()),
        problem=table.problems,
        alternate_allele=_alternate_allele(table),
        **columns,
    )
    for start in range(0, batch.num_rows, _BATCH_ROWS):
        yield batch.slice(start, _BATCH_ROWS)


def _alternate_allele(table: TextColumns) -> pa.Array | None:
    """Tumor_Seq_Allele2; where that is missing or repeats the reference, Tumor_Seq_Allele1."""
    second = table.get("Tumor_Seq_Allele2", missing=MISSING)
    first = table.get("Tumor_Seq_Allele1", missing=MISSING)
    reference = table.get("Reference_Allele", missing=MISSING)
    if second is None or first is None or reference is None:
        return first if second is None else second
    repeats_reference = pc.fill_null(pc.equal(second, reference), False)
    return pc.coalesce(pc.if_else(repeats_reference, first, second), second, first)


MAF = Format(
    name="maf",
    looked_for="a tab-separated table with columns such as Hugo_Symbol and Variant_Classification, plain or gzipped",
    recognise=_recognise,
    read=read_maf,
    raw=MAF_ROW,
)
