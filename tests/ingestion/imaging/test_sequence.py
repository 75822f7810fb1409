"""Free text and tags in, kind of sequence and contrast out."""

import pytest

from ingestion.sources.imaging.sequence import MrTags, contrast_of, normalise, sequence_type_of

WRITTEN = [
    # description                                             contrast  sequence_type
    ("t1 axial: Processed_CaPTk",                             None,     "T1"),
    ("T1 AXIAL PRE",                                          False,    "T1"),
    ("3D_AX_T1_precontrast",                                  False,    "T1"),
    ("  AX TI 3D MPRAGE  ",                                   None,     "T1"),
    ("AX T1 FLAIR",                                           None,     "T1"),
    ("T1 W/O CONTRAST",                                       False,    "T1"),
    ("T1 sans injection",                                     False,    "T1"),
    ("AX T1 POST OP",                                         None,     "T1"),
    ("SAG T1 POSTERIOR FOSSA",                                None,     "T1"),
    ("t1 axial stealth-post_TERA : Processed_CaPTk",          True,     "T1GD"),
    ("AX T1  C+ : Processed_CaPTk",                           True,     "T1GD"),
    ("T1 MPRAGE SAG ISO post gad",                            True,     "T1GD"),
    ("t1_mprage_tra_p2_iso_1.0 POST",                         True,     "T1GD"),
    ("AXIAL 3D GAD",                                          True,     "T1GD"),
    ("T1GD",                                                  True,     "T1GD"),
    ("T1CE",                                                  True,     "T1GD"),
    ("t1_mpr mit KM",                                         True,     "T1GD"),
    ("t1_mpr ohne KM",                                        False,    "T1"),
    ("3D T1 apres inj",                                       True,     "T1GD"),
    ("*Ax T2 FSE C+ ",                                        True,     "T2"),
    ("t2_haste_tra_90 TE",                                    None,     "T2"),
    ("2D_COR_T2_BLADE",                                       None,     "T2"),
    ("<DynaSuite SurgicalNavigation_R.T2AXIAL FLAIR_TERA:ProcessedCaP", None, "FLAIR"),
    ("t2_tirm_tra_dark-fluid",                                None,     "FLAIR"),
    ("AX FLIAR",                                              None,     "FLAIR"),
    ("T2 AXIAL FLAIR POST",                                   True,     "FLAIR"),
    ("ep2d_DTI_30dir",                                        None,     "DWI"),
    ("ep2d_diff_MDDW_IPAT",                                   None,     "DWI"),
    ("ADC (10^-6 mm2/s)",                                     None,     "DWI"),
    ("ep2d_perf 3cc pre 12bolus",                             True,     "DSC"),
    ("Gre Perf flip 35",                                      True,     "DSC"),
    ("TR 1.5sec TE 40ms Flip 60deg -CA pre quarter bolus three-quarter", True, "DSC"),
    ("DCE perfusion",                                         None,     "OTHER"),
    ("pCASL perfusion",                                       None,     "OTHER"),
    ("AX T2* GRE",                                            None,     "OTHER"),
    ("Mask_for_Tumor",                                        None,     "OTHER"),
    ("3-plane localizer",                                     None,     "OTHER"),
    ("TOF_3D_multi-slab",                                     None,     "OTHER"),
    ("",                                                      None,     None),
    (None,                                                    None,     None),
]  # fmt: skip


@pytest.mark.parametrize(("description", "contrast", "sequence_type"), WRITTEN)
def test_sequence_and_contrast_are_read_out_of_what_people_write(
    description: str | None, contrast: bool | None, sequence_type: str | None
) -> None:
    said = contrast_of(description)
    assert (said, sequence_type_of(description, said)) == (contrast, sequence_type)


TAGGED = [
    # tags                                                                                              sequence_type
    (MrTags(frozenset({"SE"}), echo_time_ms=9, repetition_time_ms=500),                                 "T1"),
    (MrTags(frozenset({"SE"}), echo_time_ms=100, repetition_time_ms=4_000),                             "T2"),
    (MrTags(frozenset({"SE"}), echo_time_ms=30, repetition_time_ms=3_000),                              None),
    (MrTags(frozenset({"SE", "IR"}), echo_time_ms=120, repetition_time_ms=9_000, inversion_time_ms=2_500), "FLAIR"),
    (MrTags(frozenset({"GR", "IR"}), echo_time_ms=3, repetition_time_ms=1_900, inversion_time_ms=900),  "T1"),
    (MrTags(frozenset({"GR"}), echo_time_ms=3, repetition_time_ms=7),                                   None),
    (MrTags(frozenset({"EP", "SE"}), echo_time_ms=90, repetition_time_ms=8_000),                        None),
    (MrTags(frozenset({"EP", "SE"}), echo_time_ms=90, repetition_time_ms=8_000, b_value=1_000.0),       "DWI"),
    (MrTags(b_value=0.0),                                                                               None),
]  # fmt: skip


@pytest.mark.parametrize(("tags", "sequence_type"), TAGGED)
def test_tags_decide_where_there_is_no_text(tags: MrTags, sequence_type: str | None) -> None:
    assert sequence_type_of(None, None, tags) == sequence_type


def test_text_goes_before_tags_and_an_unknown_text_lets_tags_speak() -> None:
    short = MrTags(frozenset({"SE"}), echo_time_ms=9, repetition_time_ms=500)
    assert sequence_type_of("AX T2", None, short) == "T2"
    assert sequence_type_of("series 7", True, short) == "T1GD"
    assert sequence_type_of("series 7", True) == "OTHER"


@pytest.mark.parametrize(
    ("description", "agent", "contrast"),
    [
        ("t1 axial", "Gadavist", True),
        ("t1 axial", "NONE", False),
        ("t1 axial", " ", None),
        ("t1 axial pre", "Gadavist", None),  # the tag is filled for the whole study: nothing is proven
        ("t1 axial post", None, True),
        (None, None, None),
    ],
)
def test_contrast_from_the_agent_tag(description: str | None, agent: str | None, contrast: bool | None) -> None:
    assert contrast_of(description, agent) is contrast


def test_normalise_leaves_words_and_signs_that_mean_something() -> None:
    assert normalise("  <R.T2AXIAL_FLAIR:x> C+ -CA t2* stealth-post - ") == "R T2AXIAL FLAIR X C+ -CA T2* STEALTH POST"
