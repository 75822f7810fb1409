"""Evaluates one way of grouping patients: how stable it is, how far apart its groups are, and how they fare."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.dataset import Dataset
from training.evaluate import Estimate
from training.metrics.bootstrap import intervals, patient_weights
from training.modalities import modality_of
from training.profiles.clustering import UNPLACED, Profiles
from training.profiles.comparing import LogRank, differences, log_rank
from training.profiles.stability import agreement, bootstrap_rows, consensus, regrouped
from training.task import SITE, Candidate

Floats = npt.NDArray[np.float64]
RESAMPLES = 100
PERMUTATIONS = 999
SILHOUETTE_SAMPLES = 500
NAN = float("nan")


@dataclass(frozen=True)
class ProfileEvaluation:
    """What resampling says of one candidate's groups.

    model: fitted on all patients; `predict` gives the group of a new one. groups: of each row, UNPLACED where too
        little is known. consensus: share of resamples in which two rows are together, NaN for unplaced ones.
    estimates: metrics, stability_ari first; see `evaluate_profiles`.
    differences: `training.profiles.comparing.differences` over every feature of the task.
    primary_samples: stability_ari of each resample; the resamples are the same for every candidate.
    versus_reference: mean stability less the reference's, in pairs; None without a reference or where either has one
        group only.
    """

    candidate: Candidate
    model: Profiles
    groups: npt.NDArray[np.intp]
    consensus: Floats
    log_rank: LogRank
    estimates: dict[str, Estimate]
    differences: pd.DataFrame
    primary_samples: Floats
    versus_reference: Estimate | None


def evaluate_profiles(
    dataset: Dataset,
    candidate: Candidate,
    seed: int,
    n_resamples: int = RESAMPLES,
    reference: ProfileEvaluation | None = None,
    *,
    n_null: int | None = None,
) -> ProfileEvaluation:
    """Groups the patients of a task and tells how far the groups can be believed.

    Metrics: stability_ari, mean adjusted Rand index of the groups with those found in bootstrap samples of patients,
    its limits what 95 % of the samples lie between; stability_over_one_group, its excess over data that are one group,
    and structure_p, how often such data reach the largest excess (`training.profiles.stability.choose`); silhouette,
    with limits by resampling patients; n_groups, smallest_group_share, unplaced_share; logrank_chi2, logrank_p and
    logrank_permutation_p of survival from the prediction on. One group has no stability or silhouette: groups that
    agree because there is one are no agreement.

    n_null: data sets of one group that the number of groups is held against; by default the candidate's own number.
    Outcomes enter the log-rank test only, after the groups are made.
    """
    columns = candidate.uses(list(dataset.features.columns))
    seen = dataset.features[columns]
    model = candidate.build(seen, seed)
    if n_null is not None:
        model.set_params(n_null=n_null)
    model.fit(seen)
    groups = np.asarray(model.labels_)
    placed = groups != UNPLACED
    rows = bootstrap_rows(len(groups), n_resamples, seed)
    found = _regrouped(model, seen, placed, rows, seed)
    samples = agreement(groups[placed], found) if found is not None else np.full(n_resamples, NAN)
    together = np.full((len(groups), len(groups)), NAN)
    together[np.ix_(placed, placed)] = consensus(found if found is not None else groups[placed][None, :])
    survival = log_rank(
        dataset.time_days,
        dataset.is_positive,
        groups,
        list(dataset.labels[SITE]),
        n_permutations=PERMUTATIONS,
        seed=seed,
    )
    forming = {modality_of(c) for c in columns} if model.choice_ is not None else set()
    return ProfileEvaluation(
        candidate=candidate,
        model=model,
        groups=groups,
        consensus=together,
        log_rank=survival,
        estimates=_estimates(model, seen, groups, samples, survival, seed),
        differences=differences(dataset.features[dataset.number_columns], groups, forming),
        primary_samples=samples,
        versus_reference=_difference(samples, reference),
    )


def _regrouped(
    model: Profiles, seen: pd.DataFrame, placed: npt.NDArray[np.bool_], rows: list[npt.NDArray[np.intp]], seed: int
) -> npt.NDArray[np.intp] | None:
    """Groups of the placed rows from each resample of all rows; None for a single group.

    The preparation is that of all patients: what varies is who is grouped.
    """
    if model.n_groups_ < 2 or model.choice_ is None:
        return None
    position = np.cumsum(placed) - 1
    own = [position[r[placed[r]]] for r in rows]
    return regrouped(model.grouping, model.prepared(seen[placed]), model.n_groups_, own, seed)


def _estimates(
    model: Profiles,
    seen: pd.DataFrame,
    groups: npt.NDArray[np.intp],
    samples: Floats,
    survival: LogRank,
    seed: int,
) -> dict[str, Estimate]:
    placed = groups != UNPLACED
    counts = np.bincount(groups[placed])
    choice = model.choice_
    return {
        "stability_ari": over_samples(samples),
        "stability_over_one_group": _plain(choice.excess if choice else NAN),
        "structure_p": _plain(choice.p if choice else NAN),
        "silhouette": _silhouette(model, seen, groups, seed),
        "n_groups": _plain(len(counts)),
        "smallest_group_share": _plain(counts.min() / counts.sum()),
        "unplaced_share": _plain(1 - placed.mean()),
        "logrank_chi2": _plain(survival.chi2),
        "logrank_p": _plain(survival.p),
        "logrank_permutation_p": _plain(survival.permutation_p),
    }


def _silhouette(model: Profiles, seen: pd.DataFrame, groups: npt.NDArray[np.intp], seed: int) -> Estimate:
    """Mean silhouette (Rousseeuw 1987) over the placed patients; limits by resampling them with their groups kept."""
    from sklearn.metrics import silhouette_samples

    placed = groups != UNPLACED
    if model.n_groups_ < 2:
        return _plain(NAN)
    widths = silhouette_samples(model.prepared(seen[placed]), groups[placed])
    weights = np.concatenate(list(patient_weights(np.arange(len(widths)), SILHOUETTE_SAMPLES, seed)))
    low, high = intervals({"silhouette": weights @ widths / len(widths)})["silhouette"]
    by_group = np.array([widths[groups[placed] == g].mean() for g in np.unique(groups[placed])])
    return Estimate(float(widths.mean()), low, high, float(by_group.mean()), float(by_group.std(ddof=1)), len(by_group))


def over_samples(samples: Floats) -> Estimate:
    """Mean of a value over resamples, and what 95 % of them lie between; NaN where none has a value."""
    if not np.isfinite(samples).any():
        return _plain(NAN)
    low, high = np.quantile(samples, [0.025, 0.975])
    mean = float(samples.mean())
    return Estimate(mean, float(low), float(high), mean, float(samples.std(ddof=1)), len(samples))


def _plain(value: float) -> Estimate:
    """A number without a spread."""
    return Estimate(float(value), NAN, NAN, NAN, NAN, 0)


def _difference(samples: Floats, reference: ProfileEvaluation | None) -> Estimate | None:
    if reference is None:
        return None
    gaps = samples - reference.primary_samples
    return over_samples(gaps) if np.isfinite(gaps).any() else None
