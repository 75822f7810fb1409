"""Response to radiotherapy with immunotherapy, from what is known six weeks in."""

from training.task import Candidate, Task, late
from training.tasks.clinical import clinical_only
from training.tasks.landmark import LANDMARK_DAY, response_labels

MODELS = "training.models.classes"

task = Task(
    name="treatment_response",
    question="Given what is known six weeks into radiotherapy, will the first assessment show a complete or partial "
    "response?",
    cohort=f"Patients with a first fraction of radiotherapy whose response is first assessed after day {LANDMARK_DAY}.",
    prediction_time=f"{LANDMARK_DAY} days after the first fraction (landmark).",
    horizon="First assessment of response: CR or PR against SD or PD.",
    kind="classes",
    entity="patient_id",
    service="treatment_response_v1",
    build_labels=response_labels,
    primary_metric="auroc",
    reference="clinical_logistic",
    candidates=(
        Candidate("prevalence", "The share of responders, for everyone.", late(MODELS, "prevalence"), is_baseline=True),
        Candidate(
            "clinical_logistic",
            "Logistic regression on age, Karnofsky status and MGMT.",
            late(MODELS, "logistic"),
            uses=clinical_only,
        ),
        Candidate(
            "elastic_net",
            "Logistic elastic net on all features.",
            late(MODELS, "elastic_net"),
            grid={
                "model__C": (0.03, 0.1, 0.3),
            },
        ),
        Candidate(
            "boosting",
            "Gradient boosting on all features.",
            late(MODELS, "boosting"),
            grid={
                "model__learning_rate": (0.03, 0.1),
            },
        ),
    ),
)
