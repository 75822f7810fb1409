"""Hypotension during an operation, five minutes ahead, from the routine monitor alone."""

from functools import partial
from typing import TYPE_CHECKING

from training.task import Candidate, Subgroup, Task, late
from training.tasks.hypotension_labels import GROUP, MAP_NOW, hypotension_labels

if TYPE_CHECKING:
    import pandas as pd

MODELS = "training.models.classes"
LEAD_MINUTES = 5
LAST_MAP = "vital_window__map_mmhg"
SLOPE = "vital_window__map_slope_5min_mmhg_per_min"


def _gray_zone(labels: "pd.DataFrame") -> "pd.Series":
    return labels[MAP_NOW].between(65, 75)


def _not_yet_low(labels: "pd.DataFrame") -> "pd.Series":
    return labels[MAP_NOW] >= 65


task = Task(
    name="hypotension",
    question="Will this patient's mean arterial pressure be below 65 mmHg five minutes from now?",
    cohort="Every minute of every case that has invasive MAP now and five minutes later, whatever its value.",
    prediction_time="The end of each 60-second bin of the case (forward framing).",
    horizon=f"The 60-second bin of MAP {LEAD_MINUTES} minutes later, by hypotension.map_lt65_60s.",
    kind="classes",
    entity="case_id",
    service="hypotension_v1",
    build_labels=partial(hypotension_labels, lead_minutes=LEAD_MINUTES),
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
            "extrapolated_map",
            "Logistic regression on MAP carried on along its slope of five minutes.",
            late(MODELS, "extrapolation", value=LAST_MAP, slope=SLOPE, ahead=float(LEAD_MINUTES)),
            uses=lambda columns: [LAST_MAP, SLOPE],
        ),
        # Nothing is searched: over thousands of minutes the penalty moved no metric in the third decimal.
        Candidate("logistic", "Ridge logistic regression on all features.", late(MODELS, "ridge_logistic")),
        # Leaves of many minutes: a leaf of twenty could be a third of an hour of one patient.
        Candidate("boosting", "Gradient boosting on all features.", late(MODELS, "boosting", min_samples_leaf=200)),
    ),
)
