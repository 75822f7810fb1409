"""Groups without some of the modalities, and groups that the patients of a hospital had no part in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from training.ablation import Part
from training.dataset import Dataset
from training.modalities import modality_of
from training.profiles.clustering import UNPLACED
from training.profiles.evaluate import ProfileEvaluation
from training.task import SITE, Candidate

MIN_PATIENTS = 5


@dataclass(frozen=True)
class SitePiece:
    """One hospital left out.

    stability_ari: adjusted Rand index between the groups of its patients and those that they are assigned when all
        other hospitals' patients form the groups; NaN where fewer than MIN_PATIENTS are placed, or there is one group.
    """

    site: str
    n_patients: int
    stability_ari: float


def kept(candidate: Candidate, part: Part) -> Candidate:
    """The candidate that sees a part of its modalities only."""

    def uses(columns: Sequence[str]) -> list[str]:
        is_out = part.kind == "without"
        return [c for c in candidate.uses(columns) if (modality_of(c) == part.modality) != is_out]

    return replace(candidate, uses=uses)


def without_site(dataset: Dataset, candidate: Candidate, site: str, whole: ProfileEvaluation) -> SitePiece:
    """Forms as many groups without the patients of a site, and assigns these to them."""
    from sklearn.metrics import adjusted_rand_score

    is_site = dataset.labels[SITE].eq(site).to_numpy(bool)
    seen = dataset.features[candidate.uses(list(dataset.features.columns))]
    model = whole.model
    n_groups, placed = model.n_groups_, is_site & (whole.groups != UNPLACED)
    enough = placed.sum() >= MIN_PATIENTS and (whole.groups[~is_site] != UNPLACED).sum() > n_groups
    if n_groups < 2 or not enough:
        return SitePiece(site, int(is_site.sum()), float("nan"))
    others = candidate.build(seen, model.seed).set_params(choices=(n_groups,), n_resamples=1, n_null=1)
    others.fit(seen[~is_site])
    groups = np.asarray(others.predict(seen[placed]))
    return SitePiece(site, int(is_site.sum()), float(adjusted_rand_score(whole.groups[placed], groups)))
