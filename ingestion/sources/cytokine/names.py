"""What is in a well, from the name that an instrument or a person gave it; and units as UCUM codes."""

import re

_KINDS = (
    ("blank", re.compile(r"(?:background|blank|bkg|bgnd|neg(?:ative)?[\s_-]*(?:control|ctrl)?|nc)[\s_#-]*\d*")),
    ("standard", re.compile(r"(?:standard|std)[\s_#-]*\d*")),
    (
        "control",
        re.compile(
            r"(?:(?:kit|quality|assay|high|low|positive|pos|sample|plate|inter[\s_-]*plate)[\s_-]*)?"
            r"(?:control|ctrl)(?:[\s_#-]*(?:sample|high|low|[a-z]{0,3}[\s_#-]*\d*))*"
            r"|qc[\s_#-]*(?:high|low|\d+)?|ipc[\s_#-]*\d*"
        ),
    ),
)

_UCUM = {
    "pg/ml": "pg/mL",
    "ng/ml": "ng/mL",
    "ug/ml": "ug/mL",
    "μg/ml": "ug/mL",  # NFKC and casefold turn the micro sign into this Greek letter
    "mg/ml": "mg/mL",
    "pg/l": "pg/L",
    "ng/l": "ng/L",
    "iu/ml": "[IU]/mL",
    "u/ml": "U/mL",
    "pm": "pmol/L",
    "nm": "nmol/L",
}
_NO_UNIT = {"", "bead", "none", "n/a", "mfi"}


def sample_type_of(name: str) -> str:
    """unknown, standard, control or blank, from the whole of a sample's name ('Standard1', 'Background0', 'QC 2').

    A name that merely contains such a word ('Control arm, patient 3') is an unknown.
    """
    text = name.strip().casefold()
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(text)), "unknown")


def ucum_unit(text: str | None) -> str | None:
    """The UCUM code of a unit of concentration; one that is not known as it stands; None for none ('Bead')."""
    given = (text or "").strip()
    key = given.casefold().replace("µ", "μ").replace(" ", "")
    return None if key in _NO_UNIT else _UCUM.get(key, given)
