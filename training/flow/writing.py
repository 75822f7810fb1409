"""A candidate's run: what it says of itself from the start, and what it holds in the end."""

from typing import TYPE_CHECKING

from training.fingerprint import code_hash
from training.flow.evaluator import Addition, Outcome
from training.task import Candidate
from training.tracking import FINGERPRINT, IS_BEST, Recorder
from training.tracking.names import LEAKAGE

if TYPE_CHECKING:
    from features.leakage.check import Report
    from training.dataset import Dataset
    from training.plan import Plan

Tags = dict[str, str]


def tags_of(
    dataset: "Dataset", candidate: Candidate, plan: "Plan", leakage: "Report", *, is_permuted: bool, fingerprint: str
) -> Tags:
    """Tags of a candidate's run: what runs are filtered and grouped by."""
    from training.tokens import modalities_in

    lineage = dataset.lineage
    seen = dataset.features[candidate.uses(list(dataset.features.columns))]
    return {
        "task": lineage.task,
        "model": candidate.name,
        "plan": plan.name,
        "is_baseline": str(candidate.is_baseline).lower(),
        "is_permuted": str(is_permuted).lower(),
        "modalities": ", ".join(modalities_in(seen)) or "none",
        "feature_service": lineage.service,
        "digest": lineage.digest,
        "definitions_hash": lineage.definitions_hash,
        "code": code_hash(),
        FINGERPRINT: fingerprint,
        "leakage": f"none in {leakage.n_values} values",
        "mlflow.note.content": candidate.description,
        "mlflow.source.name": "oncolake train",
        **{f"delta.{view}": str(version) for view, version in lineage.table_versions.items()},
        **{f"delta.silver.{table}": str(version) for table, version in lineage.label_versions.items()},
    }


def params_of(dataset: "Dataset", candidate: Candidate, plan: "Plan", *, is_permuted: bool) -> dict[str, object]:
    """Parameters of a candidate's run: the columns of tables and the axes of parallel coordinates."""
    from training.tokens import modalities_in

    columns = candidate.uses(list(dataset.features.columns))
    modalities = modalities_in(dataset.features[columns])
    return {
        "model": candidate.name,
        "plan": plan.name,
        "folds": plan.folds,
        "seed": plan.seeds[0],
        "seeds": len(plan.seeds),
        "permuted": is_permuted,
        "n_rows": len(dataset.labels),
        "n_groups": int(dataset.groups.max()) + 1,
        "n_positive": int(dataset.is_positive.sum()),
        "n_features": len(columns),
        "n_features_left_out": len(dataset.left_out),
        "n_modalities": len(modalities),
        "modalities": ", ".join(modalities) or "none",
    }


def begin(recorder: Recorder, dataset: "Dataset", leakage: "Report", params: dict[str, object]) -> None:
    """What is known before anything is fitted: an open run already names its data."""
    from training.registry import cohort

    recorder.lineage(dataset.lineage)
    recorder.json(cohort.FILE, cohort.summary(dataset))
    recorder.json(LEAKAGE, leakage.as_json())
    recorder.values(params, {})


def finish(recorder: Recorder, dataset: "Dataset", outcome: Outcome) -> None:
    """Everything that was found."""
    from training.registry.serving import example_of, serving_of

    recorder.values(outcome.params, outcome.metrics)
    _files(recorder, outcome)
    for name, table in outcome.tables.items():
        recorder.table(name, table)
    fitted = outcome.fitted
    serving = serving_of(dataset, fitted.columns)
    name = f"{dataset.task.name}-{recorder.tags['model']}"
    recorder.model(name, fitted.model, serving, example_of(dataset, serving))


def add(recorder: Recorder, addition: Addition) -> None:
    """What the best candidate has beside the others; its tag comes last and says that the training is complete."""
    recorder.values({}, addition.metrics)
    _files(recorder, addition)
    recorder.tag(IS_BEST, "true")


def _files(recorder: Recorder, found: Outcome | Addition) -> None:
    for name, figure in found.figures.items():
        recorder.figure(name, figure)
    for name, document in found.documents.items():
        recorder.json(name, document)
