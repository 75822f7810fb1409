"""The fitted model of a run, as MLflow's LoggedModel."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from training.tracking.names import TEXT_LENGTH
from training.tracking.store import Store


def log_model(
    store: Store,
    experiment_id: str,
    run_id: str,
    tags: Mapping[str, str],
    *,
    name: str,
    model: Any,
    columns: list[str],
    output: str,
) -> None:
    """The model with its signature and no example rows.

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
    logged = store.client.create_logged_model(
        experiment_id,
        name=name,
        source_run_id=run_id,
        model_type=tags["model"],
        tags={k: v[:TEXT_LENGTH] for k, v in tags.items() if not k.startswith("mlflow.")},
    )
    with _tracking(store.uri):
        Model.log(
            artifact_path=None,
            name=name,
            flavor=mlflow.sklearn,
            run_id=run_id,
            model_id=logged.model_id,
            sk_model=model,
            signature=signature,
            serialization_format="cloudpickle",
            pyfunc_predict_fn=output,
            pip_requirements=[f"{package}=={version(package)}" for package in needed],
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
