"""One effect and one class of an allele, by vcf2maf's convention."""

import pytest

from ingestion.sources.mutations.consequences import UNANNOTATED, Effect, chosen, effect_of, variant_class


def effect(term: str, gene: str | None = "A", biotype: str = "protein_coding", *, canonical: bool = False) -> Effect:
    return Effect(term, gene, biotype, canonical, "T", "")


@pytest.mark.parametrize(
    ("effects", "found"),
    [
        ([effect("intron_variant"), effect("missense_variant")], 1),
        # the canonical transcript of the worst affected gene counts
        ([effect("stop_gained"), effect("missense_variant", canonical=True)], 1),
        ([effect("stop_gained"), effect("intron_variant", "B", canonical=True)], 1),
        ([effect("stop_gained", "A"), effect("missense_variant", "A", canonical=True),
          effect("frameshift_variant", "B", "nonsense_mediated_decay", canonical=True)], 1),
        # a coding transcript comes before a worse effect on one that is not
        ([effect("splice_donor_variant", "B", "lncRNA"), effect("synonymous_variant")], 1),
        ([effect("intergenic_variant", None, "")], 0),
        ([effect("splice_donor_variant", None), effect("missense_variant", canonical=True)], 1),
    ],
)  # fmt: skip
def test_the_effect_that_counts(effects: list[Effect], found: int) -> None:
    assert chosen(effects) == effects[found]
    assert chosen(reversed(effects)) == effects[found]


def test_no_effect() -> None:
    assert chosen([]) is None


@pytest.mark.parametrize(
    ("term", "reference", "alternate", "expected"),
    [
        ("missense_variant", "C", "T", "Missense_Mutation"),
        ("stop_gained", "C", "T", "Nonsense_Mutation"),
        ("stop_lost", "C", "T", "Nonstop_Mutation"),
        ("start_lost", "C", "T", "Translation_Start_Site"),
        ("splice_acceptor_variant", "C", "T", "Splice_Site"),
        ("splice_region_variant", "C", "T", "Splice_Region"),
        ("splice_polypyrimidine_tract_variant", "C", "T", UNANNOTATED),
        ("frameshift_variant", "CA", "-", "Frame_Shift_Del"),
        ("frameshift_variant", "-", "CA", "Frame_Shift_Ins"),
        ("inframe_deletion", "CAG", "-", "In_Frame_Del"),
        ("conservative_inframe_insertion", "-", "CAG", "In_Frame_Ins"),
        ("protein_altering_variant", "CAGT", "A", "In_Frame_Del"),
        ("protein_altering_variant", "CAG", "A", "Frame_Shift_Del"),
        ("synonymous_variant", "C", "T", "Silent"),
        ("intron_variant", "C", "T", "Intron"),
        ("5_prime_UTR_variant", "C", "T", "5'UTR"),
        ("intergenic_region", "C", "T", "IGR"),
        ("upstream_gene_variant", "C", "T", "5'Flank"),
        ("non_coding_transcript_exon_variant", "C", "T", "RNA"),
        ("a_term_of_tomorrow", "C", "T", UNANNOTATED),
    ],
)
def test_the_class_of_a_term(term: str, reference: str, alternate: str, expected: str) -> None:
    assert variant_class(term, reference, alternate) == expected


def test_the_most_severe_term_of_an_entry_counts() -> None:
    entry = {"Allele": "T", "Consequence": "intron_variant&splice_donor_variant&a_term_of_tomorrow", "SYMBOL": "TP53"}
    assert effect_of(entry).term == "splice_donor_variant"
    assert effect_of({}).term == ""
