"""A registered model in use: it is asked by entity and time, and fetches the features itself.

MLflow loads this module for a logged model (`_load_pyfunc`). The answer for a patient at a time rests on what could be
known of the patient by then, by the same retrieval and the same columns as in training.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from infra.errors import UsageError
from infra.lake import Lake
from training.columns import SEPARATOR, model_columns
from training.lineage import Retrieval
from training.modalities import is_history
from training.registry import serving as files
from training.registry.serving import EVENT_FREE, GROUP, KNOWN, PROBABILITY, RISK, Serving
from training.task import PREDICTION_TIME

LAKE = "lake"
"""Setting of the logged model: the lake to fetch features from; empty for the lake that the model lies in."""


@dataclass(frozen=True)
class Servable:
    """A fitted estimator with two doors: features that it fetches, or features that are given.

    retrieve: how features are fetched, (labels) -> Retrieval of the model's service.
    """

    estimator: Any
    serving: Serving
    retrieve: Callable[[pd.DataFrame], Retrieval]

    def predict(self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """The columns of `Serving.outputs`, one row for each row asked, with its index.

        model_input: the entity's column (pseudonyms) and `event_timestamp` (times with a zone, or ISO 8601 text with
            one); or, where it has any of the model's feature columns, those, and nothing is fetched. A feature that is
            absent, or a patient of whom nothing is known, is missing and no error.

        Raises UsageError on rows without entity or time, or where the features now mean something else than the model
        was trained on.
        """
        serving = self.serving
        if not len(model_input):
            return pd.DataFrame(columns=serving.outputs, dtype=float, index=model_input.index)
        given = [c for c in serving.columns if c in model_input]
        features = model_input[given].reset_index(drop=True) if given else self._fetched(model_input)
        features = aligned(features, serving.columns)
        known = features.notna().mean(axis="columns") if serving.columns else np.nan
        return self._answer(features).assign(**{KNOWN: known}).set_axis(model_input.index, axis="index")

    def _fetched(self, asked: pd.DataFrame) -> pd.DataFrame:
        serving = self.serving
        labels = _labels(asked, serving.entity)
        if not serving.columns:
            return pd.DataFrame(index=labels.index)
        found = self.retrieve(labels)
        if found.definitions_hash != serving.definitions_hash:
            raise UsageError(
                f"The features of {serving.service} are defined otherwise now than when this model of {serving.task} "
                "was trained; train it again, or load it with the version of oncolake that trained it."
            )
        frame = found.frame.reset_index(drop=True)
        raw = frame[[c for c in frame.columns if SEPARATOR in c]]
        return model_columns(raw, labels[PREDICTION_TIME])[0]

    def _answer(self, features: pd.DataFrame) -> pd.DataFrame:
        serving = self.serving
        if serving.kind == "classes":
            return pd.DataFrame({PROBABILITY: np.asarray(self.estimator.predict_proba(features)[:, 1], float)})
        if serving.kind == "profiles":
            return pd.DataFrame({GROUP: np.asarray(self.estimator.predict(features), np.int64)})
        from training.models.survival import survival_at

        curves = survival_at(self.estimator, features, np.array(list(serving.horizons_days.values()), float))
        columns = {f"{EVENT_FREE}_{name}": curves[:, i] for i, name in enumerate(serving.horizons_days)}
        return pd.DataFrame({RISK: np.asarray(self.estimator.predict(features), float), **columns})


def aligned(features: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """The columns that a model was fitted on, in its order; one that is absent holds NaN, of a history None."""
    absent = {True: pd.Series([None] * len(features), index=features.index, dtype=object), False: np.nan}
    frame = {c: features[c] if c in features else absent[is_history(c)] for c in columns}
    return pd.DataFrame(frame, index=features.index, columns=list(columns))


def load(path: Path, lake: Lake | None = None) -> Servable:
    """The model in a folder that `training.registry.flavor` wrote, which may have been moved.

    lake: where features come from; default the lake around the folder, else the one of the settings.
    """
    from mlflow.sklearn import load_model

    serving = Serving.from_json((path / files.FILE).read_text())

    def retrieve(labels: pd.DataFrame) -> Retrieval:
        from features.retrieval import retrieve

        return retrieve(lake or _lake_of(path), serving.service, labels)

    return Servable(load_model(str(path)), serving, retrieve)


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> Servable:
    """MLflow's entry. model_config: `lake`, a folder or URI, for another lake than the model lies in."""
    named = (model_config or {}).get(LAKE)
    return load(Path(path), Lake.at(named) if named else None)


def _lake_of(path: Path) -> Lake:
    for folder in path.resolve().parents:
        if folder.name == "mlflow" and (folder / "mlflow.db").is_file():
            return Lake.at(folder.parent)
    from infra.settings import Settings

    settings = Settings()
    if LAKE in settings.model_fields_set:
        return Lake.at(settings.lake)
    raise UsageError(
        f"The model in {path} lies in no lake, so there is nowhere to fetch features from; name one, as in "
        'model_config={"lake": "FOLDER"}, or set ONCOLAKE_LAKE.'
    )


def _labels(asked: pd.DataFrame, entity: str) -> pd.DataFrame:
    """Label rows for retrieval: entity and time in UTC, numbered from 0."""
    for column, what in ((entity, "whom"), (PREDICTION_TIME, "when")):
        if column not in asked:
            raise UsageError(
                f"The question has no column {column}, which says {what} to predict for; expected {entity} and "
                f"{PREDICTION_TIME}, or feature columns of the model."
            )
        if asked[column].isna().any():
            raise UsageError(f"The column {column} is empty in {int(asked[column].isna().sum())} rows; expected none.")
    times = [_instant(value) for value in asked[PREDICTION_TIME]]
    wrong = sum(time is None for time in times)
    if wrong:
        raise UsageError(
            f"The column {PREDICTION_TIME} holds no time with a zone in {wrong} rows; expected such as "
            f"{files.EXAMPLE_TIME}."
        )
    stamps = pd.DatetimeIndex([t.to_datetime64() for t in times if t is not None], dtype="datetime64[us]")
    return pd.DataFrame({entity: asked[entity].to_numpy(object), PREDICTION_TIME: stamps.tz_localize("UTC")})


def _instant(value: object) -> pd.Timestamp | None:
    """In UTC and in microseconds, since de-identified records lie in years that nanoseconds cannot hold."""
    try:
        stamp = pd.Timestamp(value)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return None
    return None if pd.isna(stamp) or stamp.tzinfo is None else stamp.tz_convert("UTC").tz_localize(None).as_unit("us")
