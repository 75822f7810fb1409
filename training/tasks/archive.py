"""Cohorts of study archives without dates (cBioPortal): everything of the tumour sample lies on one day 0.

Such archives say what was found and how many months a patient lived, and no date of anything. Day 0 is where ingestion
puts the diagnosis or the sample; a cohort with dates has other tasks, with landmarks of its treatment. Who is in is
decided by the archive, and by nothing that came later: leaving out whom radiotherapy was given to would look ahead.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

from ingestion.dates import DAY_ZERO
from training.task import PREDICTION_TIME

if TYPE_CHECKING:
    import pandas as pd

WORKED_UP_DAYS = 30
"""From day 0 to the prediction: the sample is sequenced and reported, with the delays that sites declare (21 days where
they declare none). It is the same for everyone, so that it cannot tell the outcome."""
PREDICTION = f"{WORKED_UP_DAYS} days after day 0 of the archive (diagnosis, or the tumour sample)."
KNOWN = "age, Karnofsky status and WHO grade"


def of_archives(rows: "pd.DataFrame") -> "pd.DataFrame":
    """The rows that lie on day 0, with PREDICTION_TIME."""
    undated = rows[rows["event_time"].eq(DAY_ZERO)]
    return undated.assign(**{PREDICTION_TIME: DAY_ZERO + timedelta(days=WORKED_UP_DAYS)})
