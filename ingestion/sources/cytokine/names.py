"""What is in a well, from the name that an instrument or a person gave it; wells; and units as UCUM codes."""

import re

from infra.errors import FileError
from infra.settings import Site

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
_WELL = re.compile(r"([A-P])(\d{1,2})")
_UNIT_IN_NAME = re.compile(r"(.+?)\s*[(\[]([^()\[\]]+/[^()\[\]]+)[)\]]")
_LONGEST_HEADER = 300
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


def plate_unit(stated: str | None, site: Site, platform: str) -> str:
    """The UCUM unit of a plate's concentrations: as the export states it, else as the site declares it.

    Raises FileError where neither does: pg/mL is likely, and still not known.
    """
    unit = ucum_unit(stated) or ucum_unit(site.concentration_units.get(platform))
    if unit is None:
        raise FileError(
            "The export does not state the unit of its concentrations; "
            f"declare concentration_units.{platform} for site {site.site_id} in the settings file."
        )
    return unit


def well_name(text: str) -> str | None:
    """A well as this project writes it, 'A01' and 'a1' as 'A1'; None where it is no well of a plate up to 384."""
    match = _WELL.fullmatch(text.strip().upper())
    if match is None or not 1 <= int(match[2]) <= 24:
        return None
    return f"{match[1]}{int(match[2])}"


def on_plate(label: str, plate_id: str) -> str:
    """A sample that has no name but its place in the plate's layout (U001, X1): without the plate it is nobody's."""
    return f"{plate_id}/{label}"


def column_and_unit(name: str) -> tuple[str, str | None]:
    """(name in lower case, unit) of a column's header: 'Calc. Concentration (pg/mL)' names its unit."""
    # A header of half a million letters is none, and the pattern would take hours over it.
    match = _UNIT_IN_NAME.fullmatch(name.strip()) if len(name) <= _LONGEST_HEADER else None
    return (match[1].casefold(), match[2]) if match else (name.strip().casefold(), None)
