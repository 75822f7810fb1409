"""Alleles of one VCF line: split, trimmed to the MAF's form, and with the reads that support them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_BASES = re.compile(r"[ACGTURYSWKMBDHVN]+", re.IGNORECASE)
REFERENCE_BLOCKS = frozenset({".", "*", "<*>", "<NON_REF>"})
"""ALT values that are no allele: none, a base that another line's deletion covers, and gVCF's 'any other'."""


@dataclass(frozen=True)
class Allele:
    """A small variant as a MAF writes it: '-' for no base, positions 1-based; an insertion lies between both."""

    start: int
    end: int
    reference: str
    alternate: str


def is_sequence(text: str) -> bool:
    """Whether an allele is given by its bases; <DEL>, breakends and the like are not."""
    return _BASES.fullmatch(text) is not None


def trimmed(position: int, reference: str, alternate: str) -> Allele:
    """The smallest form of an allele, shifted to the left: the bases that both share at the end go first, then those
    at the start (Tan 2015, Bioinformatics 31:2202), down to an empty allele, as a MAF writes it.
    """
    reference, alternate = reference.upper(), alternate.upper()
    end = 0
    while end < min(len(reference), len(alternate)) - 1 and reference[-1 - end] == alternate[-1 - end]:
        end += 1
    if end:
        reference, alternate = reference[:-end], alternate[:-end]
    start = 0
    while start < min(len(reference), len(alternate)) and reference[start] == alternate[start]:
        start += 1
    reference, alternate, position = reference[start:], alternate[start:], position + start
    if not reference:
        return Allele(position - 1, position, "-", alternate)
    return Allele(position, position + len(reference) - 1, reference, alternate or "-")


def called_in(genotype: str | None, n_alternates: int, alt_reads: Sequence[int | None]) -> list[int]:
    """Numbers from 1 of the ALT alleles that a sample has.

    Those that its genotype names. Where that names none (Strelka writes no genotype, Pindel writes 0/0 for tumours),
    those that reads support; where there are no counts either, all of them, unless the genotype is the reference.
    """
    calls = re.split(r"[/|]", genotype or "")
    named = sorted({int(c) for c in calls if c.isdecimal() and 0 < len(c) < 6 and 0 < int(c) <= n_alternates})
    if named:
        return named
    if any(n is not None for n in alt_reads):
        return [i + 1 for i, n in enumerate(alt_reads) if n]
    is_reference = bool(genotype) and all(c == "0" for c in calls)
    return [] if is_reference else list(range(1, n_alternates + 1))


@dataclass(frozen=True)
class Reads:
    """What supports the alleles of a line in one sample. alternates: a count for each ALT, None where not told.

    fractions: of each ALT as the caller estimates it, in 0 to 1.
    """

    reference: int | None
    alternates: list[int | None]
    depth: int | None
    fractions: list[float | None]


def reads_of(sample: Mapping[str, str], reference: str, alternates: Sequence[str]) -> Reads:
    """Read counts of one sample, by what its caller writes.

    AD with a count for each allele (GATK, MuSE, Pindel ...); AD of the alternate and RD (VarScan); AU, CU, GU, TU and
    TAR, TIR in their first tier (Strelka); RO and AO (freebayes); DP4 (SAMtools). Fractions from AF, FA or FREQ.
    """
    n = len(alternates)
    counts = _counts(sample.get("AD"))
    ref: int | None = None
    alts: list[int | None] = [None] * n
    if len(counts) == n + 1:
        ref, alts = counts[0], counts[1:]
    elif len(counts) == 1 and n == 1:
        ref, alts = _first(sample.get("RD")), counts
    elif "AO" in sample and len(_counts(sample["AO"])) == n:
        ref, alts = _first(sample.get("RO")), _counts(sample["AO"])
    elif "TIR" in sample and n == 1:
        ref, alts = _first(sample.get("TAR")), [_first(sample["TIR"])]
    elif all(f"{base}U" in sample for base in "ACGT") and len(reference) == 1:
        ref = _first(sample.get(f"{reference.upper()}U"))
        alts = [_first(sample.get(f"{base.upper()}U")) for base in alternates]
    elif len(strands := _counts(sample.get("DP4"))) == 4 and n == 1 and None not in strands:
        whole = [s or 0 for s in strands]
        ref, alts = whole[0] + whole[1], [whole[2] + whole[3]]
    told = (_fractions(sample.get(key)) for key in ("AF", "FA", "FREQ"))
    none: list[float | None] = [None] * n
    return Reads(ref, alts, _first(sample.get("DP")), next((f for f in told if len(f) == n), none))


def _counts(text: str | None) -> list[int | None]:
    return [int(c) if c.isascii() and c.isdecimal() and len(c) < 10 else None for c in (text or "").split(",") if c]


def _first(text: str | None) -> int | None:
    return next(iter(_counts(text)), None)


def _fractions(text: str | None) -> list[float | None]:
    return [_fraction(c) for c in (text or "").split(",") if c]


def _fraction(text: str) -> float | None:
    """0.25 or 25% as 0.25; None where it is no fraction."""
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        return None
    value = value / 100 if text.endswith("%") else value
    return value if 0 <= value <= 1 else None
