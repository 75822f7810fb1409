"""What a mutational burden is: each definition has a name, and changing one makes a new name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BurdenDefinition:
    """Counted somatic mutations over the megabases that were looked at.

    classes: MAF Variant_Classification values that count.
    exome_mb: denominator of a sample without a gene panel; on a panel it is the panel's coding size.
    """

    name: str
    classes: tuple[str, ...]
    exome_mb: float


_BOTH = (
    "Frame_Shift_Del",
    "Frame_Shift_Ins",
    "In_Frame_Del",
    "In_Frame_Ins",
    "Missense_Mutation",
    "Nonsense_Mutation",
    "Splice_Site",
    "Nonstop_Mutation",
)

CBIOPORTAL = BurdenDefinition("tmb.cbioportal-9class/30Mb", (*_BOTH, "Splice_Region"), exome_mb=30.0)
"""As cBioPortal's TMB_NONSYNONYMOUS: non-synonymous mutations over the profiled coding bases."""

MAFTOOLS = BurdenDefinition("tmb.maftools/50Mb", (*_BOTH, "Translation_Start_Site"), exome_mb=50.0)
"""maftools `tmb(maf, captureSize = 50)` with its `vc_nonSyn` classes (Mayakonda 2018, Genome Res 28:1747).

captureSize is the capture size of the MAF at hand, 50 by default: on a panel it is the panel's, as above.
"""

DEFINITIONS = (CBIOPORTAL, MAFTOOLS)

MIN_PANEL_MB = 0.2
"""A panel that covers less gives no burden: too few bases for a rate."""

HYPERMUTATED_PER_MB = 17.0
"""Above it a tumour is flagged as hypermutated."""

NOT_SOMATIC = ("germline",)
"""Mutation_Status values, in lower case, that never count."""

PUBLISHED_PANEL_MB = {
    "IMPACT341": 0.8916,
    "IMPACT410": 1.0065,
    "IMPACT468": 1.1327,
    "FOUNDATIONONET5": 0.8927,
    "FOUNDATIONONET7": 1.1975,
}
"""Coding sizes of panels whose file does not state one, by their names in capitals without punctuation and 'MSK'."""
