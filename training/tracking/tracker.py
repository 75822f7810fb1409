"""Opening and closing runs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from training.tracking.names import FINGERPRINT, INTERRUPTED, LEVEL, RESUMED, UNDER_WAY
from training.tracking.queries import LoggedRun, Queries
from training.tracking.recorder import Recorder

if TYPE_CHECKING:
    from training.task import Task


OF_PARENTS = (LEVEL, INTERRUPTED, UNDER_WAY)
"""Tags that a parent does not share with its children."""


class Tracker(Queries):
    """Runs of one lake, written and read."""

    def experiment(self, task: "Task") -> str:
        """The id of the task's experiment, made on first use with the clinical question in its description."""
        found = self.client.get_experiment_by_name(task.name)
        if found is not None:
            return str(found.experiment_id)
        note = f"**{task.question}**\n\n{task.cohort}\n\n{task.prediction_time} {task.horizon}"
        place = (self.artifacts / task.name).as_uri()
        tags = {
            "mlflow.note.content": note,
            "primary_metric": task.primary_metric,
            "mlflow.experiment.primaryMetric.name": task.primary_metric,
            "mlflow.experiment.primaryMetric.greaterIsBetter": "True",
        }
        return str(self.client.create_experiment(task.name, artifact_location=place, tags=tags))

    def mark_interrupted(self, task_name: str) -> int:
        """Closes runs of a task that a killed process left open, and says so in their tags. Returns how many.

        A finished run to which a process was adding when it was killed stays finished, and is told so too.

        To be called by who holds the task's lock: a run that is open then is nobody's.
        """
        left = self._search(task_name, "attributes.status = 'RUNNING'")
        for run in left:
            self.client.set_tag(run.run_id, INTERRUPTED, "true")
            self.client.set_terminated(run.run_id, status="KILLED")
        added_to = self._search(task_name, f"tags.{UNDER_WAY} = 'true'")
        for run in added_to:
            self.client.set_tag(run.run_id, INTERRUPTED, "true")
        return len(left) + len(added_to)

    @contextmanager
    def recording(self, task: "Task", name: str, tags: Mapping[str, str]) -> Iterator["Recorder"]:
        """A parent run that ends FINISHED, or FAILED where the body raises, KILLED where it is interrupted.

        The newest run of the same fingerprint and model that did not finish is opened again and goes on, with the
        children that it has finished; without one, a new run is opened.
        """
        recorder = self._reopened(task, tags) or self._opened(task, name, tags)
        try:
            yield recorder
        except BaseException as error:
            status = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
            self.client.set_terminated(recorder.run_id, status=status)
            raise
        self.client.set_terminated(recorder.run_id, status="FINISHED")

    @contextmanager
    def adding(self, run: LoggedRun) -> Iterator["Recorder"]:
        """For adding to a finished run what takes long: until the block has ended, its tags say that this goes on.

        Who is killed meanwhile leaves them so; the next `mark_interrupted` and `adding` say what became of it.
        """
        if UNDER_WAY in run.tags:
            self._count_resumed(run)
        self.client.set_tag(run.run_id, UNDER_WAY, "true")
        try:
            yield self.recorder(run)
        except BaseException:
            self.client.set_tag(run.run_id, INTERRUPTED, "true")
            raise
        self.client.delete_tag(run.run_id, UNDER_WAY)

    def recorder(self, run: LoggedRun) -> "Recorder":
        """For writing into a run that is there, whatever its state: its tags, and the children that it has finished."""
        found = self.client.get_run(run.run_id)
        tags = {
            k: v
            for k, v in run.tags.items()
            if not k.startswith("mlflow.") and k not in (LEVEL, INTERRUPTED, UNDER_WAY)
        }
        names = [child.tags["mlflow.runName"] for child in self.children(run)]
        return Recorder(self, found.info.experiment_id, run.run_id, _artifacts(found), tags, set(names))

    def _opened(self, task: "Task", name: str, tags: Mapping[str, str]) -> "Recorder":
        experiment = self.experiment(task)
        run = self.client.create_run(experiment, run_name=name, tags={**tags, LEVEL: "model"})
        return Recorder(self, experiment, run.info.run_id, _artifacts(run), tags)

    def _reopened(self, task: "Task", tags: Mapping[str, str]) -> "Recorder | None":
        if FINGERPRINT not in tags:
            return None
        condition = f"tags.{LEVEL} = 'model' AND tags.{FINGERPRINT} = '{tags[FINGERPRINT]}' AND "
        condition += f"tags.model = '{tags['model']}' AND attributes.status != 'FINISHED'"
        left = self._search(task.name, condition)
        if not left:
            return None
        run = left[0]
        # A killed process may have been anywhere in these: they are made again, and seen once.
        for child in self._search(
            task.name, f"tags.mlflow.parentRunId = '{run.run_id}' AND attributes.status != 'FINISHED'"
        ):
            self.client.delete_run(child.run_id)
        experiment = self.client.get_run(run.run_id).info.experiment_id
        for model in self.client.search_logged_models([experiment], f"source_run_id = '{run.run_id}'"):
            self.client.delete_logged_model(model.model_id)
        self._count_resumed(run)
        self.client.update_run(run.run_id, status="RUNNING")
        return self.recorder(run)

    def _count_resumed(self, run: LoggedRun) -> None:
        self.client.set_tag(run.run_id, RESUMED, str(int(run.tags.get(RESUMED, "0")) + 1))


def _artifacts(run: Any) -> Path:
    return Path(unquote(urlparse(run.info.artifact_uri).path))
