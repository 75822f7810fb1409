"""VCFs: the tumour's called alleles, in the terms of a MAF."""

import gzip
import tempfile
import time
from pathlib import Path

import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Probe, RawFile
from ingestion.sources.mutations import SOURCE
from ingestion.sources.mutations.vcf import STRUCTURAL, VCF
from ingestion.sources.mutations.vcf_alleles import trimmed
from ingestion.sources.mutations.vcf_text import BGZF_END
from tests.ingestion.mutations.vcfs import PAIR, SNPEFF, VEP, VEP_FIELDS, annotated, csq, vcf

CALLED = "chr1 100 . C T . PASS . GT:AD 0/0:30,0 0/1:30,10"


def read(content: str | bytes, name: str = "P1.vcf") -> list[dict[str, object]]:
    """Records without their null columns."""
    data = content.encode() if isinstance(content, str) else content
    assert [f.name for f in SOURCE.formats if f.recognise(Probe.of(name, data))] == ["vcf"]
    records = [r for batch in VCF.read(RawFile(name, data), Site()) for r in batch.to_pylist()]
    return [{k: v for k, v in r.items() if v is not None} for r in records]


def alleles(content: str) -> list[tuple[object, ...]]:
    keys = ("start_position", "end_position", "reference_allele", "alternate_allele")
    return [tuple(r.get(k) for k in keys) for r in read(content)]


def test_a_call_in_the_terms_of_a_maf() -> None:
    line = f"chr1 100 . C T . PASS SOMATIC;CSQ={csq('missense_variant')} GT:AD:AF:DP 0/0:30,0:0.01:30 0/1:30,10:0.23:41"
    assert read(annotated(line)) == [
        {"file_row": 0, "sample_id": "P1-T", "genome_build": "GRCh38", "chromosome": "chr1", "start_position": "100",
         "end_position": "100", "reference_allele": "C", "alternate_allele": "T", "hugo_symbol": "TP53",
         "variant_class": "Missense_Mutation", "mutation_status": "Somatic", "annotation": "CSQ",
         "t_ref_count": "30", "t_alt_count": "10", "t_depth": "41", "vaf_percent": "23"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("position", "reference", "alternate", "start", "end", "maf"),
    [
        (100, "C", "T", 100, 100, ("C", "T")),
        (100, "CA", "TG", 100, 101, ("CA", "TG")),
        (100, "CAG", "C", 101, 102, ("AG", "-")),
        (100, "C", "CAG", 100, 101, ("-", "AG")),
        (100, "CTT", "CT", 101, 101, ("T", "-")),  # left of its repeat, as callers write it
        (100, "CTT", "GT", 100, 101, ("CT", "G")),
        (100, "c", "t", 100, 100, ("C", "T")),
    ],
)
def test_alleles_are_trimmed_as_in_a_maf(
    position: int, reference: str, alternate: str, start: int, end: int, maf: tuple[str, str]
) -> None:
    allele = trimmed(position, reference, alternate)
    assert (allele.start, allele.end, (allele.reference, allele.alternate)) == (start, end, maf)


@given(st.text("ACGT", min_size=1, max_size=8), st.text("ACGT", min_size=1, max_size=8), st.integers(1, 1000))
def test_a_trimmed_allele_gives_the_same_sequence(reference: str, alternate: str, position: int) -> None:
    allele = trimmed(position, reference, alternate)
    first, second = allele.reference.replace("-", ""), allele.alternate.replace("-", "")
    at = allele.start - position + (not first)  # an insertion starts at the base before it
    assert reference[:at] + first + reference[at + len(first) :] == reference
    assert reference[:at] + second + reference[at + len(first) :] == alternate
    assert reference == alternate or not (first and second and first[0] == second[0])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("1 100 . C T,G . PASS . GT:AD 0/0:30,0,0 0/1/2:30,10,5", [("T", "10"), ("G", "5")]),
        ("1 100 . C T,G . PASS . GT:AD 0/0:30,0,0 0/2:30,1,5", [("G", "5")]),
        ("1 100 . C T,<NON_REF> . PASS . GT:AD 0/0:30,0,0 0/1:30,10,0", [("T", "10")]),
        ("1 100 . C T,* . PASS . GT:AD 0/0:30,0,0 1/2:30,10,9", [("T", "10")]),
        ("1 100 . C T . . . GT:AD 0/0:30,0 0/1:30,10", [("T", "10")]),
        ("1 100 . C T . PASS . DP:AU:CU:GU:TU 30:0,0:30,30:0,0:0,0 40:0,0:30,31:0,0:10,11", [("T", "10")]),  # Strelka
        ("1 100 . CT C . PASS . DP:TAR:TIR 30:30,30:0,0 40:30,30:10,10", [("-", "10")]),
        ("1 100 . C T . PASS SS=2 GT:DP:RD:AD:FREQ 0/0:9:9:0:0% 0/1:13:9:4:30.77%", [("T", "4")]),  # VarScan
        ("1 100 . C T . PASS . GT:RO:AO 0/0:9:0 0/1:9:4", [("T", "4")]),  # freebayes
        ("1 100 . C T . PASS . GT:DP4 0/0:5,4,0,0 0/1:5,4,2,2", [("T", "4")]),
        ("1 100 . CT C . PASS . GT:AD 0/0:30,0 0/0:43,4", [("-", "4")]),  # Pindel
        ("1 100 . C T . PASS . GT . .", [("T", None)]),
        ("1 100 . C T . PASS . GT:AD:FT 0/0:30,0:PASS 0/1:30,10:PASS", [("T", "10")]),
        # not called
        ("1 100 . C T . weak_evidence . GT:AD 0/0:30,0 0/1:30,10", []),
        ("1 100 . C T . PASS;clustered . GT:AD 0/0:30,0 0/1:30,10", []),
        ("1 100 . C T . PASS . GT:AD:FT 0/0:30,0:PASS 0/1:30,10:LowQual", []),
        ("1 100 . C T . PASS . GT:AD 0/1:30,10 0/0:30,0", []),
        ("1 100 . C T . PASS . GT 0/1 0/0", []),
        ("1 100 . C . . PASS . GT:AD 0/0:30 0/0:30", []),
        ("1 100 . C <NON_REF> . PASS END=200 GT:DP 0/0:30 0/0:30", []),
        ("1 100 . C T . PASS SS=3 GT:AD 0/1:30,10 1/1:0,10", []),  # loss of heterozygosity
    ],
)
def test_called_alleles_and_their_reads(line: str, expected: list[tuple[str, str | None]]) -> None:
    records = read(vcf(line, CALLED))[:-1]
    assert [(r["alternate_allele"], r.get("t_alt_count")) for r in records] == expected
    assert not any("problem" in r for r in records)


def test_a_bomb_of_short_lines_is_refused_at_once() -> None:
    bomb = gzip.compress(vcf(CALLED).encode() + b"1\t2\n" * 5_000_000, 1)
    with pytest.raises(FileError, match="fewer columns than the"):
        read(bomb, "P1.vcf.gz")


def test_what_is_germline_by_the_caller_is_kept_as_that() -> None:
    lines = (f"1 10{ss} . C T . PASS SS={ss} GT:AD 0/0:30,0 0/1:30,10" for ss in (1, 2, 5))
    assert [r.get("mutation_status") for r in read(vcf(*lines))] == ["Germline", "Somatic", None]


@pytest.mark.parametrize("alternate", ["<DEL>", "<DUP:TANDEM>", "C[2:321682[", "]13:123456]C", "C.", "T,<DEL>"])
def test_structural_alleles_are_kept_as_problems(alternate: str) -> None:
    genotype = "0/2" if "," in alternate else "0/1"
    structural, small = read(vcf(f"1 100 . C {alternate} . PASS SVTYPE=BND GT 0/0 {genotype}", CALLED))
    assert (structural["problem"], structural.get("alternate_allele")) == (STRUCTURAL, None)
    assert "problem" not in small


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1 x . C T . PASS . GT 0/0 0/1", "POS is not a position from 1"),
        ("1 0 . C T . PASS . GT 0/0 0/1", "POS is not a position from 1"),
        ("1 100 . 7 T . PASS . GT 0/0 0/1", "REF holds no bases"),
        (f"1 100 . C {','.join('T' * 256)} . PASS . GT 0/0 0/1", "the line has more than 255 alleles"),
        ("1 100 . C T . PASS", "the line has 7 columns where the tumour's is number 11"),
        ("1 100 . C T . PASS . GT 0/0", "the line has 10 columns where the tumour's is number 11"),
    ],
)
def test_a_bad_line_says_so_and_spoils_no_other(line: str, problem: str) -> None:
    bad, good = read(vcf(line, CALLED))
    assert (bad["problem"], good.get("problem")) == (problem, None)


@pytest.mark.parametrize(
    ("header", "samples", "name", "sample"),
    [
        (PAIR, ("P1-T", "P1-N"), "x.vcf", "P1-T"),
        (("##PEDIGREE=<Derived=B,Original=A>",), ("A", "B"), "x.vcf", "B"),
        (('##SAMPLE=<ID=B,Description="Primary tumour, frozen">',), ("A", "B"), "x.vcf", "B"),
        (("##normal_sample=A",), ("A", "B"), "x.vcf", "B"),
        ((), ("B",), "x.vcf", "B"),
        (("##SAMPLE=<ID=TUMOR,SampleName=TCGA-01A,File=x.bam>",), ("NORMAL", "TUMOR"), "x.vcf", "TCGA-01A"),
        (('##TUMOR="Sample=TCGA-01A,File=/tmp/x.bam"',), ("TUMOR", "NORMAL"), "P9.vcf", "TCGA-01A"),
        ((), ("NORMAL", "TUMOR"), "P1-T_vs_P1-N.mutect2.filtered.vcf.gz", "P1-T"),
        ((), ("NORMAL", "TUMOR"), "20240503_P1_somatic_snvs.vcf", "P1"),
        ((), ("NORMAL", "Tumor"), "TCGA-BT-A20W-01A.strelka.hg38.vcf", "TCGA-BT-A20W-01A"),
    ],
)
def test_the_tumour_sample(header: tuple[str, ...], samples: tuple[str, ...], name: str, sample: str) -> None:
    genotypes = " ".join("0/0" if s in ("A", "P1-N", "NORMAL") else "0/1" for s in samples)
    [record] = read(vcf(f"1 100 . C T . PASS . GT {genotypes}", header=header, samples=samples), name)
    assert record["sample_id"] == sample


@pytest.mark.parametrize(
    ("header", "samples", "name", "sentence"),
    [
        ((), ("A", "B"), "P1.vcf", "2 samples and does not say which one is the tumour"),
        (("##tumor_sample=A", "##tumor_sample=B"), ("A", "B"), "P1.vcf", "does not say which one"),
        ((), (), "P1.vcf", "no sample column"),
        ((), ("NORMAL",), "P1.vcf", "a normal sample alone"),
        (("##normal_sample=A",), ("A",), "P1.vcf", "a normal sample alone"),
        ((), ("A", "A"), "P1.vcf", "names a sample column twice"),
        ((), ("NORMAL", "TUMOR"), "somatic.snvs.vcf.gz", "Nothing tells whose tumour it is"),
        ((), ("NORMAL", "TUMOR"), "2024-05-03_strelka2.vcf", "Nothing tells whose tumour it is"),
        ((), ("NORMAL", "TUMOR"), "tumor.vcf", "Nothing tells whose tumour it is"),
    ],
)
def test_what_does_not_tell_its_tumour_is_refused(
    header: tuple[str, ...], samples: tuple[str, ...], name: str, sentence: str
) -> None:
    with pytest.raises(FileError, match=sentence) as refused:
        read(vcf(f"1 100 . C T . PASS . GT {' '.join('0/1' for _ in samples)}", header=header, samples=samples), name)
    assert not any(s in str(refused.value) for s in ("P1.vcf", "somatic.snvs"))


@pytest.mark.parametrize(
    ("header", "build"),
    [
        (("##contig=<ID=chr21,length=46709983>", "##reference=hg19.fa"), "GRCh38"),  # a length is no matter of names
        (("##contig=<ID=21,length=48129895>",), "GRCh37"),
        (("##contig=<ID=21,length=48129895>", "##contig=<ID=1,length=248956422>"), None),
        (("##contig=<ID=21,length=7,assembly=b37>",), "GRCh37"),
        (("##reference=file:///ref/Homo_sapiens.GRCh38.dna.fa",), "GRCh38"),
        (("##reference=HG19",), "GRCh37"),
        (('##VEP="v104" assembly="GRCh38.p13"',), "GRCh38"),
        (("##reference=GRCm38.fa",), "GRCm38"),
        (("##reference=GRCh38.fa", "##assembly=hg19"), None),
        ((), None),
    ],
)
def test_the_genome_build(header: tuple[str, ...], build: str | None) -> None:
    [record] = read(vcf(CALLED, header=(*PAIR, *header)))
    assert record.get("genome_build") == build


def test_effects_of_several_alleles_go_to_their_own() -> None:
    by_name = f"{csq('stop_gained', allele='G')},{csq('missense_variant', allele='T')}"
    by_number = f"{csq('stop_gained', allele='-', number='2')},{csq('missense_variant', allele='-', number='1')}"
    cut = f"{csq('frameshift_variant', allele='-')},{csq('inframe_insertion', allele='TAAA')}"
    lines = (
        f"1 100 . C T,G . PASS CSQ={by_name} GT 0/0 1/2",
        f"1 200 . C T,G . PASS CSQ={by_number} GT 0/0 1/2",
        f"1 300 . CT C,CTAAA . PASS CSQ={cut} GT 0/0 1/2",
    )
    assert [(r["alternate_allele"], r["variant_class"]) for r in read(annotated(*lines))] == [
        ("T", "Missense_Mutation"), ("G", "Nonsense_Mutation"),
        ("T", "Missense_Mutation"), ("G", "Nonsense_Mutation"),
        ("-", "Frame_Shift_Del"), ("AAA", "In_Frame_Ins"),
    ]  # fmt: skip


def test_snpeff() -> None:
    ann = (
        "G|upstream_gene_variant|MODIFIER|WRAP53|g|transcript|t|protein_coding||c.1,"
        "T|splice_region_variant&intron_variant|LOW|TP53|g|transcript|t|protein_coding|2/9|c.2"
    )
    [record] = read(vcf(f"1 100 . C T . PASS ANN={ann} GT 0/0 0/1", header=(*PAIR, SNPEFF)))
    assert (record["hugo_symbol"], record["variant_class"], record["annotation"]) == ("TP53", "Splice_Region", "ANN")


def test_no_annotation_is_no_class_and_a_gap_in_one_is_between_genes() -> None:
    bare = "1 200 . C T . PASS . GT 0/0 0/1"
    stripped = vcf(bare, header=(*PAIR, VEP.format(VEP_FIELDS)))  # the header alone proves nothing
    for content in (vcf(bare), stripped):
        [record] = read(content)
        assert (record["annotation"], record.get("variant_class")) == ("none", None)
    partly = annotated(f"1 100 . C T . PASS CSQ={csq('stop_gained')} GT 0/0 0/1", bare)
    assert [r["variant_class"] for r in read(partly)] == ["Nonsense_Mutation", "Targeted_Region"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (vcf(f"1 100 . C T . PASS CSQ={csq('stop_gained')} GT 0/0 0/1"), "does not name the fields"),
        (vcf(CALLED, header=(*PAIR, "##filtering_status=Warning: unfiltered Mutect 2 calls.")), "unfiltered Mutect2"),
        ("##fileformat=VCFv4.2\n1\t100\t.\tC\tT\n", "no header line"),
        ("##fileformat=VCFv4.2\n", "no header line"),
        ("##fileformat=VCFv4.2\n#CHROM\tPOS\tREF\n", "lacks columns"),
        (gzip.compress(b"BCF\2\2\0\0", mtime=0), "BCF"),
        (gzip.compress((vcf(CALLED) * 500).encode(), mtime=0)[:-30], "gzip file is cut or damaged"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(content: str | bytes, sentence: str) -> None:
    with pytest.raises(FileError, match=sentence):
        read(content)


@pytest.mark.parametrize("convert", [
    lambda text: text.replace("\n", "\r\n").encode("utf-8-sig"),
    lambda text: text.encode("utf-16"),
    lambda text: gzip.compress(text.encode()),
    lambda text: gzip.compress(text[:300].encode()) + gzip.compress(text[300:].encode()),
], ids=["CRLF and BOM", "UTF-16", "gzip", "gzip in blocks"])  # fmt: skip
def test_line_ends_encodings_and_gzip(convert: object) -> None:
    text = annotated(f"1 100 . C T . PASS CSQ={csq('stop_gained')} GT 0/0 0/1", CALLED)
    assert read(convert(text)) == read(text)  # type: ignore[operator]


def test_a_name_in_windows_1252_stays_itself() -> None:
    text = vcf("1 100 . C T . PASS . GT 0/1", header=(), samples=("Zoé-1",))
    assert read(text.encode("cp1252"))[0]["sample_id"] == read(text)[0]["sample_id"] == "Zoé-1"


def test_a_bgzip_file_that_lacks_its_end_is_refused(tmp_path: Path) -> None:
    plain, packed = tmp_path / "P1.vcf", tmp_path / "P1.vcf.gz"
    plain.write_text(vcf(CALLED))
    pysam.tabix_compress(str(plain), str(packed))
    whole = packed.read_bytes()
    assert whole.endswith(BGZF_END)
    assert read(whole) == read(vcf(CALLED))
    with pytest.raises(FileError, match="lacks the empty block"):
        read(whole[: -len(BGZF_END)])


def test_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.sources.mutations.vcf_text.FREE_BYTES", 1 << 20)
    monkeypatch.setattr("ingestion.sources.mutations.vcf_text.MAX_RATIO", 50)
    lines = vcf(CALLED).encode() + b"1\t100\t.\tC\tT\t.\tlow\t.\tGT\t0/0\t0/1\n" * 100_000
    with pytest.raises(FileError, match="unpacks to more than"):
        read(gzip.compress(lines))
    monkeypatch.setattr("ingestion.sources.mutations.vcf_text.MAX_LINE", 1 << 16)
    with pytest.raises(FileError, match="longer than"):
        read(gzip.compress(vcf(CALLED).encode() + b"A" * (1 << 17)))


@pytest.mark.parametrize("line", ["##SAMPLE=<" + "a" * 300_000, "##INFO=<" + 'a="\\' * 300_000])
def test_a_damaged_header_line_takes_no_time(line: str) -> None:
    started = time.monotonic()
    [record] = read(vcf(CALLED, header=(*PAIR, line)))
    assert record["sample_id"] == "P1-T"
    assert time.monotonic() - started < 10  # a search that starts over at each letter takes minutes


BASES = st.text("ACGT", min_size=1, max_size=4)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 10_000), BASES, st.lists(BASES, min_size=1, max_size=3, unique=True),
                          st.sampled_from(["PASS", ".", "low"])), min_size=1, max_size=8))  # fmt: skip
def test_reads_what_htslib_reads(lines: list[tuple[int, str, list[str], str]]) -> None:
    """pysam as the oracle, on files without damage: alleles, filters and depths of both readers agree."""
    text = vcf(
        *(
            f"1 {pos} . {ref} {','.join(alts)} . {status} . GT:AD 0/0:9{',0' * len(alts)} "
            f"{'/'.join(map(str, range(len(alts) + 1)))}:{','.join(map(str, range(7, 8 + len(alts))))}"
            for pos, ref, alts, status in lines
        ),
        header=(
            *PAIR,
            "##contig=<ID=1>",
            '##FILTER=<ID=low,Description="x">',
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">',
            '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">',
        ),
    )
    with tempfile.NamedTemporaryFile("w", suffix=".vcf") as file:
        file.write(text)
        file.flush()
        with pysam.VariantFile(file.name) as variants:
            expected = [
                (trimmed(r.pos, r.ref, alt), r.samples["P1-T"]["AD"][i + 1])
                for r in variants
                if set(r.filter) <= {"PASS"}
                for i, alt in enumerate(r.alts or ())
            ]
    found = [
        (
            int(str(r["start_position"])),
            str(r["reference_allele"]),
            str(r["alternate_allele"]),
            int(str(r["t_alt_count"])),
        )
        for r in read(text)
    ]
    assert found == [(a.start, a.reference, a.alternate, depth) for a, depth in expected]


@settings(max_examples=300)
@given(data=st.data())
def test_damaged_bytes_give_records_or_a_file_error(data: st.DataObject) -> None:
    text = annotated(
        *(f"1 {i}00 . CT C,G . PASS CSQ={csq('stop_gained')} GT:AD 0/0:3,0,0 0/1:3,1,1" for i in range(1, 5))
    )
    content = bytearray(gzip.compress(text.encode()) if data.draw(st.booleans()) else text.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.integers(0, len(content)))])
    VCF.recognise(Probe.of("x.vcf.gz", damaged))
    try:
        records = [r for batch in VCF.read(RawFile("P1.vcf", damaged), Site()) for r in batch.to_pylist()]
    except FileError:
        return
    assert [r["file_row"] for r in records] == list(range(len(records)))
