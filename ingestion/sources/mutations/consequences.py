"""From the annotation of a VCF (VEP's CSQ, SnpEff's ANN) to one gene and one MAF Variant_Classification.

The convention is that of vcf2maf (https://github.com/mskcc/vcf2maf, `GetEffectPriority`, `GetVariantClassification`
and its choice of one effect), so that a burden from a VCF is the burden of the MAF that vcf2maf makes of it:

1. Effects are ordered by the biotype of their transcript (protein coding first), then by their most severe Sequence
   Ontology term (http://www.sequenceontology.org, ordered as by Ensembl).
2. The gene is that of the first effect with a symbol; its canonical transcript counts, else the first canonical one of
   any gene, else the first effect. SnpEff names no canonical transcript: there the worst effect counts.
3. The most severe term of that effect gives the class; a frame shift is an insertion or a deletion by the alleles.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

UNANNOTATED = "Targeted_Region"
"""Class of an allele without an effect in a file that is annotated otherwise (VEP or SnpEff told to leave out what lies
between genes), and of terms that have no class of their own."""

_TIERS = (
    "transcript_ablation exon_loss_variant feature_ablation chromosome_number_variation",
    "splice_donor_variant splice_acceptor_variant bidirectional_gene_fusion gene_fusion duplication inversion",
    "stop_gained frameshift_variant stop_lost",
    "start_lost initiator_codon_variant rearranged_at_DNA_level",
    "inframe_insertion inframe_deletion disruptive_inframe_insertion disruptive_inframe_deletion "
    "conservative_inframe_insertion conservative_inframe_deletion",
    "missense_variant conservative_missense_variant rare_amino_acid_variant",
    "transcript_amplification protein_altering_variant",
    "splice_region_variant splice_donor_5th_base_variant splice_donor_region_variant splice_branch_variant "
    "splice_polypyrimidine_tract_variant protein_protein_contact structural_interaction_variant",
    "start_retained_variant start_retained stop_retained_variant synonymous_variant",
    "incomplete_terminal_codon_variant",
    "coding_sequence_variant exon_variant transcript_variant",
    "5_prime_UTR_variant 5_prime_UTR_premature_start_codon_gain_variant 3_prime_UTR_variant",
    "non_coding_exon_variant non_coding_transcript_exon_variant",
    "non_coding_transcript_variant nc_transcript_variant intron_variant intragenic_variant INTRAGENIC",
    "NMD_transcript_variant coding_transcript_variant",
    "upstream_gene_variant downstream_gene_variant",
    "TFBS_ablation TFBS_amplification TF_binding_site_variant regulatory_region_ablation regulatory_region "
    "regulatory_region_amplification regulatory_region_variant mature_miRNA_variant miRNA",
    "feature_elongation feature_truncation",
    "intergenic_variant intergenic_region sequence_feature conserved_intron_variant gene_variant",
)
_RANK = {term: rank for rank, tier in enumerate(_TIERS) for term in tier.split()}
_LAST = len(_TIERS)

_CLASSES = {
    "Splice_Site": "splice_acceptor_variant splice_donor_variant transcript_ablation exon_loss_variant",
    "Nonsense_Mutation": "stop_gained",
    "Nonstop_Mutation": "stop_lost",
    "Translation_Start_Site": "start_lost initiator_codon_variant",
    "In_Frame_Ins": "inframe_insertion disruptive_inframe_insertion conservative_inframe_insertion",
    "In_Frame_Del": "inframe_deletion disruptive_inframe_deletion conservative_inframe_deletion",
    "Missense_Mutation": "missense_variant coding_sequence_variant conservative_missense_variant "
    "rare_amino_acid_variant",
    "Intron": "transcript_amplification intron_variant INTRAGENIC intragenic_variant",
    "Splice_Region": "splice_region_variant",
    "Silent": "incomplete_terminal_codon_variant synonymous_variant stop_retained_variant NMD_transcript_variant",
    "RNA": "mature_miRNA_variant exon_variant non_coding_exon_variant non_coding_transcript_exon_variant "
    "non_coding_transcript_variant nc_transcript_variant",
    "5'UTR": "5_prime_UTR_variant 5_prime_UTR_premature_start_codon_gain_variant",
    "3'UTR": "3_prime_UTR_variant",
    "IGR": "TF_binding_site_variant regulatory_region_variant regulatory_region intergenic_variant intergenic_region",
    "5'Flank": "upstream_gene_variant",
    "3'Flank": "downstream_gene_variant",
}
_CLASS = {term: name for name, terms in _CLASSES.items() for term in terms.split()}


@dataclass(frozen=True)
class Effect:
    """One effect of an allele on one transcript.

    term: its most severe Sequence Ontology term. allele: as the annotation names it; number: of the allele in ALT,
    from 1, where the annotation gives it.
    """

    term: str
    gene: str | None
    biotype: str
    is_canonical: bool
    allele: str
    number: str


def effect_of(entry: Mapping[str, str]) -> Effect:
    """The effect that one entry of CSQ or ANN tells, by the names of its fields."""
    terms = (entry.get("Consequence") or entry.get("Annotation") or "").split("&")
    return Effect(
        term=min((t.strip() for t in terms), key=_rank),
        gene=entry.get("SYMBOL") or entry.get("Gene_Name") or None,
        biotype=entry.get("BIOTYPE") or entry.get("Transcript_BioType") or "",
        is_canonical=entry.get("CANONICAL") == "YES",
        allele=entry.get("Allele", ""),
        number=entry.get("ALLELE_NUM", ""),
    )


def chosen(effects: Iterable[Effect]) -> Effect | None:
    """The one effect that is reported, or None where there is none."""
    ordered = sorted(effects, key=lambda e: (_biotype_rank(e.biotype), _rank(e.term)))
    if not ordered:
        return None
    gene = next((e.gene for e in ordered if e.gene), None)
    canonical = [e for e in ordered if e.is_canonical and e.gene]
    of_gene = [e for e in canonical if e.gene == gene]
    return next(iter((*of_gene, *canonical)), ordered[0])


def variant_class(term: str, reference: str, alternate: str) -> str:
    """MAF Variant_Classification of a Sequence Ontology term. Alleles are bases, or '-' for none."""
    n_reference, n_alternate = len(reference.replace("-", "")), len(alternate.replace("-", ""))
    kind = "Ins" if n_alternate > n_reference else "Del" if n_alternate < n_reference else None
    is_in_frame = (n_alternate - n_reference) % 3 == 0
    if term in ("frameshift_variant", "protein_altering_variant"):
        if kind is None:
            return UNANNOTATED
        shifts = term == "frameshift_variant" or not is_in_frame
        return f"{'Frame_Shift' if shifts else 'In_Frame'}_{kind}"
    return _CLASS.get(term, UNANNOTATED)


def _rank(term: str) -> int:
    return _RANK.get(term, _LAST)


def _biotype_rank(biotype: str) -> int:
    """vcf2maf's order of biotypes in its first two steps and the rest: coding, then immune genes, then what is not."""
    if biotype == "protein_coding":
        return 0
    if biotype == "LRG_gene" or (biotype.startswith(("IG_", "TR_")) and biotype.endswith("_gene")):
        return 1
    return 3 if "pseudogene" in biotype or biotype in ("", "artifact") else 2
