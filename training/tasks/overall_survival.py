"""Overall survival after re-irradiation, from what is known six weeks in."""

from functools import partial

from training.task import Task
from training.tasks.candidates import survival_candidates
from training.tasks.landmark import LANDMARK_DAY, survival_labels

task = Task(
    name="overall_survival",
    question="Given what blood, imaging, tumour and clinic show six weeks into radiotherapy, how long will this "
    "patient live?",
    cohort=f"Patients with a first fraction of radiotherapy alive and followed beyond day {LANDMARK_DAY} of it.",
    prediction_time=f"{LANDMARK_DAY} days after the first fraction (landmark).",
    horizon="Death of any cause, from the landmark to the end of follow-up.",
    kind="survival",
    entity="patient_id",
    service="overall_survival_v2",
    build_labels=partial(survival_labels, endpoint="OS"),
    primary_metric="uno_c",
    reference="clinical_cox",
    horizon_days=365.0,
    candidates=survival_candidates(),
)
