"""MAF files: real, gzipped, odd and damaged."""

import gzip
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Probe, RawFile, recognise
from ingestion.sources.mutations import SOURCE
from ingestion.sources.mutations.definitions import MAFTOOLS
from ingestion.sources.mutations.maf import MAF

HEADER = (
    "Hugo_Symbol\tChromosome\tStart_Position\tEnd_position\tVariant_Classification\tReference_Allele\t"
    "Tumor_Seq_Allele1\tTumor_Seq_Allele2\tTumor_Sample_Barcode\tNCBI_Build\n"
)


def read(content: str | bytes, name: str = "data_mutations.txt") -> list[dict[str, object]]:
    """Records without their null columns."""
    data = content.encode() if isinstance(content, str) else content
    assert recognise(SOURCE.formats, Probe.of(name, data)) is MAF
    records = [r for batch in MAF.read(RawFile(name, data), Site()) for r in batch.to_pylist()]
    return [{k: v for k, v in r.items() if v is not None} for r in records]


def test_the_laml_cohort_by_the_classes_of_maftools(shared_data: Path) -> None:
    path = shared_data / "mutation/tcga_laml.maf.gz"
    assert recognise(SOURCE.formats, Probe.at(path)) is MAF
    records = [r for batch in MAF.read(RawFile.at(path), Site()) for r in batch.to_pylist()]
    counted = Counter(r["sample_id"] for r in records if r["variant_class"] in MAFTOOLS.classes)
    # 193 samples are in the file; one has no non-synonymous mutation.
    assert (len(records), len({r["sample_id"] for r in records})) == (2207, 193)
    assert (sum(counted.values()), len(counted), max(counted.values())) == (1732, 192, 34)
    assert records[0]["end_position"] == "67170917"  # 'End_position' in the file
    assert not any(r["problem"] for r in records)


def test_comments_blank_lines_any_case_and_missing_cells() -> None:
    rows = (
        "TP53\tchr17\t7577538\t7577538\tMissense_Mutation\tC\tC\tT\tS1\t37\n"
        "PTEN\t10\tNA\tNA\tSomething_New\t-\t-\tA\tS1\tGRCh37\n"
        "EGFR\t7\t55\t55\tIn_Frame_Del\tGAA\t-\tGAA\tS1\t\n"  # the mutated allele stands first
    )
    records = read("#version 2.4\t\t\n\n" + HEADER + rows)
    assert records == [
        {"file_row": 0, "sample_id": "S1", "hugo_symbol": "TP53", "chromosome": "chr17", "start_position": "7577538",
         "end_position": "7577538", "reference_allele": "C", "alternate_allele": "T",
         "variant_class": "Missense_Mutation", "genome_build": "37"},
        {"file_row": 1, "sample_id": "S1", "hugo_symbol": "PTEN", "chromosome": "10", "reference_allele": "-",
         "alternate_allele": "A", "variant_class": "Something_New", "genome_build": "GRCh37"},
        {"file_row": 2, "sample_id": "S1", "hugo_symbol": "EGFR", "chromosome": "7", "start_position": "55",
         "end_position": "55", "reference_allele": "GAA", "alternate_allele": "-", "variant_class": "In_Frame_Del"},
    ]  # fmt: skip


@pytest.mark.parametrize("convert", [
    lambda text: text.replace("\n", "\r").encode(),
    lambda text: text.replace("\n", "\r\n").encode("utf-8-sig"),
    lambda text: gzip.compress(text.encode()),
    lambda text: text.encode("utf-16"),
], ids=["CR", "CRLF and BOM", "gzip", "UTF-16"])  # fmt: skip
def test_line_ends_encodings_and_gzip(convert: object) -> None:
    text = HEADER + "TP53\t17\t1\t1\tSilent\tC\tC\tT\tS1\t37\n"
    assert read(convert(text)) == read(text)  # type: ignore[operator]


def test_a_stray_quote_and_a_short_row() -> None:
    records = read(HEADER + '5"\t17\t1\t1\tSilent\tC\tC\tT\tS1\t37\nTP53\t17\t2\n')
    assert [(r["hugo_symbol"], r.get("problem")) for r in records] == [
        ('5"', None),
        ("TP53", "the row has 3 cells where the header has 10"),
    ]


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("Hugo_Symbol\tChromosome\tStart_Position\n", "Variant_Classification, Tumor_Sample_Barcode"),
        ("Hugo_Symbol\tVariant_Classification\tSample\n", "Tumor_Sample_Barcode"),
        ("Gene\tReference_Allele\tNCBI_Build\n", "Hugo_Symbol, Variant_Classification, Tumor_Sample_Barcode"),
    ],
)
def test_a_maf_without_its_columns_is_refused_by_their_names(header: str, named: str) -> None:
    with pytest.raises(FileError, match=f"lacks its columns {named};"):
        read(header + "TP53\t17\t1\n")


def test_a_table_in_a_file_named_maf_is_refused_as_a_maf() -> None:
    with pytest.raises(FileError, match="lacks its columns"):
        read("gene\tsample\nTP53\tS1\n", name="calls.maf")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"Hugo_Symbol\tEntrez_Gene_Id\tS1\tS2\nTP53\t7157\t0\t-1\n",
        b"gene,sample\n",
        b"\x89PNG\x00\x00",
        b"\x1f\x8b\x08 not a gzip file",
    ],
)
def test_other_files_are_no_maf(content: bytes) -> None:
    assert recognise(SOURCE.formats, Probe.of("data_cna.txt", content)) is None


def test_a_cut_gzip_file_is_refused() -> None:
    rows = "".join(f"TP53\t17\t{i}\t{i}\tSilent\tC\tC\tT\tS{i}\t37\n" for i in range(2000))
    content = gzip.compress((HEADER + rows).encode())
    with pytest.raises(FileError, match="gzip file is cut or damaged"):
        read(content[:-100])


def test_a_gzip_file_that_swells_without_end_is_refused() -> None:
    bomb = gzip.compress(HEADER.encode() + b"TP53\t17\n" * 20_000_000, 1)
    assert len(bomb) < 1_000_000
    with pytest.raises(FileError, match="holds more than 100 times its size"):
        read(bomb)


@settings(max_examples=150)
@given(data=st.data())
def test_damaged_bytes_give_records_or_a_file_error(data: st.DataObject) -> None:
    text = "#version 2.4\n" + HEADER + "".join(f"TP53\t17\t{i}\t{i}\tSilent\tC\tC\tT\tS{i}\t37\n" for i in range(5))
    content = bytearray(gzip.compress(text.encode()) if data.draw(st.booleans()) else text.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.integers(0, len(content)))])
    recognise(SOURCE.formats, Probe.of("x.maf.gz", damaged))
    try:
        records = [r for batch in MAF.read(RawFile("x.maf", damaged), Site()) for r in batch.to_pylist()]
    except FileError:
        return
    assert [r["file_row"] for r in records] == list(range(len(records)))
