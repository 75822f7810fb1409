"""VCFs made for a test."""

from collections.abc import Sequence

VEP = '##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. Format: {}">'
VEP_FIELDS = "Allele|Consequence|IMPACT|SYMBOL|Feature|BIOTYPE|CANONICAL|ALLELE_NUM"
SNPEFF = (
    "##INFO=<ID=ANN,Number=.,Type=String,Description=\"Functional annotations: 'Allele | Annotation | "
    "Annotation_Impact | Gene_Name | Gene_ID | Feature_Type | Feature_ID | Transcript_BioType | Rank | HGVS.c' \">"
)
PAIR = ("##tumor_sample=P1-T", "##normal_sample=P1-N")


def vcf(*lines: str, header: Sequence[str] = PAIR, samples: Sequence[str] = ("P1-N", "P1-T")) -> str:
    """The text of a VCF; fields of a line between spaces."""
    columns = [
        "#CHROM",
        "POS",
        "ID",
        "REF",
        "ALT",
        "QUAL",
        "FILTER",
        "INFO",
        *(["FORMAT", *samples] if samples else []),
    ]
    rows = ["##fileformat=VCFv4.2", *header, "\t".join(columns), *("\t".join(line.split(" ")) for line in lines)]
    return "\n".join(rows) + "\n"


def csq(consequence: str, gene: str = "TP53", *, allele: str = "T", biotype: str = "protein_coding",
        canonical: str = "YES", number: str = "") -> str:  # fmt: skip
    """One entry of VEP's CSQ, in the order of VEP_FIELDS."""
    return f"{allele}|{consequence}|HIGH|{gene}|ENST1|{biotype}|{canonical}|{number}"


def annotated(*lines: str) -> str:
    """A VCF whose header names the fields of CSQ."""
    return vcf(*lines, header=(*PAIR, VEP.format(VEP_FIELDS), "##contig=<ID=chr1,length=248956422>"))
