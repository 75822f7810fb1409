"""Models that compete in several tasks: the trivial baseline first, then the clinic alone, then all that is known."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from training.models.attention.columns import uses_history
from training.task import Candidate, late
from training.tasks.clinical import clinical_only

SURVIVAL = "training.models.survival"
CLASSES = "training.models.classes"
FUSION = "training.models.fusion"
ATTENTION = "training.models.attention"
FROM_ANOTHER_MACHINE = 0.02
"""How far metrics of the attention model may lie apart when it is fitted again: it learns in float32, step upon step,
and another processor sums in another order."""
Uses = Callable[[Sequence[str]], list[str]]
CLINICAL = "age, Karnofsky status and MGMT"


def without_histories(candidates: tuple[Candidate, ...], clinical: str, uses: Uses) -> tuple[Candidate, ...]:
    """Of such candidates those that need no course of measurements; the clinical one sees what `uses` chooses.

    clinical: these variables in words. For cohorts of which all is known at one time.
    """
    kept = [c for c in candidates if c.uses is not uses_history]
    return tuple(
        replace(c, uses=uses, description=f"{c.description.partition(' on ')[0]} on {clinical}.")
        if c.uses is clinical_only
        else c
        for c in kept
    )


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
        Candidate(
            "boosting", "Gradient boosting of the Cox model on all features.", late(SURVIVAL, "boosted_survival")
        ),
        Candidate(
            "late_fusion",
            "A Cox elastic net for each modality, weighed by stacking.",
            late(FUSION, "late_fusion_survival"),
        ),
        Candidate(
            "attention",
            "Cox regression on attention over each measurement in its time.",
            late(ATTENTION, "attention_survival"),
            uses=uses_history,
            replay_tolerance=FROM_ANOTHER_MACHINE,
        ),
    )


def cause_specific_candidates() -> tuple[Candidate, ...]:
    """For the time to an event that another may forestall: a model of each cause, and one incidence from both."""
    inner = {
        "clinical_cox": "ridge_cox",
        "boosting": "boosted_survival",
        "attention": "attention_survival",
        "late_fusion": "late_fusion_survival",
    }
    baseline, *others = survival_candidates()
    return (
        replace(
            baseline,
            name="aalen_johansen",
            description="One cumulative incidence for everyone.",
            build=late(SURVIVAL, "aalen_johansen"),
        ),
        *(
            replace(
                c,
                description=f"{c.description[:-1]}, one model for each cause.",
                build=late(SURVIVAL, "cause_specific", inner=inner.get(c.name, c.name)),
                grid={name.replace("model__", "model__estimator__"): choices for name, choices in c.grid.items()},
            )
            for c in others
        ),
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
        Candidate(
            "late_fusion",
            "A logistic regression for each modality, weighed by stacking.",
            late(FUSION, "late_fusion_classes"),
        ),
        Candidate(
            "attention",
            "Logistic regression on attention over each measurement in its time.",
            late(ATTENTION, "attention_classes"),
            uses=uses_history,
            replay_tolerance=FROM_ANOTHER_MACHINE,
        ),
    )
