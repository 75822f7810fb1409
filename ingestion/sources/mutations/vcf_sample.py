"""Which column of a VCF is the tumour, and whose it is. What can be read two ways is refused."""

import re

from infra.errors import FileError
from ingestion.sources.mutations.vcf_header import Header

_TUMOURS = {"tumor", "tumour", "dna_tumor", "dna_tumour", "primary"}
_NORMALS = {"normal", "dna_normal", "rna_normal", "germline", "blood"}
_PLACEHOLDERS = _TUMOURS | _NORMALS | {"sample", "sample1", "unknown", "default"}
"""Names of columns that callers write for every patient: as an identifier they would make one patient of all."""

# Words of file names that name a caller, a step or a kind of call, and no sample.
_WORDS = frozenset(
    {
        "somatic", "germline", "snv", "snvs", "snp", "snps", "indel", "indels", "sv", "svs", "variant",
        "variants", "call", "calls", "called", "raw", "pass", "passed", "filter", "filtered", "filt", "norm",
        "normalized", "normalised", "annotated", "anno", "ann", "vep", "snpeff", "csq", "mutect", "mutect2",
        "strelka", "strelka2", "varscan", "varscan2", "muse", "radia", "pindel", "sniper", "somaticsniper",
        "freebayes", "vardict", "lofreq", "caveman", "dragen", "manta", "sentieon", "deepsomatic", "consensus",
        "merged", "final", "output", "out", "result", "results", "hard", "sorted", "bcftools", "gatk", "vcf",
        "wes", "wgs", "wxs", "exome", "genome", "panel", "hg19", "hg38", "grch37", "grch38", "b37", "b38",
        "hs37d5", "test",
    }
)  # fmt: skip
_DATE = re.compile(r"\d{8}|\d{4}-\d{2}-\d{2}|v\d+")


def tumour_of(header: Header, file_name: str) -> tuple[int, str]:
    """Position among the sample columns, and identifier, of the tumour sample.

    The column, in this order: ##tumor_sample (Mutect2); a sample that ##PEDIGREE calls derived or ##SAMPLE tumour; a
    column named TUMOR or the like; the one sample that is not said to be normal. The identifier is the column's name.
    Where that is a word that callers write for every patient, it is the name in ##SAMPLE=<ID=TUMOR,SampleName=...>, or
    in ##TUMOR (MuSE), else in the file's name (see `sample_in`).
    Raises FileError where no sample, or more than one, may be the tumour, or nothing tells whose it is.
    """
    samples = header.samples
    if not samples:
        raise FileError("The VCF has no sample column; expected the tumour's genotypes after FORMAT.")
    if len(set(samples)) < len(samples):
        raise FileError("The VCF names a sample column twice; expected each sample once.")
    normal = {s for s in samples if s in header.normals or s.lower() in _NORMALS}
    stated = {s for s in samples if s in header.tumours} - normal
    named = {s for s in samples if s.lower() in _TUMOURS} - normal
    found = stated or named or set(samples) - normal
    if not found:
        raise FileError("The VCF holds a normal sample alone; expected the genotypes of a tumour.")
    if len(found) > 1:
        raise FileError(
            f"The VCF has {len(samples)} samples and does not say which one is the tumour; expected ##tumor_sample, "
            "##SAMPLE or ##PEDIGREE lines, columns named TUMOR and NORMAL, or a single sample."
        )
    [column] = found
    if column.lower() not in _PLACEHOLDERS:
        return samples.index(column), column
    names = (header.names.get(column.lower()), header.names.get("tumor"), sample_in(file_name))
    name = next((n for n in names if n and n.lower() not in _PLACEHOLDERS), None)
    if name is None:
        raise FileError(
            "Nothing tells whose tumour it is: the VCF names its sample by a word that callers write for each patient; "
            "expected its own name as column, in ##SAMPLE=<ID=...,SampleName=...>, or in the name of the file."
        )
    return samples.index(column), name


def sample_in(file_name: str) -> str | None:
    """The sample in the name of a VCF: `P1-T_vs_P1-N.mutect2.filtered.vcf.gz` is that of P1-T.

    Of the parts between points, the first that is more than names of callers, steps and dates, without these at its
    ends and without the normal after `_vs_`. None where no such part holds a digit: a name without one (`somatic.vcf`)
    rather stands in the folder of each patient.
    """
    stem = re.split(r"\.g?vcf\b", file_name, maxsplit=1, flags=re.IGNORECASE)[0]
    for part in re.split(r"_vs_|\.", stem):
        tokens = re.split(r"([_\s-]+)", part)
        while tokens and _says_nothing(tokens[-1]):
            tokens.pop()
        while tokens and _says_nothing(tokens[0]):
            tokens.pop(0)
        name = "".join(tokens)
        if name and not _DATE.fullmatch(name) and name.lower() not in _PLACEHOLDERS:
            return name if re.search(r"\d", name) else None
    return None


def _says_nothing(token: str) -> bool:
    return not token.strip("_- ") or token.lower() in _WORDS or _DATE.fullmatch(token) is not None
