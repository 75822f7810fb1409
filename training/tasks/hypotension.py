"""Hypotension during an operation, 5, 10 and 15 minutes ahead, from the routine monitor alone."""

from functools import partial
from typing import TYPE_CHECKING

from training.task import Candidate, Subgroup, Task, late
from training.tasks.hypotension_labels import GROUP, MAP_NOW, hypotension_labels

if TYPE_CHECKING:
    import pandas as pd

MODELS = "training.models.classes"
LAST_MAP = "vital_window__map_mmhg"
LAST_DBP = "vital_window__dbp_mmhg"
SLOPES = {
    # minutes ahead: the slope to carry MAP on along, of a window that is no shorter where there is one
    5: "vital_window__map_slope_5min_mmhg_per_min",
    10: "vital_window__map_slope_15min_mmhg_per_min",
    15: "vital_window__map_slope_15min_mmhg_per_min",
}


def hypotension_task(name: str, lead_minutes: int) -> Task:
    """The task of predicting hypotension so many minutes ahead; everything else is the same for each."""
    slope = SLOPES[lead_minutes]
    return Task(
        name=name,
        question=f"Will this patient's mean arterial pressure be below 65 mmHg {lead_minutes} minutes from now?",
        cohort=f"Every minute of every case that has invasive MAP now and {lead_minutes} minutes later, whatever its "
        "value.",
        prediction_time="The end of each 60-second bin of the case (forward framing).",
        horizon=f"The 60-second bin of MAP {lead_minutes} minutes later, by hypotension.map_lt65_60s.",
        kind="classes",
        entity="case_id",
        service="hypotension_v2",
        build_labels=partial(hypotension_labels, lead_minutes=lead_minutes),
        primary_metric="auroc",
        reference="last_map",
        group=GROUP,
        rows_per_hour=60.0,
        subgroups=(
            Subgroup("gray_zone", "MAP now from 65 to 75 mmHg.", _gray_zone),
            Subgroup("new_onset", "MAP now not below 65 mmHg.", _not_yet_low),
        ),
        candidates=(
            Candidate(
                "prevalence",
                "The share of hypotensive minutes, for every minute.",
                late(MODELS, "prevalence"),
                is_baseline=True,
            ),
            Candidate(
                "last_map",
                "Logistic regression on the MAP of now.",
                late(MODELS, "logistic"),
                uses=lambda columns: [LAST_MAP],
            ),
            Candidate(
                "last_dbp",
                "Logistic regression on the diastolic pressure of now.",
                late(MODELS, "logistic"),
                uses=lambda columns: [LAST_DBP],
            ),
            Candidate(
                "extrapolated_map",
                f"Logistic regression on MAP carried on along its slope for {lead_minutes} minutes.",
                late(MODELS, "extrapolation", value=LAST_MAP, slope=slope, ahead=float(lead_minutes)),
                uses=lambda columns: [LAST_MAP, slope],
            ),
            # Nothing is searched: over thousands of minutes the penalty moved no metric in the third decimal.
            Candidate("logistic", "Ridge logistic regression on all features.", late(MODELS, "ridge_logistic")),
            # Leaves of many minutes: a leaf of twenty could be a third of an hour of one patient.
            Candidate("boosting", "Gradient boosting on all features.", late(MODELS, "boosting", min_samples_leaf=200)),
        ),
    )


def _gray_zone(labels: "pd.DataFrame") -> "pd.Series":
    return labels[MAP_NOW].between(65, 75)


def _not_yet_low(labels: "pd.DataFrame") -> "pd.Series":
    return labels[MAP_NOW] >= 65


task = hypotension_task("hypotension", 5)
tasks = (task, hypotension_task("hypotension_10min", 10), hypotension_task("hypotension_15min", 15))
