"""What a clinician has without any assay: the variables that a new marker must add to."""

from collections.abc import Sequence

VARIABLES = (
    "clinical_profile__age_years",
    "clinical_profile__karnofsky",
    "clinical_profile__is_mgmt_methylated",
)


def clinical_only(columns: Sequence[str]) -> list[str]:
    """Age, Karnofsky performance status and MGMT methylation, of the columns that are there."""
    return [name for name in VARIABLES if name in columns]


def clinical_and_grade(columns: Sequence[str]) -> list[str]:
    """The same and the tumour's WHO grade: what is there before any molecular result."""
    return [*clinical_only(columns), *(name for name in ("tumour_markers__who_grade",) if name in columns)]
