"""The only door to MLflow: an experiment a task, a parent run a candidate, a child run a fold.

Parents carry what people compare (metrics with interval and spread), children the single folds. Writing goes through
the client in batches, because each call is a transaction of its own in SQLite.
"""

import json
import logging
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

import numpy as np

from infra.errors import UsageError
from infra.lake import Lake
from training import lineage as lineage_file
from training.lineage import Lineage

if TYPE_CHECKING:
    import pandas as pd

    from training.task import Task

DIGEST_LENGTH = 36  # MLflow keeps no more of a dataset's digest
TEXT_LENGTH = 500
FINGERPRINT = "fingerprint"
PREDICTIONS = "predictions.parquet"


@dataclass(frozen=True)
class LoggedRun:
    """A finished parent run: its id, tags and metrics."""

    run_id: str
    start_time: int
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]


def tracking_uri(lake: Lake) -> str:
    """Where MLflow keeps a lake's runs, for whoever starts its server."""
    return f"sqlite:///{lake.folder('mlflow')}/mlflow.db"


class Tracker:
    """Runs of one lake, in SQLite and files beside its tables."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.uri = tracking_uri(lake)
        self.artifacts = lake.folder("mlflow") / "artifacts"

    @cached_property
    def client(self) -> Any:
        # Nothing calls home: this must be set before the import.
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        os.environ["DO_NOT_TRACK"] = "true"
        with warnings.catch_warnings():
            # MLflow's start-up warns about its own type hints and its own use of SQLAlchemy.
            warnings.simplefilter("ignore")
            import mlflow.pyfunc
            import mlflow.sklearn

            # After the import, which sets them: its reports of making tables are not for our users.
            for name in ("alembic", "mlflow"):
                logging.getLogger(name).setLevel(logging.ERROR)
            return mlflow.MlflowClient(self.uri)

    def experiment(self, task: "Task") -> str:
        """The id of the task's experiment, made on first use with the clinical question in its description."""
        found = self.client.get_experiment_by_name(task.name)
        if found is not None:
            return str(found.experiment_id)
        note = f"**{task.question}**\n\n{task.cohort}\n\n{task.prediction_time} {task.horizon}"
        place = (self.artifacts / task.name).as_uri()
        tags = {"mlflow.note.content": note, "primary_metric": task.primary_metric}
        return str(self.client.create_experiment(task.name, artifact_location=place, tags=tags))

    def finished(self, task_name: str, where: str = "") -> list[LoggedRun]:
        """Finished parent runs of a task, newest first. where: a further condition in MLflow's filter language."""
        condition = "tags.level = 'model' AND attributes.status = 'FINISHED'" + (f" AND {where}" if where else "")
        return self._search(task_name, condition)

    def mark_interrupted(self, task_name: str, fingerprint: str) -> int:
        """Closes runs that a killed process left open, and says so in their tags. Returns how many."""
        condition = f"tags.{FINGERPRINT} = '{fingerprint}' AND attributes.status = 'RUNNING'"
        left = self._search(task_name, condition)
        for run in left:
            self.client.set_tag(run.run_id, "interrupted", "true")
            self.client.set_terminated(run.run_id, status="KILLED")
        return len(left)

    def lineage(self, run_id: str) -> Lineage:
        """The lineage of a run. Raises UsageError where it has none."""
        from mlflow.exceptions import MlflowException

        with TemporaryDirectory() as folder:
            try:
                path = self.client.download_artifacts(run_id, lineage_file.FILE, folder)
            except (MlflowException, OSError) as error:
                raise UsageError(
                    f"Run {run_id} has no {lineage_file.FILE}; expected a run that `oncolake train` finished."
                ) from error
            return Lineage.from_json(Path(path).read_text())

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

    @contextmanager
    def recording(self, task: "Task", name: str, tags: Mapping[str, str]) -> Iterator["Recorder"]:
        """A new parent run that ends FINISHED, or FAILED where the body raises."""
        experiment = self.experiment(task)
        run = self.client.create_run(experiment, run_name=name, tags={**tags, "level": "model"})
        artifacts = Path(unquote(urlparse(run.info.artifact_uri).path))
        recorder = Recorder(self, experiment, run.info.run_id, artifacts, tags)
        try:
            yield recorder
        except BaseException as error:
            status = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
            self.client.set_terminated(run.info.run_id, status=status)
            raise
        self.client.set_terminated(run.info.run_id, status="FINISHED")

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


@dataclass(frozen=True)
class Recorder:
    """What may be written into an open parent run."""

    tracker: Tracker
    experiment_id: str
    run_id: str
    artifacts: Path
    tags: Mapping[str, str]

    def values(self, params: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        """Parameters and metrics; a metric that is not defined (NaN) is left out, not written as a number."""
        self._batch(self.run_id, params, metrics)

    def fold(self, number: int, params: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        """A child run with one fold's metrics."""
        child = self.tracker.client.create_run(
            self.experiment_id,
            run_name=f"{self.tags['model']} fold {number}",
            tags={**self.tags, "level": "fold", "fold": str(number), "mlflow.parentRunId": self.run_id},
        )
        self._batch(child.info.run_id, params, metrics)
        self.tracker.client.set_terminated(child.info.run_id, status="FINISHED")

    def lineage(self, lineage: Lineage) -> None:
        """The lineage as an artefact, and as dataset inputs: one for the training set, one for each gold table.

        The version stands in the digest of the input as well, since MLflow drops version 0 from a Delta source.
        """
        from mlflow.data.code_dataset_source import CodeDatasetSource
        from mlflow.data.delta_dataset_source import DeltaDatasetSource
        from mlflow.data.meta_dataset import MetaDataset
        from mlflow.entities import DatasetInput, InputTag

        self.text(lineage_file.FILE, lineage.to_json())
        lake = self.tracker.lake
        tables = {f"gold.{n}": (lake.gold(n), v) for n, v in lineage.table_versions.items()}
        tables |= {f"silver.{n}": (lake.silver(n), v) for n, v in lineage.label_versions.items()}
        sets = [
            (
                MetaDataset(
                    DeltaDatasetSource(path=path, delta_table_version=version), name=name, digest=f"v{version}"
                ),
                "source",
            )
            for name, (path, version) in tables.items()
        ]
        whole = MetaDataset(
            CodeDatasetSource({"feature_service": lineage.service}),
            name=lineage.service,
            digest=lineage.digest[:DIGEST_LENGTH],
        )
        inputs = [
            DatasetInput(dataset._to_mlflow_entity(), [InputTag("mlflow.data.context", context)])
            for dataset, context in [(whole, "training"), *sets]
        ]
        self.tracker.client.log_inputs(self.run_id, inputs)

    def text(self, name: str, text: str) -> None:
        """A text artefact."""
        self._place(name).write_text(text)

    def json(self, name: str, value: object) -> None:
        """A JSON artefact."""
        self.text(name, json.dumps(value, indent=1, default=str))

    def figure(self, name: str, figure: Any) -> None:
        """A figure, under plots/."""
        figure.savefig(self._place(f"plots/{name}"))

    def table(self, name: str, frame: "pd.DataFrame") -> None:
        """A Parquet artefact."""
        frame.to_parquet(self._place(name), index=False)

    def model(self, name: str, model: Any, columns: list[str], output: str) -> None:
        """The model as a LoggedModel, with its signature and no example rows.

        cloudpickle, because MLflow's default (skops) trusts no survival model. output: 'predict' or 'predict_proba'.
        """
        from importlib.metadata import version

        import mlflow.sklearn
        from mlflow.models import Model, ModelSignature
        from mlflow.types import ColSpec, Schema, TensorSpec

        shape = (-1, 2) if output == "predict_proba" else (-1,)
        signature = ModelSignature(
            # A candidate without features has no inputs to declare, and takes any.
            inputs=Schema([ColSpec("double", c, required=False) for c in columns]) if columns else None,
            outputs=Schema([TensorSpec(np.dtype("float64"), shape)]),
        )
        needed = ("scikit-learn", "scikit-survival", "numpy", "pandas", "cloudpickle")
        # Made here, because MLflow would put it into whatever experiment the process has active.
        logged = self.tracker.client.create_logged_model(
            self.experiment_id,
            name=name,
            source_run_id=self.run_id,
            model_type=self.tags["model"],
            tags={k: v[:TEXT_LENGTH] for k, v in self.tags.items() if not k.startswith("mlflow.")},
        )
        with _tracking(self.tracker.uri):
            Model.log(
                artifact_path=None,
                name=name,
                flavor=mlflow.sklearn,
                run_id=self.run_id,
                model_id=logged.model_id,
                sk_model=model,
                signature=signature,
                serialization_format="cloudpickle",
                pyfunc_predict_fn=output,
                pip_requirements=[f"{package}=={version(package)}" for package in needed],
            )

    def _place(self, name: str) -> Path:
        path = self.artifacts / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _batch(self, run_id: str, params: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        self.tracker.client.log_batch(
            run_id,
            metrics=[Metric(k, float(v), now, 0) for k, v in metrics.items() if np.isfinite(v)],
            params=[Param(k, str(v)[:TEXT_LENGTH]) for k, v in params.items()],
        )


@contextmanager
def _tracking(uri: str) -> Iterator[None]:
    """MLflow's process-wide tracking address for the calls that know no other way, put back afterwards."""
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)


def _logged(run: Any) -> LoggedRun:
    return LoggedRun(
        run.info.run_id, int(run.info.start_time), dict(run.data.tags), dict(run.data.params), dict(run.data.metrics)
    )
