"""Landmark cohorts: everyone is predicted at the same moment of treatment, and only who has come so far counts.

Predicting from a fixed landmark (Anderson, Cain and Gelber 1983) keeps immortal time out: what a patient's blood
shows in week 6 may only speak about patients who lived to week 6.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from infra.current import current_arrow, pinned_or_newest
from infra.lake import Lake
from training.task import IS_EVENT, LABEL, PREDICTION_TIME, SECONDS_A_DAY, SITE, TIME_DAYS, Labels

if TYPE_CHECKING:
    import pandas as pd

LANDMARK_DAY = 42
PATIENT = "patient_id"
TABLES = ("treatment", "outcome")


def survival_labels(
    lake: Lake, endpoint: str, landmark_day: int = LANDMARK_DAY, *, versions: Mapping[str, int] | None = None
) -> Labels:
    """Time from the landmark to `endpoint`, for patients under observation and free of it at the landmark.

    The landmark is `landmark_day` days after the first fraction of radiotherapy. Where an endpoint was assessed more
    than once, the assessment that reaches furthest counts. Targets: TIME_DAYS (days, > 0) and IS_EVENT.
    """
    read = pinned_or_newest(lake, TABLES, versions)
    first = landmarks(lake, landmark_day, read)
    last = last_assessments(outcomes(lake, endpoint, read))
    cohort = first.merge(last, on=PATIENT, how="inner")
    kept = cohort[cohort["outcome_time"] > cohort[PREDICTION_TIME]].copy()
    kept[TIME_DAYS] = days_between(kept[PREDICTION_TIME], kept["outcome_time"])
    kept[IS_EVENT] = kept["is_event"].astype(bool)
    flow = {
        "patients with a fraction of radiotherapy": len(first),
        f"of these with {endpoint}": len(cohort),
        f"of these followed beyond day {landmark_day} without the event": len(kept),
    }
    return patient_labels(kept, [TIME_DAYS, IS_EVENT], read, flow)


def response_labels(
    lake: Lake, landmark_day: int = LANDMARK_DAY, *, versions: Mapping[str, int] | None = None
) -> Labels:
    """Whether the first assessment of response is CR or PR, for patients not yet assessed at the landmark."""
    read = pinned_or_newest(lake, TABLES, versions)
    first = landmarks(lake, landmark_day, read)
    assessed = outcomes(lake, "response", read)
    earliest = assessed.sort_values(["outcome_time", "assessment"], na_position="last").groupby(PATIENT).head(1)
    cohort = first.merge(earliest, on=PATIENT, how="inner")
    kept = cohort[cohort["outcome_time"] > cohort[PREDICTION_TIME]].copy()
    kept[LABEL] = kept["category"].isin(["CR", "PR"])
    flow = {
        "patients with a fraction of radiotherapy": len(first),
        "of these with an assessed response": len(cohort),
        f"of these first assessed after day {landmark_day}": len(kept),
    }
    return patient_labels(kept, [LABEL], read, flow)


def landmarks(lake: Lake, landmark_day: int, versions: Mapping[str, int]) -> "pd.DataFrame":
    """A row a patient with radiotherapy: PREDICTION_TIME, the landmark, and fraction_file_id, of the first fraction."""
    given = fractions(lake, versions)
    first = given.sort_values(["start_time", "file_id"]).groupby(PATIENT).head(1)
    first = first.assign(**{PREDICTION_TIME: first["start_time"] + timedelta(days=landmark_day)})
    return first[[PATIENT, PREDICTION_TIME, "file_id"]].rename(columns={"file_id": "fraction_file_id"})


def fractions(lake: Lake, versions: Mapping[str, int]) -> "pd.DataFrame":
    """Fractions (or courses) of radiotherapy: patient_id, start_time, stop_time (may be null), file_id."""
    given = current_arrow(lake, "treatment", versions["treatment"], where={"kind": "radiotherapy_fraction"})
    frame: pd.DataFrame = given.select([PATIENT, "start_time", "stop_time", "file_id"]).to_pandas()
    return frame


def outcomes(lake: Lake, endpoint: str, versions: Mapping[str, int]) -> "pd.DataFrame":
    """Assessments of an endpoint: patient, assessment, outcome_time, is_event, category, site, file."""
    assessed = current_arrow(lake, "outcome", versions["outcome"], where={"endpoint": endpoint})
    columns = [PATIENT, "assessment", "outcome_time", "is_event", "category", SITE, "file_id"]
    frame: pd.DataFrame = assessed.select(columns).to_pandas()
    return frame


def last_assessments(assessed: "pd.DataFrame") -> "pd.DataFrame":
    """Of each patient the assessment that reaches furthest."""
    return assessed.sort_values(["outcome_time", "assessment"], na_position="first").groupby(PATIENT).tail(1)


def days_between(earlier: "pd.Series", later: "pd.Series") -> "pd.Series":
    """Days with fractions of a day."""
    days: pd.Series = (later - earlier).dt.total_seconds() / SECONDS_A_DAY
    return days


def patient_labels(
    kept: "pd.DataFrame", targets: Sequence[str], versions: Mapping[str, int], flow: Mapping[str, int]
) -> Labels:
    """Labels of a row a patient. The files of a row are those that its columns `file_id` and `*_file_id` name."""
    named = [c for c in kept.columns if c == "file_id" or c.endswith("_file_id")]
    files = sorted({str(file) for column in named for file in kept[column].dropna()})
    frame = kept.sort_values(PATIENT)[[PATIENT, PREDICTION_TIME, SITE, *targets]].reset_index(drop=True)
    return Labels(frame, dict(versions), tuple(files), dict(flow))
