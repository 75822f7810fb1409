"""Recurrence after re-irradiation, from what is known six weeks in; death before it competes."""

from training.task import Task
from training.tasks.candidates import cause_specific_candidates
from training.tasks.landmark import LANDMARK_DAY
from training.tasks.recurrence_labels import recurrence_labels

task = Task(
    name="recurrence",
    question="Given what is known six weeks into radiotherapy, when will this patient's tumour progress?",
    cohort=f"Patients with a first fraction of radiotherapy who are alive, followed and free of progression beyond day "
    f"{LANDMARK_DAY} of it.",
    prediction_time=f"{LANDMARK_DAY} days after the first fraction (landmark).",
    horizon="Progression, from the landmark to the end of follow-up; death without progression is a competing event, "
    "so that what is predicted is the share of patients who will have progressed.",
    kind="survival",
    entity="patient_id",
    service="recurrence_v1",
    build_labels=recurrence_labels,
    primary_metric="uno_c",
    reference="clinical_cox",
    horizon_days=365.0,
    candidates=cause_specific_candidates(),
)
