"""Overall survival after re-irradiation, from what is known six weeks in."""

from functools import partial

from training.task import Candidate, Task, late
from training.tasks.clinical import clinical_only
from training.tasks.landmark import LANDMARK_DAY, survival_labels

MODELS = "training.models.survival"

task = Task(
    name="overall_survival",
    question="Given what blood, imaging, tumour and clinic show six weeks into radiotherapy, how long will this "
    "patient live?",
    cohort=f"Patients with a first fraction of radiotherapy alive and followed beyond day {LANDMARK_DAY} of it.",
    prediction_time=f"{LANDMARK_DAY} days after the first fraction (landmark).",
    horizon="Death of any cause, from the landmark to the end of follow-up.",
    kind="survival",
    entity="patient_id",
    service="overall_survival_v1",
    build_labels=partial(survival_labels, endpoint="OS"),
    primary_metric="uno_c",
    reference="clinical_cox",
    horizon_days=365.0,
    candidates=(
        Candidate(
            "kaplan_meier",
            "One survival curve for everyone.",
            late(MODELS, "kaplan_meier"),
            uses=lambda columns: [],
            is_baseline=True,
        ),
        Candidate(
            "clinical_cox",
            "Cox regression on age, Karnofsky status and MGMT.",
            late(MODELS, "ridge_cox"),
            uses=clinical_only,
        ),
        Candidate(
            "coxnet",
            "Cox elastic net on all features.",
            late(MODELS, "coxnet"),
            grid={
                "model__l1_ratio": (0.1, 0.9),
                "model__alphas": ([0.1], [0.2], [0.4], [0.8]),
            },
        ),
        Candidate("survival_forest", "Random survival forest on all features.", late(MODELS, "survival_forest")),
    ),
)
