"""Makes a challenger the champion, where the declared rule says so (`training.registry.rule`)."""

import math
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from infra.errors import OncolakeError, UsageError
from infra.lake import Lake
from training.artefacts import predictions
from training.registry import versions as registry
from training.registry.ground import Standing, compared, not_the_same_ground
from training.registry.rule import Evidence, objections
from training.registry.versions import CHALLENGER, CHAMPION, PROMOTION, ModelVersion
from training.run import Retrieve, named
from training.task import Task
from training.tracking import FINGERPRINT, IS_BEST, LoggedRun, Tracker

if TYPE_CHECKING:
    from training.dataset import Dataset


class PromotionRefused(OncolakeError):
    """The challenger did not earn it; the sentence says by which figures."""


@dataclass(frozen=True)
class Promotion:
    """A version that became champion. previous: the version that was it before, None for the first one. evidence: what
    it was held against."""

    version: ModelVersion
    previous: int | None
    sentence: str
    evidence: Evidence

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Best:
    """What `register_best` did. sentence: the verdict of the promotion."""

    version: ModelVersion
    is_champion: bool
    sentence: str


def promote(lake: Lake, task_name: str, which: str | None = None, *, retrieve: Retrieve | None = None) -> Promotion:
    """Makes a registered version the champion of its task if it earns it on its own folds.

    which: a version's number, a run, or an alias; default the challenger. Held against it are the trivial and the
    clinical baseline of its training, and the champion. A champion that was trained on other data or folds is fitted
    again: its candidate, by the code of now, on the challenger's training set and folds, since its own model has seen
    patients that it would be tested on. A champion of the same candidate would come out as the challenger does; the
    version on the newer data takes its place if it beats the baselines and has no fewer patients.
    retrieve: how features are fetched for that; default at the versions that the challenger's run read.

    The verdict is kept on the version, also where it is a refusal. Raises PromotionRefused with the figures, and
    UsageError where nothing is to be decided.
    """
    task = named(task_name)
    version = registry.chosen(lake, task.name, which)
    before = registry.champion(lake, task.name)
    if before is not None and before.version == version.version:
        raise UsageError(f"Version {version.version} of {task.name} ({version.model}) is the champion already.")
    if task.kind == "profiles":
        raise UsageError(
            f"{task.name} groups patients and predicts no outcome, so there are no folds to hold its versions against "
            "each other on; they are registered, and none is promoted."
        )
    evidence, against = _evidence(lake, task, version, before, retrieve)
    found = objections(evidence)
    what = f"Version {version.version} of {task.name} ({version.model})"
    client = Tracker(lake).client
    if found:
        sentence = f"{what} is not promoted: {'; '.join(found)}."
        _keep(lake, version, sentence)
        raise PromotionRefused(sentence)
    own = evidence.reference.primary
    sentence = f"{what} is the champion with {task.primary_metric} {own.own:.3f}, {against}."
    client.set_registered_model_alias(task.name, CHAMPION, str(version.version))
    if CHALLENGER in version.aliases:
        client.delete_registered_model_alias(task.name, CHALLENGER)
    now = _keep(lake, version, sentence)
    return Promotion(now, before.version if before else None, sentence, evidence)


def register_best(lake: Lake, task_name: str, *, retrieve: Retrieve | None = None) -> Best:
    """Registers the best model of a task's newest training as challenger, and promotes it where the rule says so.

    Best is by the primary metric, among all but the trivial baseline. A refusal is an answer here and no error; so is
    a best model that is the champion already. Raises UsageError where the task has no finished training.
    """
    task = named(task_name)
    best = next(
        iter(Tracker(lake).finished(task.name, f"tags.{IS_BEST} = 'true' AND tags.is_permuted = 'false'")), None
    ) or _best_of_newest(lake, task)
    before = registry.champion(lake, task.name)
    if before is not None and before.run_id == best.run_id:
        return Best(before, True, before.promotion)
    version = registry.register(lake, best.run_id)
    try:
        promoted = promote(lake, task.name, str(version.version), retrieve=retrieve)
    except (PromotionRefused, UsageError) as error:
        return Best(registry.version_of(lake, task.name, version.version), False, str(error))
    return Best(promoted.version, True, promoted.sentence)


def _best_of_newest(lake: Lake, task: Task) -> LoggedRun:
    runs = Tracker(lake).finished(task.name, "tags.is_permuted = 'false' AND tags.is_baseline = 'false'")
    newest = [r for r in runs if r.tags.get(FINGERPRINT) == runs[0].tags.get(FINGERPRINT)]
    scored = [r for r in newest if task.primary_metric in r.metrics]
    if not scored:
        raise UsageError(f"No finished run of {task.name} is in {lake.root}; run `oncolake train {task.name}` first.")
    return max(scored, key=lambda r: r.metrics[task.primary_metric])


def _evidence(
    lake: Lake, task: Task, version: ModelVersion, before: ModelVersion | None, retrieve: Retrieve | None
) -> tuple[Evidence, str]:
    """What the rule asks for, and in words what the version was held against."""
    tracker = Tracker(lake)
    ground = _Ground(lake, task, tracker.run(version.run_id), retrieve)
    if version.model in (ground.trivial, task.reference):
        raise PromotionRefused(
            f"Version {version.version} of {task.name} is the baseline {version.model} itself; a champion beats it."
        )
    own = ground.own
    trivial = compared(task, own, ground.of_training(ground.trivial))
    reference = compared(task, own, ground.of_training(task.reference))
    p = ground.run.metrics.get("permutation_p", math.nan)
    evidence = Evidence(trivial, reference, None, p)
    better = f"{reference.primary.value:+.3f} to {task.reference}"
    if before is None:
        return evidence, f"{better}; there was none before"
    theirs = tracker.run(before.run_id)
    kept = _standing(tracker, theirs)
    if kept is not None and not not_the_same_ground(task, own, kept):
        champion = replace(kept, model=f"the champion {before.model} (version {before.version})")
        found = compared(task, own, champion)
        return replace(evidence, champion=found), f"{better}, {found.primary.value:+.3f} to {champion.model}"
    if before.model == version.model:
        _require_newer(task, version, ground.run, before, theirs)
        return evidence, f"{better}; it is version {before.version} trained on other data"
    again = ground.fitted_again(before.model)
    champion = replace(again, model=f"the champion {before.model} (version {before.version}, fitted again)")
    found = compared(task, own, champion)
    return replace(evidence, champion=found), f"{better}, {found.primary.value:+.3f} to {champion.model}"


def _require_newer(task: Task, version: ModelVersion, run: LoggedRun, before: ModelVersion, theirs: LoggedRun) -> None:
    """Raises PromotionRefused where the same candidate was trained on the same data, or on fewer patients."""
    same = run.tags["digest"] == theirs.tags["digest"]
    n, was = int(run.params["n_groups"]), int(theirs.params["n_groups"])
    if same or n < was:
        why = "on the same training set" if same else f"on {n} patients where the champion had {was}"
        raise PromotionRefused(
            f"Version {version.version} of {task.name} is {version.model} like the champion (version "
            f"{before.version}), trained {why}; there is no reason to replace it."
        )


@dataclass(frozen=True)
class _Ground:
    """The training set and the folds of a challenger, and other candidates on them."""

    lake: Lake
    task: Task
    run: LoggedRun
    retrieve: Retrieve | None

    @property
    def trivial(self) -> str:
        return self.task.candidates[0].name

    @cached_property
    def own(self) -> Standing:
        found = _standing(Tracker(self.lake), self.run)
        if found is None:
            raise UsageError(f"Run {self.run.run_id[:8]} has kept no predictions; train it again with this version.")
        return found

    def of_training(self, model: str) -> Standing:
        """Another candidate of the challenger's own training; fitted again where its run is gone."""
        tracker = Tracker(self.lake)
        same = f"tags.{FINGERPRINT} = '{self.run.tags[FINGERPRINT]}' AND tags.model = '{model}'"
        for run in tracker.finished(self.task.name, same):
            found = _standing(tracker, run)
            if found is not None and not not_the_same_ground(self.task, self.own, found):
                return found
        return self.fitted_again(model)

    def fitted_again(self, model: str) -> Standing:
        """A candidate by the code of now on this ground. Raises PromotionRefused where that cannot be done."""
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        from training.evaluate import evaluate, folds_of
        from training.flow.predictive import prediction_rows

        if model not in [c.name for c in self.task.candidates]:
            raise self._refused(f"{self.task.name} has no candidate {model} any more to hold it against")
        dataset = self.dataset
        n_folds, seed = int(self.run.params["folds"]), int(self.run.params["seed"])
        folds = folds_of(dataset, n_folds, seed)
        with threadpool_limits(limits=1):
            evaluation = evaluate(dataset, self.task.candidate(model), folds, seed, n_samples=0)
        found = Standing(model, dataset.lineage.digest, prediction_rows(dataset, evaluation))
        if why := not_the_same_ground(self.task, self.own, found):
            raise self._refused(why.rstrip("."))
        return found

    @cached_property
    def dataset(self) -> "Dataset":
        from training.dataset import assemble
        from training.rebuild import rebuilt

        try:
            again = rebuilt(self.lake, self.run.run_id, self.retrieve)
        except UsageError as error:
            raise self._refused(f"its training set cannot be built again ({str(error).rstrip('.')})") from error
        if again.retrieved.digest != again.lineage.digest:
            raise self._refused("its training set does not come out the same again, so nothing can be fitted on it")
        return assemble(self.task, again.labels, again.retrieved)

    def _refused(self, why: str) -> PromotionRefused:
        return PromotionRefused(
            f"Run {self.run.run_id[:8]} of {self.task.name} ({self.run.tags['model']}) is not promoted: {why}."
        )


def _standing(tracker: Tracker, run: LoggedRun) -> Standing | None:
    rows = predictions(tracker, run)
    if rows is None or not {"fold", "score"} <= set(rows.columns):
        return None
    return Standing(run.tags["model"], run.tags["digest"], rows)


def _keep(lake: Lake, version: ModelVersion, sentence: str) -> ModelVersion:
    """The verdict as a tag of the version, and a card that says it."""
    from training.registry.card.writing import write

    Tracker(lake).client.set_model_version_tag(version.task, str(version.version), PROMOTION, sentence)
    now = registry.version_of(lake, version.task, version.version)
    write(lake, now)
    return now
