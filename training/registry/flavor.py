"""How a model is saved: as scikit-learn's own (`mlflow.sklearn.load_model`), and as one that fetches its features.

Both flavours lie in one logged model and share one file. It is pickled with cloudpickle, because MLflow's default
(skops) trusts no survival model.
"""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.registry import serving as files
from training.registry.serving import GROUP, Serving
from training.task import PREDICTION_TIME

if TYPE_CHECKING:
    import pandas as pd

LIBRARIES = ("scikit-learn", "scikit-survival", "numpy", "pandas", "cloudpickle", "jax", "equinox")
NEEDS = "# and oncolake {version} itself, installed from its repository: it is in no package index\n"


def save_model(
    path: str, mlflow_model: Any, *, estimator: Any, serving: Serving, example: "pd.DataFrame", **others: Any
) -> None:
    """Saves into a folder that is not there yet, as MLflow asks of a flavour. others: settings of MLflow's own."""
    import mlflow.pyfunc
    import mlflow.sklearn
    from mlflow.models.model import MLMODEL_FILE_NAME

    from training.registry.servable import LAKE

    mlflow.sklearn.save_model(
        estimator,
        path,
        mlflow_model=mlflow_model,
        serialization_format="cloudpickle",
        signature=_signature(serving),
        input_example=example,
        pip_requirements=_requirements(),
    )
    folder = Path(path)
    (folder / files.FILE).write_text(serving.to_json())
    with (folder / "requirements.txt").open("a") as requirements:
        requirements.write("\n" + NEEDS.format(version=version("oncolake")))
    # Instead of the pyfunc that scikit-learn's flavour declares, which only takes features.
    mlflow.pyfunc.add_to_model(
        mlflow_model,
        loader_module="training.registry.servable",
        conda_env="conda.yaml",
        python_env="python_env.yaml",
        # Only settings that are declared may be given at loading.
        model_config={LAKE: ""},
    )
    mlflow_model.save(str(folder / MLMODEL_FILE_NAME))


def _signature(serving: Serving) -> Any:
    """Every column is optional: a question names entity and time, or features."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType, Array, DataType

    from training.columns import DAYS_BEFORE, HISTORY_COLUMNS, VALUES

    def kind(column: str) -> Any:
        if column not in HISTORY_COLUMNS:
            return DataType.double
        return Array(DataType.double if column in (VALUES, DAYS_BEFORE) else DataType.string)

    inputs = [
        ColSpec(DataType.string, serving.entity, required=False),
        # Any: MLflow's own time takes no zones.
        ColSpec(AnyType(), PREDICTION_TIME, required=False),
        *(ColSpec(kind(c), c, required=False) for c in serving.columns),
    ]
    outputs = [ColSpec(DataType.long if name == GROUP else DataType.double, name) for name in serving.outputs]
    return ModelSignature(Schema(inputs), Schema(outputs))


def _requirements() -> list[str]:
    """The libraries that unpickle and predict, in the versions that are installed."""
    found = []
    for package in LIBRARIES:
        try:
            found.append(f"{package}=={version(package)}")
        except PackageNotFoundError:
            continue
    return found
