"""The fitted model of a run, as MLflow's LoggedModel."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from training.registry.serving import Serving
from training.tracking.names import TEXT_LENGTH
from training.tracking.store import Store

if TYPE_CHECKING:
    import pandas as pd


def log_model(
    store: Store,
    experiment_id: str,
    run_id: str,
    tags: Mapping[str, str],
    *,
    name: str,
    estimator: Any,
    serving: Serving,
    example: "pd.DataFrame",
) -> None:
    """The model with its signature, an example that is no patient's row, and both its flavours."""
    from mlflow.models import Model

    from training.registry import flavor

    # Made here, because MLflow would put it into whatever experiment the process has active.
    logged = store.client.create_logged_model(
        experiment_id,
        name=name,
        source_run_id=run_id,
        model_type=tags["model"],
        tags={k: v[:TEXT_LENGTH] for k, v in tags.items() if not k.startswith("mlflow.")},
    )
    with tracking(store.uri):
        Model.log(
            artifact_path=None,
            name=name,
            flavor=flavor,
            run_id=run_id,
            model_id=logged.model_id,
            estimator=estimator,
            serving=serving,
            example=example,
        )


@contextmanager
def tracking(uri: str) -> Iterator[None]:
    """MLflow's process-wide tracking address for the calls that know no other way, put back afterwards."""
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)
