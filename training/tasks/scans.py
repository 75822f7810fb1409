"""MR scans of patients against the course of radiotherapy: the last one before it, the first one after it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from infra.current import current_arrow
from infra.lake import Lake
from training.task import PREDICTION_TIME
from training.tasks.landmark import PATIENT, fractions

if TYPE_CHECKING:
    import pandas as pd

SCAN_TABLES = ("treatment", "imaging_series", "imaging_measurement")
COURSE_DAYS = 60
"""Fractions that begin within so many days of the first are its course; later ones are another irradiation."""
MEASURED_DAYS = 7
"""Days from a scan to the prediction that rests on it: the report and the measures are there, and the tumour board
meets. It is the same for every patient, so that it cannot tell the outcome; a measure that came later is missing for a
model, as it was in the clinic."""


def scans(lake: Lake, versions: Mapping[str, int]) -> "pd.DataFrame":
    """Scans: a row for each patient, time (scan_time) and file (scan_file_id).

    From MR series of people that a scanner acquired, and from measures that carry a time of their own, since tables of
    measures may name their images by a path only.
    """
    import pandas as pd

    columns = [PATIENT, "event_time", "file_id"]
    series = current_arrow(lake, "imaging_series", versions["imaging_series"])
    made = series.select([*columns, "modality", "species", "is_derived"]).to_pandas()
    # `is_derived` has nulls, and a null says nothing against a series.
    acquired = made["modality"].eq("MR") & made["species"].eq("human") & ~made["is_derived"].eq(True)
    measured = current_arrow(lake, "imaging_measurement", versions["imaging_measurement"]).select(columns).to_pandas()
    both: pd.DataFrame = pd.concat([made.loc[acquired, columns], measured]).dropna(subset=["event_time"])
    return both.drop_duplicates().rename(columns={"event_time": "scan_time", "file_id": "scan_file_id"})


def courses(lake: Lake, versions: Mapping[str, int]) -> "pd.DataFrame":
    """A row a patient: begin and end of the first course of radiotherapy, fraction_file_id of its first fraction."""
    given = fractions(lake, versions).sort_values(["start_time", "file_id"])
    given["end"] = given["stop_time"].fillna(given["start_time"])
    given["begin"] = given.groupby(PATIENT)["start_time"].transform("min")
    course = given[given["start_time"] <= given["begin"] + timedelta(days=COURSE_DAYS)]
    return course.groupby(PATIENT, as_index=False).agg(
        begin=("begin", "first"), end=("end", "max"), fraction_file_id=("file_id", "first")
    )


def first_after(scanned: "pd.DataFrame", given: "pd.DataFrame") -> "pd.DataFrame":
    """Of each patient with a course of radiotherapy the first scan after its end, as `_with_time` has it."""
    both = given.merge(scanned, on=PATIENT, how="inner")
    after = both[both["scan_time"] > both["end"]]
    return _with_time(after.sort_values(["scan_time", "scan_file_id"]).groupby(PATIENT).head(1))


def last_before(scanned: "pd.DataFrame", given: "pd.DataFrame") -> "pd.DataFrame":
    """Of each patient the last scan not after the first fraction; the very first where no file has a fraction."""
    import pandas as pd

    both = scanned.merge(given, on=PATIENT, how="left")
    before = both[both["scan_time"] <= both["begin"]].sort_values(["scan_time", "scan_file_id"])
    untreated = both[both["begin"].isna()].sort_values(["scan_time", "scan_file_id"])
    return _with_time(pd.concat([before.groupby(PATIENT).tail(1), untreated.groupby(PATIENT).head(1)]))


def _with_time(chosen: "pd.DataFrame") -> "pd.DataFrame":
    """A row a patient: PREDICTION_TIME, MEASURED_DAYS after the scan; scan_time, scan_file_id and fraction_file_id."""
    columns = [PATIENT, PREDICTION_TIME, "scan_time", "scan_file_id", "fraction_file_id"]
    return chosen.assign(**{PREDICTION_TIME: chosen["scan_time"] + timedelta(days=MEASURED_DAYS)})[columns]
