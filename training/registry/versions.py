"""Registered models: one for each task, its versions the models of runs, its aliases who is what now."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from infra.errors import UsageError
from infra.lake import Lake
from training.artefacts import artefact
from training.registered import logged_models, with_aliases
from training.run import named
from training.tasks import TASKS
from training.tracking import LoggedRun, Tracker
from training.tracking.models import tracking
from training.tracking.names import LEAKAGE

CHALLENGER, CHAMPION = "challenger", "champion"
PROMOTION = "promotion"
"""Tag of a version: what became of it when it was last held against the champion, a sentence."""
_ALIAS = re.compile(r"[a-z][a-z_-]{1,40}")
_RESERVED = ("latest", CHAMPION)


@dataclass(frozen=True)
class ModelVersion:
    """A version of a task's registered model.

    model_id: of the logged model in MLflow. registered_ms: since 1970, UTC. promotion: the last verdict, or ''.
    """

    task: str
    version: int
    model: str
    run_id: str
    model_id: str
    aliases: tuple[str, ...]
    registered_ms: int
    promotion: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def register(lake: Lake, run_id: str, alias: str = CHALLENGER) -> ModelVersion:
    """The model of a run as a version of its task's registered model, with the model card as its description.

    run_id: the run's id or its first characters. A run that is registered already answers with its version, which
    takes the alias and a card that is made again.

    Raises UsageError on a run that cannot be registered: it did not finish, its labels were permuted, its leakage test
    is not there or not clean; and on an alias that is not free to give.
    """
    from training.registry.card.writing import write

    if not _ALIAS.fullmatch(alias) or alias in _RESERVED:
        raise UsageError(
            f"The alias {alias!r} cannot be given; expected lower-case letters, and not {' or '.join(_RESERVED)} "
            "(`oncolake models promote` makes a champion)."
        )
    tracker = Tracker(lake)
    run = tracker.run(run_id)
    model_id = _registrable(tracker, run)
    task = named(run.tags["task"])
    found = next((v for v in versions(lake, task.name) if v.run_id == run.run_id), None)
    if found is None:
        _ensure(tracker, task.name, task.question)
        with tracking(tracker.uri):
            tracker.client.create_model_version(
                task.name, f"models:/{model_id}", run.run_id, tags=_tags(run), model_id=model_id
            )
        found = next(v for v in versions(lake, task.name) if v.run_id == run.run_id)
    tracker.client.set_registered_model_alias(task.name, alias, str(found.version))
    registered = version_of(lake, task.name, found.version)
    write(lake, registered)
    return registered


def versions(lake: Lake, task: str) -> list[ModelVersion]:
    """The registered versions of a task, newest first; [] where there are none."""
    return [v for v in every_version(lake) if v.task == task]


def every_version(lake: Lake) -> list[ModelVersion]:
    """Every version of every task's registered model: tasks in their order, the newest version first."""
    found = [_version(v, aliases) for v, aliases in with_aliases(Tracker(lake)) if v.name in TASKS]
    order = list(TASKS)
    return sorted(found, key=lambda v: (order.index(v.task), -v.version))


def version_of(lake: Lake, task: str, version: int) -> ModelVersion:
    """One version. Raises UsageError where there is none of that number."""
    found = next((v for v in versions(lake, task) if v.version == version), None)
    if found is None:
        raise UsageError(f"{task} has no version {version}; `oncolake models list` shows those that it has.")
    return found


def chosen(lake: Lake, task: str, which: str | None) -> ModelVersion:
    """The version that a person means: by number, by the run that it came from, or by alias; default the challenger.

    Raises UsageError where none is meant.
    """
    there = versions(lake, task)
    if which is None or which in (CHALLENGER, CHAMPION):
        alias = which or CHALLENGER
        found = next((v for v in there if alias in v.aliases), None)
        if found is None:
            raise UsageError(f"{task} has no {alias}; `oncolake models register RUN` makes a run's model one.")
        return found
    if which.isdecimal() and len(which) < 8:
        return version_of(lake, task, int(which))
    run = Tracker(lake).run(which)
    found = next((v for v in there if v.run_id == run.run_id), None)
    if found is None:
        raise UsageError(
            f"Run {run.run_id[:8]} is not registered for {task}; `oncolake models register {run.run_id[:8]}` does that."
        )
    return found


def champion(lake: Lake, task: str) -> ModelVersion | None:
    """The champion of a task, or None."""
    return next((v for v in versions(lake, task) if CHAMPION in v.aliases), None)


def _registrable(tracker: Tracker, run: LoggedRun) -> str:
    """The id of the run's logged model. Raises UsageError with the reason why the run cannot be registered."""
    what = f"Run {run.run_id[:8]} ({run.tags.get('model', 'unknown')} of {run.tags.get('task', 'no task')})"
    if run.status != "FINISHED":
        raise UsageError(f"{what} is {run.status.lower()}; only a run that finished can be registered.")
    if run.tags.get("is_permuted") != "false":
        raise UsageError(f"{what} was trained on permuted labels, to see what chance looks like; it is no model.")
    path = artefact(tracker, run, LEAKAGE)
    if path is None:
        raise UsageError(f"{what} has no {LEAKAGE}; only a run whose leakage test was clean can be registered.")
    if json.loads(path.read_text()).get("is_clean") is not True:
        raise UsageError(f"{what} knew what could not be known at the time of its labels ({LEAKAGE}); it is no model.")
    ready = [m for m in logged_models(tracker, run) if str(tracker.client.get_logged_model(m).status) == "READY"]
    if not ready:
        raise UsageError(f"{what} has logged no model; train it again with this version.")
    return ready[-1]


def _ensure(tracker: Tracker, name: str, question: str) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

    try:
        tracker.client.create_registered_model(name, description=question)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise


def _tags(run: LoggedRun) -> dict[str, str]:
    kept = ("model", "plan", "digest", "definitions_hash", "code", "feature_service")
    return {name: run.tags[name] for name in kept if name in run.tags}


def _version(found: Any, aliases: tuple[str, ...]) -> ModelVersion:
    tags: Mapping[str, str] = found.tags
    return ModelVersion(
        task=found.name,
        version=int(found.version),
        model=tags.get("model", ""),
        run_id=str(found.run_id),
        model_id=str(found.source).removeprefix("models:/"),
        aliases=aliases,
        registered_ms=int(found.creation_timestamp),
        promotion=tags.get(PROMOTION, ""),
    )
