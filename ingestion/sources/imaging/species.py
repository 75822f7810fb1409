"""What was scanned: a human, an animal or a phantom. Only human series may enter a cohort.

Rules, in this order:
1. phantom: the header says so (QualityControlSubject YES), the body part is PHANTOM, the collection is a known
   phantom collection, or a name of the collection, patient or description holds the word "phantom";
2. animal: PatientSpeciesDescription is given and not human, or the collection is a known animal collection;
3. human otherwise: hospitals do not state the species of their patients.
"""

import re
from typing import Literal

Species = Literal["human", "animal", "phantom"]

PHANTOM_COLLECTIONS = frozenset(
    {
        "gbm_dsc_mri_dro",
        "dro_toolkit",
        "phantom_fda",
        "rider_phantom_mri",
        "rider_phantom_pet_ct",
        "qin_pet_phantom",
        "cc_radiomics_phantom",
        "cc_radiomics_phantom_2",
        "cc_radiomics_phantom_3",
        "ct_phantom4radiomics",
        "qiba_ct_1c",
        "qiba_ct_liver_phantom",
        "mri_dir",
    }
)
"""Physical phantoms and digital reference objects of the public archives (ids as in the IDC index)."""

ANIMAL_COLLECTIONS = frozenset({"icdc_glioma", "mouse_astrocytoma", "mouse_mammary"})
"""Dogs and mice; the patient-derived xenografts of the PDMR (ids that start with pdmr_) are added by rule."""

_HUMAN = re.compile(r"homo\s*sapiens|human", re.IGNORECASE)
PHANTOM_WORD = r"(?i)(^|[^a-z])phantom"
"""A word that starts with "phantom", in the syntax that Python and Arrow (RE2) share."""


def species_of(
    collection_id: str | None = None,
    body_part: str | None = None,
    species_description: str | None = None,
    quality_control: str | None = None,
    is_named_phantom: bool = False,
) -> Species:
    """The species, from what a header (PS3.3 C.7.1.1, C.7.6.1) or an index says.

    is_named_phantom: whether the patient id or the description holds `PHANTOM_WORD`; they are looked at, not kept.
    """
    collection = (collection_id or "").strip().lower()
    if (
        collection in PHANTOM_COLLECTIONS
        or (body_part or "").strip().upper() == "PHANTOM"
        or (quality_control or "").strip().upper() == "YES"
        or is_named_phantom
        or re.search(PHANTOM_WORD, collection)
    ):
        return "phantom"
    stated = (species_description or "").strip()
    if (stated and not _HUMAN.search(stated)) or collection in ANIMAL_COLLECTIONS or collection.startswith("pdmr_"):
        return "animal"
    return "human"
