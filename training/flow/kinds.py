"""Which evaluator a task has."""

from typing import TYPE_CHECKING

from training.flow.evaluator import Evaluator

if TYPE_CHECKING:
    from training.dataset import Dataset
    from training.plan import Plan


def evaluator_of(dataset: "Dataset", plan: "Plan", jobs: int) -> Evaluator:
    """The evaluator of the task's kind. Heavy libraries are imported here and not before."""
    if dataset.task.kind == "profiles":
        from training.profiles.evaluator import ProfileEvaluator

        return ProfileEvaluator(dataset, plan, jobs)
    from training.flow.predictive import PredictiveEvaluator

    return PredictiveEvaluator(dataset, plan, jobs)
