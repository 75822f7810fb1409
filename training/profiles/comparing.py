"""What sets groups apart: their survival, and the features in which each differs from all others."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.modalities import modality_of
from training.profiles.clustering import UNPLACED

Floats = npt.NDArray[np.float64]
MIN_OBSERVED = 5
DIFFERENCES = ("group", "feature", "modality", "is_forming", "n", "n_others", "mean", "mean_others", "smd", "p", "q")


@dataclass(frozen=True)
class LogRank:
    """The log-rank test of several groups: chi-squared with n_groups - 1 degrees of freedom.

    p: of that distribution. permutation_p: share of permutations of the groups within sites that reach chi2, the data's
    own counted in. All NaN for a single group.
    """

    chi2: float
    p: float
    permutation_p: float


def log_rank(
    time: Floats,
    event: npt.NDArray[np.bool_],
    groups: npt.NDArray[np.intp],
    sites: Sequence[object],
    *,
    n_permutations: int,
    seed: int,
) -> LogRank:
    """Whether survival differs between groups (Mantel 1966, Peto and Peto 1972); who is UNPLACED does not enter.

    Groups are permuted within sites, so that hospitals that differ in survival cannot make a difference of groups.
    """
    from scipy.stats import chi2

    placed = groups != UNPLACED
    membership = groups[placed][:, None] == np.unique(groups[placed])[None, :]
    if membership.shape[1] < 2:
        return LogRank(float("nan"), float("nan"), float("nan"))
    statistic = _Statistic(time[placed], event[placed])
    observed = statistic(membership.astype(float))
    rng = np.random.default_rng(seed)
    places = list(pd.Series(np.arange(placed.sum())).groupby(list(np.asarray(sites, object)[placed])).indices.values())
    reached = 0
    for _ in range(n_permutations):
        order = np.arange(len(membership))
        for rows in places:
            order[rows] = rng.permutation(rows)
        # Sums in another order differ in the last digits: an equal value must count as reached.
        reached += statistic(membership[order].astype(float)) >= observed - 1e-9
    return LogRank(observed, float(chi2.sf(observed, membership.shape[1] - 1)), (1 + reached) / (1 + n_permutations))


class _Statistic:
    """The log-rank chi-squared of any grouping of the same patients: what is the same for all is computed once."""

    def __init__(self, time: Floats, event: npt.NDArray[np.bool_]) -> None:
        times = np.unique(time[event])
        self.at_risk = (time[None, :] >= times[:, None]).astype(float)
        self.died = ((time[None, :] == times[:, None]) & event[None, :]).astype(float)
        self.n, self.d = self.at_risk.sum(axis=1), self.died.sum(axis=1)
        self.spread = self.d * (self.n - self.d) / np.maximum(self.n - 1, 1)

    def __call__(self, membership: Floats) -> float:
        """membership: 1 where a patient (row) is in a group (column)."""
        share = self.at_risk @ membership / self.n[:, None]
        beyond = ((self.died @ membership).sum(axis=0) - self.d @ share)[:-1]
        covariance = np.diag(self.spread @ share) - share.T @ (share * self.spread[:, None])
        return float(beyond @ np.linalg.pinv(covariance[:-1, :-1]) @ beyond)


def differences(features: pd.DataFrame, groups: npt.NDArray[np.intp], forming: Collection[str]) -> pd.DataFrame:
    """How each group differs from all others together: a row for each group and feature, the largest first.

    smd: standardised mean difference (by the pooled SD). p: Mann and Whitney's test, q: its false discovery rate over
    all rows tested (Benjamini and Hochberg 1995). forming: the modalities that made the groups, which therefore differ
    in them whatever the truth: their features have an smd and no test. The same protein by another assay is tested: it
    would not repeat what was chance in the first. A pair with fewer than 5 values on either side is left out.
    """
    from scipy.stats import false_discovery_control, mannwhitneyu

    rows: list[dict[str, object]] = []
    for group in np.unique(groups[groups != UNPLACED]):
        for feature in features.columns:
            values = features[feature].to_numpy(float)
            own = values[(groups == group) & np.isfinite(values)]
            others = values[(groups != group) & (groups != UNPLACED) & np.isfinite(values)]
            if min(len(own), len(others)) < MIN_OBSERVED:
                continue
            pooled = np.sqrt(
                ((len(own) - 1) * own.var(ddof=1) + (len(others) - 1) * others.var(ddof=1))
                / (len(own) + len(others) - 2)
            )
            if pooled == 0:
                continue
            modality = modality_of(feature)
            is_forming = modality in forming
            rows.append(
                {
                    "group": int(group),
                    "feature": feature,
                    "modality": modality,
                    "is_forming": is_forming,
                    "n": len(own),
                    "n_others": len(others),
                    "mean": own.mean(),
                    "mean_others": others.mean(),
                    "smd": (own.mean() - others.mean()) / pooled,
                    "p": float("nan") if is_forming else float(mannwhitneyu(own, others).pvalue),
                }
            )
    frame = pd.DataFrame(rows, columns=list(DIFFERENCES))
    tested = frame["p"].notna()
    frame["q"] = float("nan")
    if tested.any():
        frame.loc[tested, "q"] = false_discovery_control(frame.loc[tested, "p"].to_numpy(float))
    order = frame["smd"].abs().sort_values(ascending=False, kind="stable").index
    return frame.loc[order].reset_index(drop=True)
