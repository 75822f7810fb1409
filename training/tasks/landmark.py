"""Landmark cohorts: everyone is predicted at the same moment of treatment, and only who has come so far counts.

Predicting from a fixed landmark (Anderson, Cain and Gelber 1983) keeps immortal time out: what a patient's blood
shows in week 6 may only speak about patients who lived to week 6.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from infra.current import current_arrow, pinned_or_newest
from infra.lake import Lake
from training.task import IS_EVENT, LABEL, PREDICTION_TIME, SITE, TIME_DAYS, Labels

if TYPE_CHECKING:
    import pandas as pd

LANDMARK_DAY = 42
SECONDS_A_DAY = 86_400.0
PATIENT = "patient_id"


def survival_labels(
    lake: Lake, endpoint: str, landmark_day: int = LANDMARK_DAY, *, versions: Mapping[str, int] | None = None
) -> Labels:
    """Time from the landmark to `endpoint`, for patients under observation and free of it at the landmark.

    The landmark is `landmark_day` days after the first fraction of radiotherapy. Where an endpoint was assessed more
    than once, the assessment that reaches furthest counts. Targets: TIME_DAYS (days, > 0) and IS_EVENT.
    """
    first, outcomes, read = _landmarks(lake, endpoint, landmark_day, versions)
    last = outcomes.sort_values(["outcome_time", "assessment"], na_position="first").groupby(PATIENT).tail(1)
    cohort = first.merge(last, on=PATIENT, how="inner")
    kept = cohort[cohort["outcome_time"] > cohort[PREDICTION_TIME]].copy()
    kept[TIME_DAYS] = (kept["outcome_time"] - kept[PREDICTION_TIME]).dt.total_seconds() / SECONDS_A_DAY
    kept[IS_EVENT] = kept["is_event"].astype(bool)
    flow = {
        "patients with a fraction of radiotherapy": len(first),
        f"of these with {endpoint}": len(cohort),
        f"of these followed beyond day {landmark_day} without the event": len(kept),
    }
    return _labels(kept, [TIME_DAYS, IS_EVENT], read, flow)


def response_labels(
    lake: Lake, landmark_day: int = LANDMARK_DAY, *, versions: Mapping[str, int] | None = None
) -> Labels:
    """Whether the first assessment of response is CR or PR, for patients not yet assessed at the landmark."""
    first, outcomes, read = _landmarks(lake, "response", landmark_day, versions)
    earliest = outcomes.sort_values(["outcome_time", "assessment"], na_position="last").groupby(PATIENT).head(1)
    cohort = first.merge(earliest, on=PATIENT, how="inner")
    kept = cohort[cohort["outcome_time"] > cohort[PREDICTION_TIME]].copy()
    kept[LABEL] = kept["category"].isin(["CR", "PR"])
    flow = {
        "patients with a fraction of radiotherapy": len(first),
        "of these with an assessed response": len(cohort),
        f"of these first assessed after day {landmark_day}": len(kept),
    }
    return _labels(kept, [LABEL], read, flow)


def _landmarks(
    lake: Lake, endpoint: str, landmark_day: int, pinned: Mapping[str, int] | None
) -> "tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]":
    """(a row a patient: landmark and file of the first fraction, current rows of the endpoint, pinned versions)."""
    versions = pinned_or_newest(lake, ["treatment", "outcome"], pinned)
    fractions = (
        current_arrow(lake, "treatment", versions["treatment"], where={"kind": "radiotherapy_fraction"})
        .select([PATIENT, "start_time", "file_id"])
        .to_pandas()
    )
    first = fractions.sort_values(["start_time", "file_id"]).groupby(PATIENT).head(1)
    first = first.assign(**{PREDICTION_TIME: first["start_time"] + timedelta(days=landmark_day)})
    outcomes = (
        current_arrow(lake, "outcome", versions["outcome"], where={"endpoint": endpoint})
        .select([PATIENT, "assessment", "outcome_time", "is_event", "category", SITE, "file_id"])
        .to_pandas()
    )
    first = first.drop(columns="start_time").rename(columns={"file_id": "fraction_file_id"})
    return first, outcomes, versions


def _labels(kept: "pd.DataFrame", targets: list[str], versions: dict[str, int], flow: dict[str, int]) -> Labels:
    files = {*kept["file_id"], *kept["fraction_file_id"]}
    frame = kept.sort_values(PATIENT)[[PATIENT, PREDICTION_TIME, SITE, *targets]].reset_index(drop=True)
    return Labels(frame, versions, tuple(sorted(files)), flow)
