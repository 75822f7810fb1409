"""The flow's evaluator of tasks that group patients: stability, seeds, sites left out, and modalities left out."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from infra.errors import UsageError
from training.ablation import Part, parts_of
from training.dataset import Dataset
from training.evaluate import VERSUS_REFERENCE
from training.flow.evaluator import Addition, Fitted, Outcome, Step, Work
from training.flow.summaries import DIFFERENCE_TO_FULL, metrics_of
from training.plan import Plan
from training.profiles.clustering import CHOICES, MIN_PER_GROUP, UNPLACED, Profiles
from training.profiles.evaluate import ProfileEvaluation, evaluate_profiles, over_samples
from training.profiles.parts import SitePiece, kept, without_site
from training.profiles.plots import figures
from training.refusals import Review
from training.task import PREDICTION_TIME, SITE, Candidate
from training.tracking.child import Child

RESAMPLES = {"quick": 50, "full": 200}
NULL_SETS = {"quick": 19, "full": 49}
"""Data sets of one group that the number of groups, and whether there are any, is held against."""
AGREEMENT = "agreement_with_full"
GROUPS, DIFFERENCES = "groups.parquet", "differences.parquet"


class ProfileEvaluator:
    """The `training.flow.evaluator.Evaluator` of a dataset whose patients are to be grouped."""

    def __init__(self, dataset: Dataset, plan: Plan, jobs: int) -> None:
        self.dataset = dataset
        self.task = dataset.task
        self.plan = plan
        self.jobs = jobs
        self.seed = plan.seeds[0]
        self._reference: ProfileEvaluation | None = None

    def check(self) -> Review:
        """Raises UsageError where no candidate but the baseline and the reference has patients enough."""
        self.left_out = {c.name: why for c in self.task.candidates if (why := self._too_few(c))}
        others = [c.name for c in self.task.candidates[1:] if c.name != self.task.reference]
        if others and all(name in self.left_out for name in others):
            raise UsageError(f"{self.task.name} cannot be trained: {self.left_out[others[0]]}")
        notes = [] if self._sites() or not self.plan.by_site else ["No site was left out: all patients are of one."]
        return Review(self.left_out, tuple(notes))

    def n_steps(self, candidate: Candidate) -> int:
        return len(self._pieces(candidate)) + 1

    def evaluate(self, candidate: Candidate, step: Step) -> Outcome:
        whole = step(Work("groups", partial(self._whole, candidate)))
        results = step.all(self._works(candidate, whole), self.jobs)
        of_seeds = [] if candidate.is_baseline else results[: len(self.plan.seeds) - 1]
        metrics = metrics_of(whole.estimates, whole.versus_reference, VERSUS_REFERENCE)
        return self._outcome(whole, metrics | self._over_seeds(whole, of_seeds))

    def n_afterwards(self) -> int:
        return 0

    def afterwards(self, best: Candidate, value: float, step: Step) -> Addition:
        """Nothing: survival of the groups is permuted in every candidate's own evaluation."""
        return Addition()

    def _too_few(self, candidate: Candidate) -> str:
        columns = candidate.uses(list(self.dataset.features.columns))
        if candidate.is_baseline:
            return ""
        if not columns:
            return f"{candidate.name} is left out: {self.task.service} has none of the features that it uses."
        n, needed = int(Profiles().is_placeable(self.dataset.features[columns]).sum()), MIN_PER_GROUP * min(CHOICES)
        if n >= needed:
            return ""
        return (
            f"{candidate.name} is left out: {n} of {len(self.dataset.labels)} patients have at least half of its "
            f"{len(columns)} measures; expected {needed}."
        )

    def _whole(self, candidate: Candidate) -> ProfileEvaluation:
        reference = self.task.candidate(self.task.reference)
        if candidate.name == reference.name:
            return self._evaluated(candidate, None)
        # One group has no stability to compare, and a reference without patients none to be compared with.
        if candidate.is_baseline or self._too_few(reference):
            return self._evaluated(candidate, None)
        if self._reference is None:
            self._reference = self._evaluated(reference, None)
        return self._evaluated(candidate, self._reference)

    def _evaluated(self, candidate: Candidate, reference: ProfileEvaluation | None) -> ProfileEvaluation:
        name = self.plan.name
        return evaluate_profiles(self.dataset, candidate, self.seed, RESAMPLES[name], reference, n_null=NULL_SETS[name])

    def _works(self, candidate: Candidate, whole: ProfileEvaluation) -> list[Work]:
        """The pieces after the first, held against it."""
        data, n = self.dataset, RESAMPLES["quick"]
        works = []
        for piece in self._pieces(candidate):
            if isinstance(piece, int):
                do, children = partial(_seed, data, candidate, piece, n, whole), partial(_seed_child, piece)
                works.append(Work(f"seed {piece}", do, children))
            elif isinstance(piece, Part):
                do = partial(_part, data, candidate, piece, self.seed, n, whole)
                works.append(Work(piece.name, do, partial(_part_child, piece)))
            else:
                do_site = partial(without_site, data, candidate, piece, whole)
                works.append(Work(f"site {piece} left out", do_site, _site_child))
        return works

    def _pieces(self, candidate: Candidate) -> list[int | str | Part]:
        """Seeds, sites and parts of the modalities that the plan asks for, in this order."""
        if candidate.is_baseline:
            return []
        parts = parts_of(self.dataset, candidate) if self.plan.ablate else []
        # Of two modalities, one alone is what is left without the other.
        two = len(parts) == 4
        return [*self.plan.seeds[1:], *self._sites(), *(p for p in parts if p.kind == "without" or not two)]

    def _sites(self) -> list[str]:
        sites = sorted(self.dataset.labels[SITE].dropna().unique())
        return [str(s) for s in sites] if self.plan.by_site and len(sites) > 1 else []

    def _over_seeds(self, whole: ProfileEvaluation, others: Sequence[Mapping[str, float]]) -> dict[str, float]:
        first = {name: e.value for name, e in whole.estimates.items()}
        if not others:
            return {}
        spread: dict[str, float] = {}
        for name, value in first.items():
            values = np.array([value, *(o[name] for o in others)])
            spread |= {f"{name}_seed_mean": float(values.mean()), f"{name}_seed_sd": float(values.std(ddof=1))}
        return spread

    def _outcome(self, whole: ProfileEvaluation, metrics: Mapping[str, float]) -> Outcome:
        dataset, choice = self.dataset, whole.model.choice_
        columns = whole.candidate.uses(list(dataset.features.columns))
        documents: dict[str, object] = {"groups.json": described(dataset, whole)}
        if choice is not None:
            documents["number_of_groups.json"] = {
                "chosen": choice.n_groups,
                "stability": choice.stability,
                "stability_of_one_group": choice.by_chance,
                "excess": choice.excess,
                "p": choice.p,
            }
        return Outcome(
            metrics=metrics,
            params={"method": whole.model.method},
            fitted=Fitted(whole.model, columns),
            figures=figures(dataset, whole),
            documents=documents,
            tables={GROUPS: membership(dataset, whole), DIFFERENCES: whole.differences},
        )


def membership(dataset: Dataset, evaluation: ProfileEvaluation) -> pd.DataFrame:
    """The group of each patient, by pseudonym.

    Columns: the entity, event_timestamp, site_id, group (UNPLACED where too little is known), and certainty: the mean
    share of resamples in which the patient is with the others of the group; NaN for one who is alone or unplaced.
    """
    groups = evaluation.groups
    same = (groups[:, None] == groups[None, :]) & ~np.eye(len(groups), dtype=bool) & (groups != UNPLACED)[:, None]
    n = same.sum(axis=1)
    total = np.where(same, evaluation.consensus, 0.0).sum(axis=1)
    certainty = np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)
    rows = dataset.labels[[dataset.task.entity, PREDICTION_TIME, SITE]]
    return rows.assign(group=groups, certainty=certainty)


def described(dataset: Dataset, evaluation: ProfileEvaluation) -> list[dict[str, object]]:
    """Each group's size, events and median survival in days from the prediction (None where it is not reached)."""
    from sksurv.nonparametric import kaplan_meier_estimator

    found: list[dict[str, object]] = []
    for group in np.unique(evaluation.groups[evaluation.groups != UNPLACED]):
        rows = evaluation.groups == group
        event, time = dataset.is_positive[rows], dataset.time_days[rows]
        at, survival = kaplan_meier_estimator(event, time)
        reached = at[survival <= 0.5]
        found.append(
            {
                "group": int(group),
                "n": int(rows.sum()),
                "n_events": int(event.sum()),
                "median_survival_days": float(reached[0]) if len(reached) else None,
            }
        )
    return found


# Work for other processes: functions of a module.


def _seed(
    dataset: Dataset, candidate: Candidate, seed: int, n_resamples: int, whole: ProfileEvaluation
) -> dict[str, float]:
    return _values(evaluate_profiles(dataset, candidate, seed, n_resamples), whole)


def _part(
    dataset: Dataset, candidate: Candidate, part: Part, seed: int, n_resamples: int, whole: ProfileEvaluation
) -> dict[str, float]:
    """Metrics of the candidate on a part of its modalities; {} where that leaves too few patients with measures."""
    try:
        found = evaluate_profiles(dataset, kept(candidate, part), seed, n_resamples)
    except UsageError:
        return {}
    n = min(len(found.primary_samples), len(whole.primary_samples))
    # The same resamples of patients: they depend on the seed alone.
    gaps = over_samples(found.primary_samples[:n] - whole.primary_samples[:n])
    return metrics_of(found.estimates, gaps, DIFFERENCE_TO_FULL) | _values(found, whole)


def _values(found: ProfileEvaluation, whole: ProfileEvaluation) -> dict[str, float]:
    from sklearn.metrics import adjusted_rand_score

    both = (found.groups != UNPLACED) & (whole.groups != UNPLACED)
    agreement = float(adjusted_rand_score(whole.groups[both], found.groups[both])) if both.any() else float("nan")
    return {name: e.value for name, e in found.estimates.items()} | {AGREEMENT: agreement}


def _seed_child(seed: int, metrics: Mapping[str, float]) -> list[Child]:
    return [Child("seed", f"seed {seed}", metrics, {"seed": seed}, {"seed": str(seed)})]


def _part_child(part: Part, metrics: Mapping[str, float]) -> list[Child]:
    words = {"modality": part.modality, "ablation": part.kind}
    return [Child("ablation", part.name, metrics, words, words)]


def _site_child(found: SitePiece) -> list[Child]:
    metrics = {"stability_ari": found.stability_ari}
    params = {"site": found.site, "n_patients": found.n_patients}
    return [Child("site", f"site {found.site} left out", metrics, params, {"site": found.site})]
