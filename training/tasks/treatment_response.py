"""Response to radiotherapy with immunotherapy, from what is known six weeks in.

Responders against all others: among a hundred patients a complete response is too rare to be learned on its own, and
what the binary question loses is named in the horizon.
"""

from training.task import Task
from training.tasks.candidates import class_candidates
from training.tasks.landmark import LANDMARK_DAY, response_labels

task = Task(
    name="treatment_response",
    question="Given what is known six weeks into radiotherapy, will the first assessment show a complete or partial "
    "response?",
    cohort=f"Patients with a first fraction of radiotherapy whose response is first assessed after day {LANDMARK_DAY}.",
    prediction_time=f"{LANDMARK_DAY} days after the first fraction (landmark).",
    horizon="First assessment of response by RANO: CR or PR (positive) against SD or PD. Complete is not told from "
    "partial, nor stable from progressive disease; who progresses, and when, is the question of recurrence.",
    kind="classes",
    entity="patient_id",
    service="treatment_response_v2",
    build_labels=response_labels,
    primary_metric="auroc",
    reference="clinical_logistic",
    candidates=class_candidates("The share of responders, for everyone."),
)
