"""Evaluates tasks that predict an outcome: survival and classes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial

import numpy as np
import pandas as pd

from infra.errors import UsageError
from training.ablation import Part, ablate, parts_of
from training.dataset import Dataset
from training.evaluate import VERSUS_REFERENCE, Evaluation, evaluate, fit_rows, folds_of
from training.flow import children, findings
from training.flow.children import Piece, SitePiece, pieces_of_sites
from training.flow.evaluator import Addition, Fitted, Outcome, Step, Work
from training.flow.summaries import coefficients_of, hyper_parameters, metrics_of, spread_over_seeds
from training.permutation import PermutationTest, n_permutations, null_values
from training.plan import Plan
from training.refusals import Review, review
from training.repetition import again, summarised, values_of
from training.sites import leave_one_site_out, site_folds
from training.splits import Fold
from training.task import COMPETING, IS_EVENT, LABEL, PREDICTION_TIME, SITE, TIME_DAYS, Candidate
from training.tracking.child import Child
from training.tracking.names import AT_HORIZON, PREDICTIONS

PERMUTATIONS_A_STEP = 2
"""Few, so that a bar moves: of the slowest model one takes seconds."""


class PredictiveEvaluator:
    """The `Evaluator` of a dataset with an outcome; folds and references are made once, for every candidate."""

    def __init__(self, dataset: Dataset, plan: Plan, jobs: int) -> None:
        self.dataset = dataset
        self.task = dataset.task
        self.plan = plan
        self.jobs = jobs
        self.seed = plan.seeds[0]
        self._references: dict[int, Evaluation] = {}

    @cached_property
    def folds(self) -> list[Fold]:
        """The outer folds of the first seed: candidates are compared on these."""
        return folds_of(self.dataset, self.plan.folds, self.seed)

    @cached_property
    def no_sites(self) -> str:
        """Why no site is left out, in a sentence; '' where each is."""
        if not self.plan.by_site:
            return "The plan leaves no site out."
        try:
            site_folds(self.dataset)
        except UsageError as error:
            return str(error)
        return ""

    def check(self) -> Review:
        found = review(self.dataset, self.plan.folds)
        if self.plan.by_site and self.no_sites:
            return replace(found, notes=(*found.notes, f"No site was left out: {self.no_sites}"))
        return found

    def n_steps(self, candidate: Candidate) -> int:
        return len(self.plan.seeds) + (not self.no_sites) + len(self._parts(candidate))

    def evaluate(self, candidate: Candidate, step: Step) -> Outcome:
        whole = step(Work("folds", partial(self._whole, candidate, partial(step.part, "fold")), self._fold_children))
        seeds, parts = self.plan.seeds[1:], self._parts(candidate)
        works = [self._seed_work(candidate, seed) for seed in seeds]
        works += [] if self.no_sites else [self._site_work(candidate)]
        works += [self._part_work(candidate, part, whole) for part in parts]
        results = step.all(works, self.jobs)
        of_seeds = {self.seed: values_of(whole), **dict(zip(seeds, results, strict=False))}
        metrics = metrics_of(whole.estimates, whole.versus_reference, VERSUS_REFERENCE)
        metrics |= spread_over_seeds(summarised(of_seeds))
        outcome = self._outcome(candidate, whole, metrics)
        primary = self.task.primary_metric
        if not self.no_sites:
            outcome += findings.of_sites(candidate.name, primary, results[len(seeds)], whole)
        pieces = dict(zip(parts, results[len(results) - len(parts) :], strict=True))
        outcome += findings.of_ablations(whole, primary, pieces, self._reference(self.seed))
        return outcome + findings.of_attention(self.dataset, whole, self.folds)

    def n_afterwards(self) -> int:
        return len(self._batches()) + 1 if self.plan.n_permutations else 0

    def afterwards(self, best: Candidate, value: float, step: Step) -> Addition:
        if not self.plan.n_permutations:
            return Addition()
        primary, last = self.task.primary_metric, self._batches()[-1].stop
        works = [
            Work(
                f"permutations {numbers.start + 1} to {numbers.stop} of {last}",
                partial(null_values, self.dataset, best, self.plan.folds, self.seed, numbers),
            )
            for numbers in self._batches()
        ]
        test = PermutationTest(value, np.concatenate(step.all(works, self.jobs)))
        step(Work("permutation test", lambda: test, partial(children.of_permutations, primary)))
        return findings.of_permutations(best.name, primary, test)

    def _batches(self) -> list[range]:
        n = n_permutations(self.dataset, self.plan.n_permutations)
        return [range(i, min(i + PERMUTATIONS_A_STEP, n)) for i in range(0, n, PERMUTATIONS_A_STEP)]

    def _parts(self, candidate: Candidate) -> list[Part]:
        return parts_of(self.dataset, candidate) if self.plan.ablate else []

    def _reference(self, seed: int) -> Evaluation:
        """The reference's own evaluation on the folds of a seed."""
        if seed not in self._references:
            reference = self.task.candidate(self.task.reference)
            if seed == self.seed:
                found = evaluate(self.dataset, reference, self.folds, seed, jobs=self.jobs)
            else:
                found = again(self.dataset, reference, self.plan.folds, seed, jobs=self.jobs)
            self._references[seed] = found
        return self._references[seed]

    def _whole(self, candidate: Candidate, tell: Callable[[int, int], None]) -> Evaluation:
        reference = self._reference(self.seed)
        if candidate.name == self.task.reference:
            return reference
        return evaluate(self.dataset, candidate, self.folds, self.seed, reference, jobs=self.jobs, tell=tell)

    def _fold_children(self, whole: Evaluation) -> list[Child]:
        # With several seeds the first one stands among them, so that charts show all of them side by side.
        seeds = children.of_seed(self.seed, values_of(whole)) if len(self.plan.seeds) > 1 else []
        return children.of_folds(self.seed, whole) + seeds

    def _seed_work(self, candidate: Candidate, seed: int) -> Work:
        is_reference = candidate.name == self.task.reference
        reference = None if is_reference else _slim(self._reference(seed))
        work = partial(_again, self.dataset, candidate, self.plan.folds, seed, reference)
        return Work(f"seed {seed}", work, partial(children.of_seed, seed))

    def _site_work(self, candidate: Candidate) -> Work:
        work = partial(_by_site, self.dataset, candidate, self.seed)
        return Work("sites left out", work, partial(children.of_sites, self.seed))

    def _part_work(self, candidate: Candidate, part: Part, whole: Evaluation) -> Work:
        work = partial(_ablated, self.dataset, candidate, part, self.folds, self.seed, _slim(whole))
        return Work(part.name, work, partial(children.of_ablation, part))

    def _outcome(self, candidate: Candidate, whole: Evaluation, metrics: Mapping[str, float]) -> Outcome:
        from training.importance import importance
        from training.plots import figures

        dataset = self.dataset
        model, chosen = fit_rows(dataset, candidate, np.arange(len(dataset.labels)), self.seed)
        shuffled = importance(dataset, whole, self.seed)
        coefficients = coefficients_of(model)
        return Outcome(
            metrics=metrics,
            params=hyper_parameters(chosen),
            fitted=Fitted(model, candidate.uses(list(dataset.features.columns))),
            figures=figures(dataset, whole, shuffled, coefficients),
            documents={"importance.json": shuffled, "coefficients.json": coefficients},
            tables={PREDICTIONS: prediction_rows(dataset, whole)},
        )


def prediction_rows(dataset: Dataset, evaluation: Evaluation) -> pd.DataFrame:
    """Out-of-fold predictions by pseudonym: entity, group, time, site, target, fold, score.

    For survival with a horizon within follow-up also `survival_at_horizon`: the predicted share without the event by
    then, where events compete 1 less the cumulative incidence.
    """
    task, predictions = dataset.task, evaluation.predictions
    # The group too: intervals resample patients, and a patient may have several cases.
    keep = [*dict.fromkeys((task.entity, task.group)), PREDICTION_TIME, SITE, TIME_DAYS, IS_EVENT, COMPETING, LABEL]
    rows = dataset.labels[[c for c in keep if c in dataset.labels]]
    rows = rows.assign(fold=predictions.fold, score=predictions.score)
    horizon, times = task.horizon_days, predictions.times
    if horizon is not None and len(times) and horizon < times[-1]:
        rows[AT_HORIZON] = predictions.survival_at(horizon)
    return rows


# Work for other processes: functions of a module, that take no more along than they need.


def _again(
    dataset: Dataset, candidate: Candidate, n_folds: int, seed: int, reference: Evaluation | None
) -> dict[str, float]:
    return values_of(again(dataset, candidate, n_folds, seed, reference))


def _by_site(dataset: Dataset, candidate: Candidate, seed: int) -> list[SitePiece]:
    return pieces_of_sites(leave_one_site_out(dataset, candidate, seed))


def _ablated(
    dataset: Dataset, candidate: Candidate, part: Part, folds: list[Fold], seed: int, full: Evaluation
) -> Piece:
    return Piece.of(ablate(dataset, candidate, part, folds, seed, full).evaluation)


def _slim(evaluation: Evaluation) -> Evaluation:
    """What a difference in pairs needs of the other evaluation."""
    return replace(evaluation, models=[], chosen=[])
