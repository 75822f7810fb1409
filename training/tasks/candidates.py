"""Models that compete in several tasks: the trivial baseline first, then the clinic alone, then all that is known."""

from training.task import Candidate, late
from training.tasks.clinical import clinical_only

SURVIVAL = "training.models.survival"
CLASSES = "training.models.classes"
CLINICAL = "age, Karnofsky status and MGMT"


def survival_candidates() -> tuple[Candidate, ...]:
    """For the time to an event."""
    return (
        Candidate(
            "kaplan_meier",
            "One survival curve for everyone.",
            late(SURVIVAL, "kaplan_meier"),
            uses=lambda columns: [],
            is_baseline=True,
        ),
        Candidate(
            "clinical_cox",
            f"Cox regression on {CLINICAL}.",
            late(SURVIVAL, "ridge_cox"),
            uses=clinical_only,
        ),
        Candidate(
            "coxnet",
            "Cox elastic net on all features.",
            late(SURVIVAL, "coxnet"),
            grid={
                "model__l1_ratio": (0.1, 0.9),
                "model__alphas": ([0.1], [0.2], [0.4], [0.8]),
            },
        ),
        Candidate("survival_forest", "Random survival forest on all features.", late(SURVIVAL, "survival_forest")),
    )


def class_candidates(baseline: str, clinical: str = CLINICAL) -> tuple[Candidate, ...]:
    """For a yes or no of each patient.

    baseline: what the trivial baseline says, as a sentence. clinical: the clinical variables that the service has.
    """
    return (
        Candidate("prevalence", baseline, late(CLASSES, "prevalence"), is_baseline=True),
        Candidate(
            "clinical_logistic",
            f"Logistic regression on {clinical}.",
            late(CLASSES, "logistic"),
            uses=clinical_only,
        ),
        Candidate(
            "elastic_net",
            "Logistic elastic net on all features.",
            late(CLASSES, "elastic_net"),
            grid={
                "model__C": (0.03, 0.1, 0.3),
            },
        ),
        Candidate(
            "boosting",
            "Gradient boosting on all features.",
            late(CLASSES, "boosting"),
            grid={
                "model__learning_rate": (0.03, 0.1),
            },
        ),
    )


def cause_specific_candidates() -> tuple[Candidate, ...]:
    """For the time to an event that another may forestall: each cause has its own model."""
    return survival_candidates()
