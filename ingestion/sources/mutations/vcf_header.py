"""What the header of a VCF says: its samples, the reference genome, the fields of the annotation.

Specification: https://samtools.github.io/hts-specs/VCFv4.3.pdf
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from infra.errors import FileError

FIXED = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
# In linear time on damaged lines: a key is tried at its first letter only, and a quote within a quoted text ends it
# (what is used here has none).
_PAIR = re.compile(r'(?<![\w.])([A-Za-z_][\w.]*)=("[^"]*"|[^,>"]*)')
_BUILD = re.compile(r"GRC[hm]\d\d|hg19|hg38|mm\d+|hs37d5|human_g1k_v37|(?<![A-Za-z0-9])b3[78](?![0-9])", re.IGNORECASE)
_BUILDS = {"hg19": "GRCh37", "hs37d5": "GRCh37", "human_g1k_v37": "GRCh37", "b37": "GRCh37"}
_BUILDS |= {"hg38": "GRCh38", "b38": "GRCh38", "grch37": "GRCh37", "grch38": "GRCh38"}

_GRCH37 = (
    249250621, 243199373, 198022430, 191154276, 180915260, 171115067, 159138663, 146364022, 141213431, 135534747,
    135006516, 133851895, 115169878, 107349540, 102531392, 90354753, 81195210, 78077248, 59128983, 63025520, 48129895,
    51304566, 155270560, 59373566,
)  # fmt: skip
_GRCH38 = (
    248956422, 242193529, 198295559, 190214555, 181538259, 170805979, 159345973, 145138636, 138394717, 133797422,
    135086622, 133275309, 114364328, 107043718, 101991189, 90338345, 83257441, 80373285, 58617616, 64444167, 46709983,
    50818468, 156040895, 57227415,
)  # fmt: skip
_NAMES = (*map(str, range(1, 23)), "X", "Y")
_LENGTHS = {
    **dict.fromkeys(zip(_NAMES, _GRCH37, strict=True), "GRCh37"),
    **dict.fromkeys(zip(_NAMES, _GRCH38, strict=True), "GRCh38"),
}
"""Lengths of the chromosomes by build (https://www.ncbi.nlm.nih.gov/grc/human/data): a length names its build."""

# SnpEff's fields stand in a fixed order (VCF annotation format 1.0); its header repeats them.
_ANN_FIELDS = (
    "Allele", "Annotation", "Annotation_Impact", "Gene_Name", "Gene_ID", "Feature_Type", "Feature_ID",
    "Transcript_BioType", "Rank", "HGVS.c", "HGVS.p",
)  # fmt: skip


@dataclass
class Header:
    """The header of a VCF, as far as it is used.

    annotations: INFO keys that hold effects (CSQ, ANN), with the names of their fields.
    """

    samples: list[str] = field(default_factory=list)
    tumours: list[str] = field(default_factory=list)
    normals: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    builds: set[str] = field(default_factory=set)
    length_builds: set[str] = field(default_factory=set)
    annotations: dict[str, tuple[str, ...]] = field(default_factory=dict)
    is_unfiltered: bool = False

    def add(self, line: str) -> None:
        """Takes in one '##' line."""
        key, _, value = line[2:].partition("=")
        match key.lower():
            case "tumor_sample":
                self.tumours.append(value.strip())
            case "normal_sample":
                self.normals.append(value.strip())
            case "tumor" | "normal":  # MuSE: ##TUMOR="Sample=...,File=..."
                if name := dict(_PAIR.findall(value.strip('"'))).get("Sample"):
                    self.names.setdefault(key.lower(), name.strip())
            case "sample":
                self._sample(_pairs(value))
            case "pedigree":
                pairs = _pairs(value)
                if "Derived" in pairs and "Original" in pairs:
                    self.tumours.append(pairs["Derived"])
                    self.normals.append(pairs["Original"])
            case "info":
                self._info(_pairs(value))
            case "contig":
                self._contig(_pairs(value))
            case "filtering_status":
                self.is_unfiltered |= "unfiltered" in value.lower()
            case "reference" | "assembly" | "vep" | "snpeffcmd":
                self.builds |= _builds(value)

    def columns(self, line: str) -> None:
        """Takes in the '#CHROM' line. Raises FileError where its fixed columns are not those of a VCF."""
        cells = line.split("\t")
        if tuple(cells[: len(FIXED)]) != FIXED:
            raise FileError(f"The VCF's header line lacks columns; expected {' '.join(FIXED)} between tabs.")
        self.samples = [cell.strip() for cell in cells[len(FIXED) + 1 :]]

    def _sample(self, pairs: dict[str, str]) -> None:
        identifier = pairs.get("ID", "")
        for key in ("SampleName", "SampleTCGABarcode", "Sample_Name"):
            if pairs.get(key):
                self.names.setdefault(identifier.lower(), pairs[key])
                break
        said = f"{pairs.get('Type', '')} {pairs.get('Description', '')}".lower()
        if re.search(r"\btumou?r", said) and "normal" not in said and "rna" not in said:
            self.tumours.append(identifier)

    def _info(self, pairs: dict[str, str]) -> None:
        if pairs.get("ID") not in ("CSQ", "ANN"):
            return
        described = pairs.get("Description", "")
        listed = re.search(r"(?:Format|annotations):\s*'?\s*([^'\"]+)", described)
        names = tuple(name.strip() for name in listed[1].split("|")) if listed else ()
        if pairs["ID"] == "CSQ" or len(names) > 1:
            self.annotations[pairs["ID"]] = names
        else:
            self.annotations["ANN"] = _ANN_FIELDS

    def _contig(self, pairs: dict[str, str]) -> None:
        name = re.sub("(?i)^chr", "", pairs.get("ID", ""))
        length = pairs.get("length", "")
        if length.isdecimal() and len(length) <= 10 and (name, int(length)) in _LENGTHS:
            self.length_builds.add(_LENGTHS[name, int(length)])
        self.builds |= _builds(pairs.get("assembly", ""))

    @property
    def genome_build(self) -> str | None:
        """GRCh37 or GRCh38 by the lengths of contigs, else what the header's texts name; None where they disagree."""
        found = self.length_builds or self.builds
        return next(iter(found)) if len(found) == 1 else None


def _pairs(value: str) -> dict[str, str]:
    """The keys of a `<ID=x,Description="y">` line, without quotes."""
    return {key: text.strip('"').strip() for key, text in _PAIR.findall(value)}


def _builds(text: str) -> set[str]:
    return {_BUILDS.get(found.lower(), found) for found in _BUILD.findall(text)}


def named_fields(fields: Sequence[str], entry: str) -> dict[str, str]:
    """One entry of CSQ or ANN by the names of its fields."""
    return {name: text.strip() for name, text in zip(fields, entry.split("|"), strict=False)}
