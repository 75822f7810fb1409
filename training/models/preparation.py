"""From feature columns to a numeric matrix, learned on training rows only."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler


def prepared(estimator: object) -> Pipeline:
    """Median imputation with indicators of what was missing, constants out, unit variance, then `estimator`.

    A column that is missing for every training row becomes a constant and drops out, so an absent modality is no
    error. Steps: impute, vary, scale, model.
    """
    steps = [
        ("impute", SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)),
        ("vary", VarianceThreshold(0.0)),
        ("scale", StandardScaler()),
        ("model", estimator),
    ]
    return Pipeline(steps)


class Observed(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Keeps the columns that have a value in some training row, for models that take missing values but not nothing."""

    def fit(self, X: pd.DataFrame, y: object = None) -> "Observed":
        self.columns_ = list(X.columns[X.notna().any()])
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        return X[self.columns_]

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        return np.array(self.columns_, dtype=object)


class Extrapolation(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Two columns to one: the last value carried on along its slope. Stateless; missing where either is missing."""

    def __init__(self, value: str, slope: str, ahead: float) -> None:
        self.value = value
        self.slope = slope
        self.ahead = ahead

    def fit(self, X: pd.DataFrame, y: object = None) -> "Extrapolation":
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        ahead = X[self.value] + self.ahead * X[self.slope]
        # No slope yet (one bin observed): the last value is the best that extrapolation can say.
        return pd.DataFrame({self.value: ahead.fillna(X[self.value])}, index=X.index)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        return np.array([self.value], dtype=object)


def numeric(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Feature columns as float64, and the names of the columns that are no single number.

    Booleans become 0 and 1, nulls NaN. Stateless, so it may be applied to all rows at once. Texts and arrays (whole
    protein panels) are left out and named: what a model does not see must be visible.
    """
    columns, left_out = {}, []
    for name in frame.columns:
        values = frame[name]
        if not (pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)):
            known = values.dropna()
            if len(known) and not known.map(lambda v: isinstance(v, bool | np.bool_)).all():
                left_out.append(name)
                continue
        columns[name] = pd.to_numeric(values.astype(object), errors="raise").astype(float)
    return pd.DataFrame(columns, index=frame.index), left_out
