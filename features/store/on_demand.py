"""Features that depend on the time that is asked about: counted at retrieval, offline and online alike.

Nothing here imports Feast: the functions go from a frame of inputs to a frame of features.
"""

import pandas as pd

from features.tables.treatment_times import ENDS, KINDS

DAYS_VIEW = "treatment_days"
DAYS_DEFINITION = "treatment.days/1"
SECONDS_A_DAY = 86_400.0
ASKED_AT = "event_timestamp"
"""The label's time; online, the caller gives it in each entity row (usually now)."""

TREATMENT_DAYS: dict[str, tuple[str, str]] = {
    f"since_{which}_{name}_d": (f"{which}_{name}_time", f"Days from the {which} {text} to the time asked about.")
    for name, (_, text) in KINDS.items()
    for which in ENDS
}
"""Feature -> the time in `treatment_times` that it counts from, and what it is."""


def treatment_days(inputs: pd.DataFrame) -> pd.DataFrame:
    """Days (float64, with fractions) from each time of `treatment_times` to `event_timestamp`; null before any.

    inputs: the columns of `treatment_times` and `event_timestamp`, with or without a zone (then UTC).
    """
    asked = pd.to_datetime(inputs[ASKED_AT], utc=True)
    return pd.DataFrame(
        {
            feature: (asked - pd.to_datetime(inputs[time], utc=True)).dt.total_seconds() / SECONDS_A_DAY
            for feature, (time, _) in TREATMENT_DAYS.items()
        },
        index=inputs.index,
    )
