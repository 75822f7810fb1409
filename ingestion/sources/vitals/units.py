"""Units of vital signs: synonyms of the lake's own unit, and conversions of units coded in UCUM.

https://ucum.org/ucum: m[Hg] is 133.3220 kPa, m[H2O] 9.80665 kPa, bar 100 kPa; Cel and [degF] are special units with
an offset from K; Hz is 1/s; % is 10*-2. A unit is converted only where the file says that its code is UCUM: plain
text such as 'F' or 'kPa' may be anything, and is refused.
"""

import math
import re
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.problems import where
from ingestion.sources.vitals.signals import ucum, unit_of

UCUM_SYSTEM: Final = "http://unitsofmeasure.org"
UNIT_MISSING: Final = "the value has no unit"
UNIT_UNCLEAR: Final = "SPO2 can be read two ways (a fraction or a percentage), and no unit is stated"
UNIT_WRONG: Final = "the unit is not the one of the signal"

_KPA_PER_MMHG = 0.133322
_TO_LAKE: dict[str, dict[str, tuple[float, float]]] = {
    # lake's unit: {UCUM code: (factor, offset added after it)}
    "mm[Hg]": {
        "kPa": (1 / _KPA_PER_MMHG, 0),
        "hPa": (0.1 / _KPA_PER_MMHG, 0),
        "mbar": (0.1 / _KPA_PER_MMHG, 0),
        "Pa": (0.001 / _KPA_PER_MMHG, 0),
        "cm[Hg]": (10, 0),
        "cm[H2O]": (0.0980665 / _KPA_PER_MMHG, 0),
    },
    "/min": {"min-1": (1, 0), "1/min": (1, 0), "/s": (60, 0), "Hz": (60, 0), "/h": (1 / 60, 0)},
    "%": {"1": (100, 0), "10*-2": (1, 0)},
    "Cel": {"[degF]": (5 / 9, -160 / 9), "K": (1, -273.15)},
}
_ANNOTATION = re.compile(r"\{[^{}]*\}")


def fraction_or_percent(saturation: pa.Array) -> pa.Array:
    """The problem of each saturation without a stated unit (null: none): 0.97 is a fraction, or hardly a percent."""
    return where(pc.and_(pc.greater(saturation, 0.0), pc.less_equal(saturation, 1.0)), UNIT_UNCLEAR)


def conversion_to(wanted: str, given: str) -> tuple[float, float] | None:
    """(factor, offset added after it) from a UCUM code to the lake's unit; None where there is none."""
    bare = _ANNOTATION.sub("", given.strip()) or "1"
    return (1, 0) if bare == wanted else _TO_LAKE[wanted].get(bare)


def in_unit_of(signal: str, value: float, unit: str | None, is_ucum: bool) -> tuple[float, str | None, str | None]:
    """(value, unit, problem) in the lake's unit of the signal.

    unit: as written, or the UCUM code where is_ucum. Where it does not fit, value and unit stay as they are and the
    problem says so.
    """
    if unit is None or not unit.strip():
        return value, None, UNIT_MISSING
    wanted, given = unit_of(signal), unit.strip()
    if is_ucum:
        conversion = conversion_to(wanted, given)
        if conversion is not None:
            converted = value * conversion[0] + conversion[1]
            return (
                (converted, wanted, None) if math.isfinite(converted) else (value, given, "the value is not a number")
            )
    if ucum(given) == wanted:
        return value, wanted, None
    return value, given, UNIT_WRONG
