"""Variant Call Format (VCF) 4.x of a tumour, plain, gzip or bgzip, with or without annotation by VEP or SnpEff.

Specification: https://samtools.github.io/hts-specs/VCFv4.3.pdf

**Why not htslib** (pysam, cyvcf2): it reads from a path only, ends a whole file at one bad line, writes what it finds
there to standard error (which a log may keep), and runs damaged bytes through C code in the worker that reads a
thousand other files. A line of a VCF is eight columns between tabs. The tests hold this reader against pysam.

**What is a record**: an ALT allele that the tumour has, in a line that passed its filters (FILTER, and FT of the
sample, `PASS` or `.`). Not called, and so no record: lines that failed a filter, reference blocks and bases under
another line's deletion (`.`, `<NON_REF>`, `*`), alleles that the tumour does not have, and what the caller itself
(SS, VarScan and MuSE) calls wild type or loss of heterozygosity. Lines of several alleles are split; alleles are
trimmed and numbered as in a MAF.

**Symbolic and structural alleles** (`<DEL>`, breakends) are called mutations of which no table holds anything: each is
a record with a problem, so that the quarantine keeps and counts it. They never enter a burden.

**Annotation**: see `consequences`. A file in which no line is annotated gives variants without a class
(`annotation` 'none'), and no burden (see `burden`), never a burden of 0. Where other lines are annotated, one without
an effect is a Targeted_Region, as in vcf2maf.

**Sequenced samples**: a VCF does not say over how many bases it looked. The denominator comes from a list of sequenced
samples and their panels, as for a MAF; without one, from the definition's default, and the burden says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import HEAD_BYTES, Format, Probe, RawFile
from ingestion.sources.mutations.consequences import UNANNOTATED, Effect, chosen, effect_of, variant_class
from ingestion.sources.mutations.raw import MAF_ROW
from ingestion.sources.mutations.vcf_alleles import (
    REFERENCE_BLOCKS,
    Reads,
    called_in,
    is_sequence,
    reads_of,
    trimmed,
)
from ingestion.sources.mutations.vcf_header import FIXED, Header, named_fields
from ingestion.sources.mutations.vcf_sample import tumour_of
from ingestion.sources.mutations.vcf_text import head_of, lines_of

STRUCTURAL = "the allele is structural or symbolic; no table holds it"
_MOST_SHORT_LINES = 100_000
_BATCH_ROWS = 65_536
_PASSED = frozenset({"PASS", ".", ""})
_STATUS = {"1": "Germline", "2": "Somatic"}
_NOT_CALLED = ("0", "3")
"""SS of VarScan and MuSE: wild type, loss of heterozygosity. 1 germline, 2 somatic, 5 unknown."""
_MAX_TEXT = 100
_MAX_POSITION = 10**10
_MAX_ALLELES = 255


def is_vcf(probe: Probe) -> bool:
    """'##fileformat=VCF', or the header line, among the first lines; or BCF, so that it is refused as what it is."""
    head = head_of(probe.head)
    return head.startswith(("##fileformat=VCF", "BCF\2")) or "\n#CHROM\tPOS\tID\tREF\tALT" in f"\n{head}"


@dataclass(frozen=True)
class _Call:
    """What is the same for every line of a file. annotation: the INFO key of effects, and its fields."""

    column: int
    sample: str
    genome_build: str | None
    annotation: str | None
    fields: Sequence[str]


def _plausible(lines: Iterator[str]) -> Iterator[str]:
    """The lines. Raises FileError where most of very many have too few columns: a gzip bomb of them takes minutes."""
    n_short = 0
    for n, line in enumerate(lines, 1):
        n_short += not line.startswith("#") and line.count("\t") < len(FIXED) - 1
        if n_short > _MOST_SHORT_LINES and 2 * n_short > n:
            raise FileError(f"Most lines of the VCF have fewer columns than the {len(FIXED)} that a VCF begins with.")
        yield line


def read_vcf(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """One record for each called allele.

    Raises FileError where the tumour sample cannot be told, the calls were not filtered (Mutect2), or the file is BCF,
    is damaged or cut, or has no header line.
    """
    with raw.open() as stream:
        if head_of(stream.read(HEAD_BYTES)).startswith("BCF\2"):
            raise FileError("The file is BCF; expected VCF text (convert it with bcftools view).")
    header = Header()
    annotated = _annotated_key(raw)
    rows: list[dict[str, object]] = []
    call: _Call | None = None
    n = 0
    for line in _plausible(lines_of(raw)):
        if line.startswith("##"):
            if call is None:
                header.add(line)
        elif line.startswith("#"):
            if call is None:
                header.columns(line)
                call = _call(header, annotated, raw.name)
        elif line.strip():
            if call is None:
                raise FileError("The VCF has no header line; expected #CHROM POS ID REF ALT above its records.")
            for record in _records(line, call):
                rows.append({"file_row": n, **record})
                n += 1
            if len(rows) >= _BATCH_ROWS:
                yield _batch(rows)
                rows = []
    if call is None:
        raise FileError("The VCF has no header line; expected #CHROM POS ID REF ALT above its records.")
    if rows:
        yield _batch(rows)


def _annotated_key(raw: RawFile) -> str | None:
    """The INFO key by which at least one line is annotated; the header alone does not say so (INFO can be stripped)."""
    for line in lines_of(raw):
        if not line.startswith("#"):
            info = f";{_cell(line.split(chr(9), len(FIXED)), 7)}"
            for key in ("CSQ", "ANN"):
                if f";{key}=" in info:
                    return key
    return None


def _call(header: Header, annotated: str | None, file_name: str) -> _Call:
    if header.is_unfiltered:
        raise FileError(
            "The VCF holds unfiltered Mutect2 calls (##filtering_status); expected those of FilterMutectCalls."
        )
    column, sample = tumour_of(header, file_name)
    fields = header.annotations.get(annotated or "", ())
    if annotated and not fields:
        raise FileError(
            f"The VCF is annotated by {annotated} and its header does not name the fields; expected "
            f'##INFO=<ID={annotated},...,Description="... Format: Allele|Consequence|...">.'
        )
    return _Call(column, sample, header.genome_build, annotated, fields)


def _records(line: str, call: _Call) -> Iterator[dict[str, object]]:
    """The called alleles of one line, as columns of MAF_ROW."""
    cells = line.split("\t")
    common = {"sample_id": call.sample, "genome_build": call.genome_build, "annotation": call.annotation or "none"}
    at = len(FIXED) + 1 + call.column
    if len(cells) <= at:
        yield {**common, "problem": f"the line has {len(cells)} columns where the tumour's is number {at + 1}"}
        return
    chromosome, position, _, reference, alt, _, filters, info = cells[: len(FIXED)]
    sample = dict(zip(cells[len(FIXED)].split(":"), cells[at].split(":"), strict=False))
    alternates = [a.strip() for a in alt.split(",")]
    if filters.strip() not in _PASSED or sample.get("FT", ".") not in _PASSED or set(alternates) <= REFERENCE_BLOCKS:
        return
    status = _status(info, sample)
    if status in _NOT_CALLED:
        return
    common |= {"chromosome": chromosome[:_MAX_TEXT], "mutation_status": _STATUS.get(status or "")}
    if not (position.isascii() and position.isdecimal() and 0 < int(position[:11]) < _MAX_POSITION):
        yield {**common, "problem": "POS is not a position from 1"}
        return
    if len(alternates) > _MAX_ALLELES:
        yield {**common, "start_position": position, "problem": f"the line has more than {_MAX_ALLELES} alleles"}
        return
    if not is_sequence(reference):
        yield {**common, "start_position": position, "problem": "REF holds no bases"}
        return
    reads = reads_of(sample, reference, alternates)
    effects = _effects(info, call, reference, alternates)
    for number in called_in(sample.get("GT"), len(alternates), reads.alternates):
        alternate = alternates[number - 1]
        if alternate in REFERENCE_BLOCKS:
            continue
        record: dict[str, object] = {**common, **_support(reads, number)}
        if not is_sequence(alternate):
            unclassed = UNANNOTATED if call.annotation else None
            yield {**record, "start_position": position, "variant_class": unclassed, "problem": STRUCTURAL}
            continue
        allele = trimmed(int(position), reference, alternate)
        record |= {
            "start_position": str(allele.start),
            "end_position": str(allele.end),
            "reference_allele": allele.reference,
            "alternate_allele": allele.alternate,
        }
        if call.annotation:
            effect = chosen(_of_allele(effects, number, reference, alternates))
            term = effect.term if effect else ""
            record["hugo_symbol"] = effect.gene if effect else None
            record["variant_class"] = variant_class(term, allele.reference, allele.alternate) if term else UNANNOTATED
        yield record


def _status(info: str, sample: Mapping[str, str]) -> str | None:
    """SS of the line or of the sample; 2 where the line carries the flag SOMATIC."""
    keys = info.split(";")
    stated = next((key[3:] for key in keys if key.startswith("SS=")), None) or sample.get("SS")
    return stated if stated in ("0", "1", "2", "3") else "2" if "SOMATIC" in keys else None


def _support(reads: Reads, number: int) -> dict[str, object]:
    """Counts and fraction of one allele, as text."""
    fraction = reads.fractions[number - 1]
    return {
        "t_ref_count": _text(reads.reference),
        "t_alt_count": _text(reads.alternates[number - 1]),
        "t_depth": _text(reads.depth),
        "vaf_percent": None if fraction is None else f"{100 * fraction:.10g}",
    }


def _effects(info: str, call: _Call, reference: str, alternates: Sequence[str]) -> list[Effect]:
    """Every effect of a line, of whichever allele."""
    if call.annotation is None:
        return []
    lead = f"{call.annotation}="
    value = next((key[len(lead) :] for key in info.split(";") if key.startswith(lead)), "")
    return [effect_of(named_fields(call.fields, entry)) for entry in value.split(",") if entry]


def _of_allele(effects: Sequence[Effect], number: int, reference: str, alternates: Sequence[str]) -> list[Effect]:
    """The effects of one allele: by its number where the annotation gives it, else by the name that it has there.

    SnpEff names the ALT as it stands (`G`, or `G-C` against another allele). VEP cuts the first base off where all
    alleles of a line with an insertion or deletion begin with it, and writes '-' for nothing.
    """
    if len(alternates) == 1:
        return list(effects)
    alternate = alternates[number - 1]
    allele = trimmed(1, reference, alternate).alternate
    bases = [reference, *alternates]
    is_cut = len({len(b) for b in bases}) > 1 and len({b[:1] for b in bases}) == 1
    names = {alternate, (alternate[1:] or "-") if is_cut else alternate}
    numbered = [e for e in effects if e.number]
    if numbered:
        return [e for e in numbered if e.number == str(number)]
    found = [e for e in effects if e.allele in names or e.allele.split("-")[0] == alternate]
    return found or [e for e in effects if e.allele == allele]


def _cell(cells: Sequence[str], index: int) -> str:
    return cells[index] if index < len(cells) else ""


def _text(count: int | None) -> str | None:
    return None if count is None else str(count)


def _batch(rows: Sequence[Mapping[str, object]]) -> pa.RecordBatch:
    return MAF_ROW.batch(**{name: [row.get(name) for row in rows] for name in MAF_ROW.arrow.names})


VCF = Format(
    name="vcf",
    looked_for="a VCF ('##fileformat=VCF'), plain, gzip or bgzip",
    recognise=is_vcf,
    read=read_vcf,
    raw=MAF_ROW,
)
