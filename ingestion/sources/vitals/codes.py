"""Codes of vital signs in messages: LOINC (https://loinc.org) and ISO/IEEE 11073-10101 reference identifiers.

The general codes of blood pressure (8480-6, 8462-4, 8478-0) do not say whether a cuff or an arterial line measured.
They map to the signals BP_*, unless the method beside them tells: a cuff's value must not enter what is declared as
invasive, nor the other way round.
"""

from typing import Final

LOINC_SYSTEM: Final = "http://loinc.org"
MDC_SYSTEM: Final = "urn:iso:std:iso:11073:10101"
SNOMED_SYSTEM: Final = "http://snomed.info/sct"
PANELS: Final = frozenset(("85354-9", "55284-4", "35094-2", "96607-7", "85353-1"))
"""Panels: their values are in the components. 85353-1 is the panel of all vital signs."""

LOINC: Final = {
    "8478-0": "BP_MAP", "8480-6": "BP_SBP", "8462-4": "BP_DBP",
    "76214-6": "MAP", "76215-3": "SBP", "76213-8": "DBP",
    "76536-2": "NIBP_MAP", "76534-7": "NIBP_SBP", "76535-4": "NIBP_DBP",
    "8867-4": "HR",
    "8889-8": "PULSE",
    "59408-5": "SPO2", "2708-6": "SPO2",
    "9279-1": "RR",
    "8310-5": "TEMP",
    "19889-5": "ETCO2",
}  # fmt: skip

MDC: Final = {
    "MDC_PRESS_BLD_ART_MEAN": "MAP", "MDC_PRESS_BLD_ART_ABP_MEAN": "MAP",
    "MDC_PRESS_BLD_ART_SYS": "SBP", "MDC_PRESS_BLD_ART_ABP_SYS": "SBP",
    "MDC_PRESS_BLD_ART_DIA": "DBP", "MDC_PRESS_BLD_ART_ABP_DIA": "DBP",
    "MDC_PRESS_CUFF_MEAN": "NIBP_MAP", "MDC_PRESS_BLD_NONINV_MEAN": "NIBP_MAP",
    "MDC_PRESS_CUFF_SYS": "NIBP_SBP", "MDC_PRESS_BLD_NONINV_SYS": "NIBP_SBP",
    "MDC_PRESS_CUFF_DIA": "NIBP_DBP", "MDC_PRESS_BLD_NONINV_DIA": "NIBP_DBP",
    "MDC_ECG_HEART_RATE": "HR", "MDC_ECG_CARD_BEAT_RATE": "HR",
    "MDC_PULS_OXIM_PULS_RATE": "PULSE", "MDC_PULS_RATE": "PULSE",
    "MDC_PULS_OXIM_SAT_O2": "SPO2",
    "MDC_RESP_RATE": "RR", "MDC_TTHOR_RESP_RATE": "RR",
    "MDC_TEMP_BODY": "TEMP", "MDC_TEMP": "TEMP",
    "MDC_AWAY_CO2_ET": "ETCO2", "MDC_CONC_AWAY_CO2_ET": "ETCO2",
}  # fmt: skip

MDC_UNITS: Final = {
    "MDC_DIM_MMHG": "mm[Hg]", "MDC_DIM_KILO_PASCAL": "kPa", "MDC_DIM_PERCENT": "%",
    "MDC_DIM_BEAT_PER_MIN": "/min", "MDC_DIM_RESP_PER_MIN": "/min", "MDC_DIM_DEGC": "Cel", "MDC_DIM_FAHR": "[degF]",
}  # fmt: skip
"""Reference identifiers of units and their UCUM codes."""

_SNOMED_INVASIVE = frozenset(("77938009",))  # arterial pressure monitoring, invasive method
_SNOMED_CUFF = frozenset(("17146006", "37931006"))  # non-invasive method; auscultation
_OF_METHOD = {
    "invasive": {"BP_MAP": "MAP", "BP_SBP": "SBP", "BP_DBP": "DBP"},
    "cuff": {"BP_MAP": "NIBP_MAP", "BP_SBP": "NIBP_SBP", "BP_DBP": "NIBP_DBP"},
}


def most_exact(found: list[tuple[str, str]]) -> tuple[str, str] | None:
    """Of the [(signal, code)] that one value carries, the first of the exact signal; None where they contradict.

    BP_MAP says less than MAP or NIBP_MAP, and gives way to them.
    """
    signals = {signal for signal, _ in found}
    for exact in _OF_METHOD.values():
        signals -= {general for general, signal in exact.items() if signal in signals}
    return next(pair for pair in found if pair[0] in signals) if len(signals) == 1 else None


def by_method(signal: str, snomed_codes: set[str]) -> str:
    """The signal, made exact by the SNOMED CT codes of its method; unchanged where they say nothing or both."""
    is_invasive, is_cuff = bool(snomed_codes & _SNOMED_INVASIVE), bool(snomed_codes & _SNOMED_CUFF)
    if is_invasive == is_cuff:
        return signal
    return _OF_METHOD["invasive" if is_invasive else "cuff"].get(signal, signal)
