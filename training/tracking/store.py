"""Where a lake's runs are kept: SQLite and files beside its tables."""

import logging
import os
import warnings
from functools import cached_property
from typing import Any

from infra.lake import Lake


def tracking_uri(lake: Lake) -> str:
    """Where MLflow keeps a lake's runs, for whoever starts its server."""
    return f"sqlite:///{lake.folder('mlflow')}/mlflow.db"


class Store:
    """The runs of one lake."""

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
