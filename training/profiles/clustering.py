"""Estimators that put patients into groups by the course of their measures; how many, stability decides.

Each gives `fit`, `labels_` and `predict` (the group of a new patient), and sees features only, never an outcome.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.decomposition import FactorAnalysis
from sklearn.impute import KNNImputer
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, RobustScaler, StandardScaler

from infra.errors import UsageError
from training.models.preparation import Observed
from training.profiles.stability import Choice, Groups, choose

Floats = npt.NDArray[np.float64]
Method = Literal["one_group", "k_means", "gaussian_mixture", "ward"]
UNPLACED = -1
"""The group of a patient of whom too little is known."""
MIN_OBSERVED = 0.5
MOST_SPREADS = 3.0
CHOICES = (2, 3, 4, 5)
MIN_PER_GROUP = 8
SHUFFLES = 100


class Profiles(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Groups 0, 1, ... in falling order of size, over patients with at least half of the measures.

    Measures are scaled by median and interquartile range and held to MOST_SPREADS of these, so that no outlier makes
    a group of its own; what is missing comes from the five most similar patients. The number of groups is the one
    whose stability exceeds that of a single group by most (`stability.choose`).

    choices: numbers of groups to choose among. n_resamples, n_null: of `stability.choose`.
    Attributes: choice_ (None for a single group), labels_, n_groups_, columns_ (those with a value).
    """

    def __init__(
        self,
        method: Method = "k_means",
        choices: Sequence[int] = CHOICES,
        seed: int = 0,
        n_resamples: int = 45,
        n_null: int = 19,
    ) -> None:
        self.method = method
        self.choices = choices
        self.seed = seed
        self.n_resamples = n_resamples
        self.n_null = n_null

    def fit(self, X: pd.DataFrame, y: object = None) -> "Profiles":
        """X: measures, one row a patient, NaN where missing; without columns for a single group.

        Raises UsageError where too few patients have enough measures for the smallest number of groups.
        """
        self.n_features_in_ = X.shape[1]
        self.choice_: Choice | None = None
        self.n_groups_ = 1
        if self.method == "one_group":
            self.labels_ = np.zeros(len(X), np.intp)
            return self
        placed = self.is_placeable(X)
        most = int(placed.sum()) // MIN_PER_GROUP
        choices = [k for k in self.choices if k <= most]
        if not choices:
            raise UsageError(
                f"{int(placed.sum())} patients have at least half of the {X.shape[1]} measures; expected "
                f"{MIN_PER_GROUP * min(self.choices)} or more to look for groups."
            )
        self.preparation_ = _preparation(self.seed)
        values = np.asarray(self.preparation_.fit_transform(X[placed]), float)
        self.columns_ = tuple(self.preparation_["observed"].columns_)
        self.choice_ = choose(
            self.grouping, values, choices, seed=self.seed, n_resamples=self.n_resamples, n_null=self.n_null
        )
        self.n_groups_ = self.choice_.n_groups
        self.model_ = self.grouping(values, self.n_groups_, self.seed)
        found = np.asarray(self.model_.predict(values))
        by_size = sorted(np.unique(found), key=lambda g: -(found == g).sum())
        self.order_ = {int(group): rank for rank, group in enumerate(by_size)}
        self.n_groups_ = len(by_size)
        self.labels_ = self.predict(X)
        return self

    def predict(self, X: pd.DataFrame) -> npt.NDArray[np.intp]:
        """The group of each row; UNPLACED where less than half of the measures is known."""
        if self.method == "one_group":
            return np.zeros(len(X), np.intp)
        groups = np.full(len(X), UNPLACED, np.intp)
        placed = self.is_placeable(X)
        if placed.any():
            groups[placed] = [self.order_[int(g)] for g in self.model_.predict(self.prepared(X[placed]))]
        return groups

    def prepared(self, X: pd.DataFrame) -> Floats:
        """Measures as distances are taken between them."""
        return np.asarray(self.preparation_.transform(X), float)

    def is_placeable(self, X: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Whether at least half of a row's measures is known."""
        return np.asarray(X.notna().mean(axis=1) >= MIN_OBSERVED, bool)

    def grouping(self, values: Floats, n_groups: int, seed: int) -> Groups:
        """Prepared values in so many groups, by this estimator's method."""
        return _fitted(self.method, values, n_groups, seed)


class SharedFactors(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Factor scores: what several measures share, without what each has for itself (Bartholomew et al. 2009).

    As many factors as principal components that carry more than those of the same measures shuffled each on its own
    among the patients (parallel analysis, Horn 1965, 95th percentile of SHUFFLES shuffles), and at least two where
    there are three measures or more: with fewer, the measures are left as they are. A group of patients shows in
    measures that move together; the others would only blur the distances.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, X: Floats, y: object = None) -> "SharedFactors":
        self.n_features_in_ = X.shape[1]
        self.n_factors_ = _n_factors(X, self.seed) if X.shape[1] >= 3 else X.shape[1]
        self.factors_ = FactorAnalysis(self.n_factors_).fit(X) if X.shape[1] >= 3 else None
        return self

    def transform(self, X: Floats) -> Floats:
        return np.asarray(X if self.factors_ is None else self.factors_.transform(X), float)


def _n_factors(values: Floats, seed: int) -> int:
    rng = np.random.default_rng(seed)
    shuffled = [_variances(rng.permuted(values, axis=0)) for _ in range(SHUFFLES)]
    above = _variances(values) > np.quantile(shuffled, 0.95, axis=0)
    # Components above after one below are above by chance.
    return max(2, int(np.argmin(np.append(above, False))))


def _variances(values: Floats) -> Floats:
    """Variances of the principal components, the largest first."""
    return np.linalg.svd(values - values.mean(axis=0), compute_uv=False) ** 2


def _preparation(seed: int) -> Pipeline:
    held = FunctionTransformer(np.clip, kw_args={"a_min": -MOST_SPREADS, "a_max": MOST_SPREADS})
    return Pipeline(
        [
            ("observed", Observed()),
            ("scale", RobustScaler()),
            ("hold", held),
            ("impute", KNNImputer(n_neighbors=5)),
            ("unit", StandardScaler()),
            ("factors", SharedFactors(seed)),
        ]
    )


def _fitted(method: Method, values: Floats, n_groups: int, seed: int) -> Groups:
    model: Groups
    if method == "k_means":
        model = KMeans(n_groups, n_init=5, random_state=seed).fit(values)
    elif method == "gaussian_mixture":
        # One variance a measure and group: a hundred patients do not carry full covariances.
        mixture = GaussianMixture(n_groups, covariance_type="diag", reg_covar=0.05, random_state=seed)
        model = mixture.fit(values)
    else:
        # Ward's tree says nothing of a new patient: the nearest centre does.
        tree = AgglomerativeClustering(n_groups, linkage="ward").fit(values)
        model = NearestCentroid().fit(values, tree.labels_)
    return model


def one_group(features: object, seed: int) -> Any:
    """The trivial baseline: everyone in one group."""
    return Profiles("one_group", seed=seed)


def k_means(features: object, seed: int) -> Any:
    """Groups around centres."""
    return Profiles("k_means", seed=seed)


def gaussian_mixture(features: object, seed: int) -> Any:
    """Groups of their own spread in each measure."""
    return Profiles("gaussian_mixture", seed=seed)


def hierarchical(features: object, seed: int) -> Any:
    """Ward's hierarchical clustering."""
    return Profiles("ward", seed=seed)
