"""Leave one site out: how a candidate does at a hospital that no patient of its training came from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from infra.errors import UsageError
from training.dataset import Dataset
from training.evaluate import Estimate, Evaluation, evaluate, mean_and_sd
from training.metrics.bootstrap import intervals, patient_weights
from training.scoring import Scorer, scorer
from training.splits import Fold, Rows
from training.task import SITE, Candidate

MIN_PATIENTS = 5
MIN_EVENTS = 2
MIN_EVENTS_ELSEWHERE = 6
"""Training patients with the outcome: two for each inner fold."""
UNNAMED = "unnamed"
SAMPLES = 200


@dataclass(frozen=True)
class Site:
    """One site. note: why nothing is said of it alone (a sentence), or ''."""

    name: str
    n_patients: int
    n_positive: int
    note: str


@dataclass(frozen=True)
class SiteEvaluation:
    """An evaluation whose folds are sites, named in `evaluation.fold_names`, and the sites in that order.

    estimates: each site's metrics with their 95 % interval, its patients resampled. A site with a note has NaN
    metrics of its own; its patients count in the pooled values, where pairs are still formed within a site only.
    """

    evaluation: Evaluation
    sites: tuple[Site, ...]
    estimates: tuple[dict[str, Estimate], ...]


def site_folds(dataset: Dataset) -> tuple[list[Fold], tuple[Site, ...]]:
    """A fold for each site that tests it, sites in the order of their names.

    Raises UsageError where there is one site only, a patient has rows of several, or too few patients with the
    outcome are left to train on elsewhere.
    """
    name = dataset.labels[SITE].fillna(UNNAMED).astype(str).to_numpy()
    names = sorted(set(name))
    task = dataset.task.name
    if len(names) < 2:
        raise UsageError(f"All rows of {task} are of one site ({names[0]}); leaving one site out needs at least two.")
    at = {site: set(dataset.groups[name == site]) for site in names}
    travelled = sum(map(len, at.values())) - len(set.union(*at.values()))
    if travelled:
        raise UsageError(
            f"{travelled} patients of {task} have rows of more than one site; expected one site for each patient."
        )
    folds, sites = [], []
    for site in names:
        is_here = name == site
        _require_elsewhere(dataset, is_here, site)
        folds.append(Fold(np.flatnonzero(~is_here), np.flatnonzero(is_here)))
        sites.append(_site(dataset, is_here, site))
    return folds, tuple(sites)


def leave_one_site_out(
    dataset: Dataset, candidate: Candidate, seed: int, reference: SiteEvaluation | None = None, *, jobs: int = 1
) -> SiteEvaluation:
    """The candidate tested at each site after training at the others. Raises UsageError as `site_folds` does."""
    folds, sites = site_folds(dataset)
    compared = None if reference is None else reference.evaluation
    names = [site.name for site in sites]
    evaluation = evaluate(dataset, candidate, folds, seed, compared, fold_names=names, jobs=jobs)
    silenced = _silenced(evaluation, sites)
    score = scorer(dataset, evaluation.predictions)
    estimates = tuple(
        _estimates(dataset, score, fold.test, metrics, seed, is_silent=bool(site.note))
        for site, fold, metrics in zip(sites, folds, silenced.fold_metrics, strict=True)
    )
    return SiteEvaluation(silenced, sites, estimates)


def _estimates(
    dataset: Dataset, score: Scorer, here: Rows, metrics: dict[str, float], seed: int, *, is_silent: bool
) -> dict[str, Estimate]:
    spans = {}
    if not is_silent:
        blocks = []
        for drawn in patient_weights(np.unique(dataset.groups[here], return_inverse=True)[1], SAMPLES, seed):
            weights = np.zeros((len(drawn), len(dataset.labels)))
            weights[:, here] = drawn
            blocks.append(score(weights))
        spans = intervals({name: np.concatenate([block[name] for block in blocks]) for name in metrics})
    unknown = float("nan")
    return {
        name: Estimate(value, *spans.get(name, (unknown, unknown)), fold_mean=unknown, fold_sd=unknown, n_folds=1)
        for name, value in metrics.items()
    }


def _silenced(evaluation: Evaluation, sites: Sequence[Site]) -> Evaluation:
    metrics = [
        {name: float("nan") for name in found} if site.note else found
        for site, found in zip(sites, evaluation.fold_metrics, strict=True)
    ]
    estimates = {}
    for name, estimate in evaluation.estimates.items():
        mean, sd, n = mean_and_sd([m[name] for m in metrics])
        estimates[name] = replace(estimate, fold_mean=mean, fold_sd=sd, n_folds=n)
    return replace(evaluation, fold_metrics=metrics, estimates=estimates)


def _site(dataset: Dataset, is_here: np.ndarray, site: str) -> Site:
    n = len(np.unique(dataset.groups[is_here]))
    positive = len(np.unique(dataset.groups[is_here & dataset.is_positive]))
    negative = len(np.unique(dataset.groups[is_here & ~dataset.is_positive]))
    few = positive if dataset.task.kind == "survival" else min(positive, negative)
    if n < MIN_PATIENTS:
        note = f"Site {site} has {n} patients; expected at least {MIN_PATIENTS} to say something of it alone."
    elif few < MIN_EVENTS:
        which = "with the event" if few == positive else "without it"
        note = f"Site {site} has {few} patients {which} among {n}; expected at least {MIN_EVENTS}."
    else:
        note = ""
    return Site(site, n, positive, note)


def _require_elsewhere(dataset: Dataset, is_here: np.ndarray, site: str) -> None:
    positive = len(np.unique(dataset.groups[~is_here & dataset.is_positive]))
    negative = len(np.unique(dataset.groups[~is_here & ~dataset.is_positive]))
    few = positive if dataset.task.kind == "survival" else min(positive, negative)
    if few < MIN_EVENTS_ELSEWHERE:
        which = "with the event" if few == positive else "without it"
        raise UsageError(
            f"Without site {site}, {few} patients {which} are left to train {dataset.task.name} on; "
            f"expected at least {MIN_EVENTS_ELSEWHERE}."
        )
