"""Reading runs: finished ones of a task, one by its id, the children of one, the lineage of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.errors import UsageError
from training import lineage as lineage_file
from training.lineage import Lineage
from training.tracking.names import LEVEL, Level
from training.tracking.store import Store


@dataclass(frozen=True)
class LoggedRun:
    """A run: its id, start (ms since 1970 UTC), state in MLflow's words, tags, parameters and metrics."""

    run_id: str
    start_time: int
    status: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]


class Queries(Store):
    """What can be asked of a lake's runs."""

    def finished(self, task_name: str, where: str = "") -> list[LoggedRun]:
        """Finished parent runs of a task, newest first. where: a further condition in MLflow's filter language."""
        condition = f"tags.{LEVEL} = 'model' AND attributes.status = 'FINISHED'" + (f" AND {where}" if where else "")
        return self._search(task_name, condition)

    def parents(self, task_name: str) -> list[LoggedRun]:
        """Parent runs of a task, whatever their state, newest first."""
        return self._search(task_name, f"tags.{LEVEL} = 'model'")

    def children(self, run: LoggedRun, level: Level | None = None) -> list[LoggedRun]:
        """Finished child runs of a parent, oldest first; only those of one level where it is given."""
        condition = f"tags.mlflow.parentRunId = '{run.run_id}' AND attributes.status = 'FINISHED'"
        if level is not None:
            condition += f" AND tags.{LEVEL} = '{level}'"
        return self._search(run.tags["task"], condition)[::-1]

    def lineage(self, run_id: str) -> Lineage:
        """The lineage of a run, wherever its lake was moved to. Raises UsageError where it has none."""
        from mlflow.exceptions import MlflowException

        try:
            task = self.client.get_run(run_id).data.tags.get("task", "")
            path = self.artifacts / task / run_id / "artifacts" / lineage_file.FILE
            return Lineage.from_json(path.read_text())
        except (MlflowException, OSError) as error:
            raise UsageError(
                f"Run {run_id} has no {lineage_file.FILE}; expected a run that `oncolake train` finished."
            ) from error

    def run(self, run_id: str) -> LoggedRun:
        """A parent run, whatever its state, by its id or the first characters of it, or by those of one of its folds.

        Raises UsageError where no run or several begin so.
        """
        experiments = [e.experiment_id for e in self.client.search_experiments()]
        prefix = "".join(c for c in run_id if c.isalnum())
        found = self.client.search_runs(experiments, f"attributes.run_id LIKE '{prefix}%'", max_results=2)
        if not found or prefix != run_id:
            raise UsageError(f"No run {run_id} is in {self.uri}; expected the id of a training run.")
        if len(found) > 1:
            raise UsageError(f"Several runs in {self.uri} begin with {run_id}; expected more of the id.")
        parent = found[0].data.tags.get("mlflow.parentRunId")
        return _logged(self.client.get_run(parent) if parent else found[0])

    def _search(self, task_name: str, condition: str) -> list[LoggedRun]:
        experiment = self.client.get_experiment_by_name(task_name)
        if experiment is None:
            return []
        runs: list[Any] = []
        token = None
        while True:
            page = self.client.search_runs(
                [experiment.experiment_id], condition, order_by=["attributes.start_time DESC"], page_token=token
            )
            runs.extend(page)
            token = page.token
            if not token:
                return [_logged(run) for run in runs]


def _logged(run: Any) -> LoggedRun:
    return LoggedRun(
        run.info.run_id,
        int(run.info.start_time),
        str(run.info.status),
        dict(run.data.tags),
        dict(run.data.params),
        dict(run.data.metrics),
    )
