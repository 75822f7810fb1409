"""Time to progression with death as a competing event, from endpoints that files report as PFS and OS.

Progression-free survival counts a death as an event like a progression (RANO; FDA 2018 on endpoints in oncology), so
that a file's PFS says when, and not which. Which it was follows from the date of death, in this order:

1. an event that is assessed as progression (category PD) is a progression, whenever death came;
2. an event on the day of death is a death without progression;
3. any other event is a progression;
4. no event, observed to the day of death, is a death without progression: files that count no death as PFS event;
5. no event, observed to a day before death or without one, is censored.

A criterion (RANO) is not an assessment: files name it beside deaths too. Where no file says whether and when a
patient died (some studies on cBioPortal report PFS alone), an event is taken for a progression, and counted.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from infra.current import pinned_or_newest
from infra.lake import Lake
from training.task import COMPETING, IS_EVENT, PREDICTION_TIME, TIME_DAYS, Labels
from training.tasks.landmark import (
    LANDMARK_DAY,
    PATIENT,
    TABLES,
    days_between,
    landmarks,
    last_assessments,
    outcomes,
    patient_labels,
)

if TYPE_CHECKING:
    import pandas as pd

SAME_DAY = 0.9
"""Days between PFS and OS up to which they are one event: a date may stand for midnight and a death for its hour, and
days are 23 hours long where clocks change."""


def recurrence_labels(
    lake: Lake,
    landmark_day: int = LANDMARK_DAY,
    same_day: float = SAME_DAY,
    *,
    versions: Mapping[str, int] | None = None,
) -> Labels:
    """Time from the landmark to progression, for patients followed beyond it who had neither event before.

    Targets: TIME_DAYS (days, > 0) to the first of progression, death and the end of observation; IS_EVENT, whether it
    was progression; COMPETING, whether it was death without progression. `same_day`: see SAME_DAY.
    """
    read = pinned_or_newest(lake, TABLES, versions)
    first = landmarks(lake, landmark_day, read)
    progression = first.merge(last_assessments(outcomes(lake, "PFS", read)), on=PATIENT, how="inner")
    death = last_assessments(outcomes(lake, "OS", read))
    death = death[[PATIENT, "outcome_time", "is_event", "file_id"]].add_prefix("os_")
    cohort = progression.merge(death.rename(columns={f"os_{PATIENT}": PATIENT}), on=PATIENT, how="left")
    judged = first_event(cohort, same_day)
    kept = judged[judged["outcome_time"] > judged[PREDICTION_TIME]].copy()
    kept[TIME_DAYS] = days_between(kept[PREDICTION_TIME], kept["outcome_time"])
    flow = {
        "patients with a fraction of radiotherapy": len(first),
        "of these with PFS": len(cohort),
        f"of these followed beyond day {landmark_day} without progression": len(kept),
        "of these with progression": int(kept[IS_EVENT].sum()),
        "of these progressions of patients of whom no file says whether they died": int(
            (kept[IS_EVENT] & kept["os_outcome_time"].isna()).sum()
        ),
        "of those followed, dead without progression": int(kept[COMPETING].sum()),
    }
    return patient_labels(kept, [TIME_DAYS, IS_EVENT, COMPETING], read, flow)


def first_event(cohort: "pd.DataFrame", same_day: float = SAME_DAY) -> "pd.DataFrame":
    """Adds IS_EVENT and COMPETING by the rules above, a row a patient.

    cohort: outcome_time, is_event and category of PFS; os_outcome_time and os_is_event, null where no file has OS.
    """
    has_event = cohort["is_event"].eq(True)
    died = cohort["os_is_event"].eq(True)
    to_death = days_between(cohort["outcome_time"], cohort["os_outcome_time"])
    # A death that the files date before the end of PFS (an error of theirs) ends the observation like one on its day.
    on_death = died & (to_death <= same_day)
    is_progression = has_event & (cohort["category"].eq("PD") | ~on_death)
    return cohort.assign(**{IS_EVENT: is_progression, COMPETING: on_death & ~is_progression})
