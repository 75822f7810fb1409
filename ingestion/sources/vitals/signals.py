"""Names of vital signs as monitors, archives and hospitals write them, onto the signals of the lake."""

import re

from infra.tables.vitals import SIGNALS

_NAMES = {
    # Ours; invasive pressures of VitalDB (Solar8000/ART_MBP), MIMIC numerics (ABPMean) and French sheets (PAM).
    "MAP": ("MAP", "ART_MBP", "ART_MAP", "ABPMean", "ABP_M", "ART_MEAN", "IBP_M", "PAM"),
    "SBP": ("SBP", "ART_SBP", "ABPSys", "ABP_S", "ART_SYS", "IBP_S", "PAS"),
    "DBP": ("DBP", "ART_DBP", "ABPDias", "ABP_DIA", "ABP_D", "ART_DIA", "IBP_D", "PAD"),
    # The cuff: PNI is 'pression non invasive'.
    "NIBP_MAP": ("NIBP_MAP", "NIBP_MBP", "NIBP_MEAN", "NBPMean", "NBP_M", "PNI_M", "PNIM"),
    "NIBP_SBP": ("NIBP_SBP", "NIBP_SYS", "NBPSys", "NBP_S", "PNI_S", "PNIS"),
    "NIBP_DBP": ("NIBP_DBP", "NIBP_DIA", "NBPDias", "NBP_D", "PNI_D", "PNID"),
    # Messages whose code does not say how the pressure was measured.
    "BP_MAP": ("BP_MAP",),
    "BP_SBP": ("BP_SBP",),
    "BP_DBP": ("BP_DBP",),
    "HR": ("HR", "ECG_HR", "heart_rate", "FC"),
    "PULSE": ("PULSE", "PLETH_HR", "NIBP_HR", "pulse_rate", "PR", "pouls"),
    "SPO2": ("SPO2", "PLETH_SPO2", "PLETH_SAT_O2", "SaO2_pleth"),
    "RR": ("RR", "RESP", "RR_CO2", "respiratory_rate", "FR"),
    "TEMP": ("TEMP", "BT", "temperature", "température", "body_temperature"),
    "ETCO2": ("ETCO2", "EtCO2_mmHg", "CO2_ET"),
}

_UNITS = {
    "mm[hg]": "mm[Hg]", "mmhg": "mm[Hg]",
    "/min": "/min", "bpm": "/min", "pm": "/min", "1/min": "/min", "min-1": "/min", "cpm": "/min",
    "%": "%",
    "cel": "Cel", "°c": "Cel", "c": "Cel", "degc": "Cel",
}  # fmt: skip


def _plain(name: str) -> str:
    """A name without its device ('Solar8000/'), case, spaces and punctuation."""
    return re.sub(r"[\W_]+", "", name.rsplit("/", 1)[-1].lower())


ALIASES = {_plain(alias): signal for signal, aliases in _NAMES.items() for alias in aliases}


def signal_of(name: str) -> str | None:
    """The lake's signal for a name of a column, track or row, or None where the name is not known."""
    return ALIASES.get(_plain(name))


def device_of(name: str) -> str | None:
    """What a name says about where the value comes from: the name as given, unless it is just the signal's.

    It keeps apart two tracks that measure the same signal (Solar8000/ART_MBP and Solar8000/FEM_MBP).
    """
    return None if name.strip().upper() in SIGNALS else name.strip()


def unit_of(signal: str) -> str:
    """UCUM unit in which the lake holds the signal."""
    return SIGNALS[signal][0]


def ucum(unit: str) -> str:
    """The UCUM code of a unit as written; an unknown one stays as it is (the table's check refuses it)."""
    return _UNITS.get(unit.strip().lower().replace(" ", ""), unit.strip())
