"""What the monitor showed."""

from collections.abc import Iterator

from infra.checks import Between, Matches, NotNull, OneOf
from infra.table import Column, Table

SIGNALS = {
    # signal: (UCUM unit, lowest and highest plausible value, LOINC, what it is)
    "MAP": ("mm[Hg]", 14, 330, "8478-0", "mean arterial pressure, invasive"),
    "SBP": ("mm[Hg]", 0, 375, "8480-6", "systolic pressure, invasive"),
    "DBP": ("mm[Hg]", 0, 375, "8462-4", "diastolic pressure, invasive"),
    "NIBP_MAP": ("mm[Hg]", 14, 330, "8478-0", "mean arterial pressure, cuff"),
    "NIBP_SBP": ("mm[Hg]", 0, 375, "8480-6", "systolic pressure, cuff"),
    "NIBP_DBP": ("mm[Hg]", 0, 375, "8462-4", "diastolic pressure, cuff"),
    "BP_MAP": ("mm[Hg]", 14, 330, "8478-0", "mean arterial pressure, method not stated"),
    "BP_SBP": ("mm[Hg]", 0, 375, "8480-6", "systolic pressure, method not stated"),
    "BP_DBP": ("mm[Hg]", 0, 375, "8462-4", "diastolic pressure, method not stated"),
    "HR": ("/min", 0, 350, "8867-4", "heart rate"),
    "PULSE": ("/min", 0, 350, "8889-8", "pulse rate"),
    "SPO2": ("%", 0, 100, "59408-5", "oxygen saturation by pulse oximetry"),
    "RR": ("/min", 0, 300, "9279-1", "respiratory rate"),
    "TEMP": ("Cel", 26, 45, "8310-5", "body temperature"),
    "ETCO2": ("mm[Hg]", 0, 150, "19889-5", "end-tidal carbon dioxide"),
}


def _plausible() -> Iterator[Between]:
    """One check for each range, over the signals that share it: each check is a pass over its rows."""
    ranges: dict[tuple[int, int], list[str]] = {}
    for name, (_, low, high, _, _) in SIGNALS.items():
        ranges.setdefault((low, high), []).append(name)
    for (low, high), names in ranges.items():
        yield Between(low, high, where=f"signal IN ({', '.join(repr(name) for name in names)})")


vital_sign = Table(
    name="vital_sign",
    grain="one value of one signal",
    description="Numerics of monitors. Missing values have no row; zeros that stand for missing are none.",
    key=("case_id", "signal", "device", "event_time"),
    columns=(
        Column(
            "patient_id",
            "string",
            "Pseudonym of the patient; null where the file names only the case.",
            checks=(Matches("[a-z0-9]{26}"),),
        ),
        Column(
            "case_id",
            "string",
            "Pseudonym of the case (operation, stay, record); the patient's where a message names no stay.",
            checks=(NotNull(), Matches("[a-z0-9]{26}")),
        ),
        Column("signal", "string", "Which vital sign.", checks=(NotNull(), OneOf(tuple(SIGNALS)))),
        Column(
            "value",
            "double",
            "Value, in `unit`.",
            checks=(NotNull(), *_plausible()),
        ),
        Column("unit", "string", "UCUM unit.", checks=(NotNull(), OneOf(("mm[Hg]", "/min", "%", "Cel")))),
        Column("device", "string", "Monitor, track or code that measured; a device's identifier as its pseudonym."),
    ),
    cluster_by=("case_id", "event_time"),
)
