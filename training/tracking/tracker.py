"""Opening and closing runs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from training.tracking.names import FINGERPRINT, LEVEL
from training.tracking.queries import Queries
from training.tracking.recorder import Recorder

if TYPE_CHECKING:
    from training.task import Task


class Tracker(Queries):
    """Runs of one lake, written and read."""

    def experiment(self, task: "Task") -> str:
        """The id of the task's experiment, made on first use with the clinical question in its description."""
        found = self.client.get_experiment_by_name(task.name)
        if found is not None:
            return str(found.experiment_id)
        note = f"**{task.question}**\n\n{task.cohort}\n\n{task.prediction_time} {task.horizon}"
        place = (self.artifacts / task.name).as_uri()
        tags = {"mlflow.note.content": note, "primary_metric": task.primary_metric}
        return str(self.client.create_experiment(task.name, artifact_location=place, tags=tags))

    def mark_interrupted(self, task_name: str, fingerprint: str) -> int:
        """Closes runs that a killed process left open, and says so in their tags. Returns how many."""
        condition = f"tags.{FINGERPRINT} = '{fingerprint}' AND attributes.status = 'RUNNING'"
        left = self._search(task_name, condition)
        for run in left:
            self.client.set_tag(run.run_id, "interrupted", "true")
            self.client.set_terminated(run.run_id, status="KILLED")
        return len(left)

    @contextmanager
    def recording(self, task: "Task", name: str, tags: Mapping[str, str]) -> Iterator["Recorder"]:
        """A new parent run that ends FINISHED, or FAILED where the body raises."""
        experiment = self.experiment(task)
        run = self.client.create_run(experiment, run_name=name, tags={**tags, LEVEL: "model"})
        artifacts = Path(unquote(urlparse(run.info.artifact_uri).path))
        recorder = Recorder(self, experiment, run.info.run_id, artifacts, tags)
        try:
            yield recorder
        except BaseException as error:
            status = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
            self.client.set_terminated(run.info.run_id, status=status)
            raise
        self.client.set_terminated(run.info.run_id, status="FINISHED")
