"""Writing into an open parent run, in batches: each call is a transaction of its own in SQLite."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from training import lineage as lineage_file
from training.lineage import Lineage
from training.tracking.child import Child
from training.tracking.models import log_model
from training.tracking.names import LEVEL, TEXT_LENGTH
from training.tracking.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from training.registry.serving import Serving

DIGEST_LENGTH = 36  # MLflow keeps no more of a dataset's digest


@dataclass(frozen=True)
class Recorder:
    """What may be written into a parent run. written: names of the children that it has."""

    tracker: Store
    experiment_id: str
    run_id: str
    artifacts: Path
    tags: Mapping[str, str]
    written: set[str] = field(default_factory=set)

    def values(self, params: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        """Parameters and metrics; a metric that is not defined (NaN) is left out, not written as a number."""
        self._batch(self.run_id, params, metrics)

    def tag(self, key: str, value: str) -> None:
        """One more tag of the run."""
        self.tracker.client.set_tag(self.run_id, key, value)

    def children(self, children: Iterable[Child]) -> None:
        """Finished runs below this one; a child of a name that is there already is not written again."""
        for child in children:
            name = f"{self.tags['model']} {child.name}"
            if name in self.written:
                continue
            tags = {**self.tags, LEVEL: child.level, **child.tags, "mlflow.parentRunId": self.run_id}
            run = self.tracker.client.create_run(self.experiment_id, run_name=name, tags=tags)
            self._batch(run.info.run_id, {"model": self.tags["model"], **child.params}, child.metrics)
            self.tracker.client.set_terminated(run.info.run_id, status="FINISHED")
            self.written.add(name)

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

    def model(self, name: str, estimator: Any, serving: "Serving", example: "pd.DataFrame") -> None:
        """The model as a LoggedModel of this run."""
        log_model(
            self.tracker,
            self.experiment_id,
            self.run_id,
            self.tags,
            name=name,
            estimator=estimator,
            serving=serving,
            example=example,
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
