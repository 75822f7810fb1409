"""Features that depend on the time that is asked about: counted at retrieval, offline and online alike.

Nothing here imports Feast: the functions go from a frame of inputs to a frame of features.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from features.tables.treatment_times import ENDS, KINDS
from features.view import LABEL_TIME

SECONDS_A_DAY = 86_400.0
ASKED_AT = LABEL_TIME
"""The label's time; online, the caller gives it in each entity row (usually now)."""

TREATMENT_DAYS: dict[str, tuple[str, str]] = {
    f"since_{which}_{name}_d": (f"{which}_{name}_time", f"Days from the {which} {text} to the time asked about.")
    for name, (_, text) in KINDS.items()
    for which in ENDS
}
"""Feature -> the time in `treatment_times` that it counts from, and what it is."""

IMAGING_DAYS: dict[str, tuple[str, str]] = {
    f"since_{which}_mr_d": (f"{which}_mr_time", f"Days from the {which} MR to the time asked about.")
    for which in ("first", "last")
}
"""The same of `imaging_availability`."""


def treatment_days(inputs: pd.DataFrame) -> pd.DataFrame:
    """Days (float64, with fractions) from each time of `treatment_times` to `event_timestamp`; null before any.

    inputs: the columns of `treatment_times` and `event_timestamp`, with or without a zone (then UTC).
    """
    return _days(inputs, TREATMENT_DAYS)


def imaging_days(inputs: pd.DataFrame) -> pd.DataFrame:
    """The same for the first and the last MR of `imaging_availability`."""
    return _days(inputs, IMAGING_DAYS)


def _days(inputs: pd.DataFrame, counted: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    asked = pd.to_datetime(inputs[ASKED_AT], utc=True)
    return pd.DataFrame(
        {
            feature: (asked - pd.to_datetime(inputs[time], utc=True)).dt.total_seconds() / SECONDS_A_DAY
            for feature, (time, _) in counted.items()
        },
        index=inputs.index,
    )


@dataclass(frozen=True)
class DaysView:
    """An on-demand view that counts days. source: the gold view with the times; features: as in TREATMENT_DAYS."""

    name: str
    source: str
    features: Mapping[str, tuple[str, str]]
    count: Callable[[pd.DataFrame], pd.DataFrame]
    definition: str
    description: str


DAYS_VIEWS = (
    DaysView(
        "treatment_days",
        "treatment_times",
        TREATMENT_DAYS,
        treatment_days,
        "treatment.days/1",
        "Days since each kind of treatment at the time that is asked about.",
    ),
    DaysView(
        "imaging_days",
        "imaging_availability",
        IMAGING_DAYS,
        imaging_days,
        "imaging.days/1",
        "Days since the first and the last MR at the time that is asked about.",
    ),
)
