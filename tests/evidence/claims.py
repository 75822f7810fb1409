"""Claims about the demo's runs that its written truth can prove or refute, one sentence and one figure each."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from features.retrieval import retrieve
from infra.errors import UsageError
from infra.lake import Lake
from infra.settings import Settings
from training.ablation import ablations
from training.artefacts import artefact
from training.columns import DAYS_BEFORE
from training.dataset import Dataset, assemble
from training.evaluate import Estimate, evaluate, fit_rows, folds_of
from training.permutation import PermutationTest, null_values
from training.profiles.clustering import UNPLACED
from training.profiles.evaluator import GROUPS
from training.replay import replay
from training.task import Candidate, Task
from training.tasks import TASKS, WITH_DATES
from training.tracking import LoggedRun, Tracker

FOLDS, SEED = 5, 0
NULLS = 19
"""Labels exchanged so often: the fewest with which a p-value can reach 0.05."""
RESAMPLES = 500
CHANCE = 0.5

DRIVEN_BY = {
    "overall_survival": ("cytokines", "exosomes"),
    "treatment_response": ("cytokines",),
    "pseudoprogression": ("imaging",),
    "mgmt_methylation": ("imaging",),
}
"""Task -> the modalities that carry what `oncolake.demo.truth` lets drive its outcome (beside the clinic's own)."""
CLASSICAL = {"survival": "coxnet", "classes": "elastic_net"}
DRIVERS = {"overall_survival": ("IL6", "concentration"), "treatment_response": ("CXCL8", "IFNG", "concentration")}
"""Measures that drive the outcome, as parts of the measures' names in a history."""


@dataclass(frozen=True)
class Claim:
    """What is claimed, what was found, and whether that bears it out."""

    subject: str
    sentence: str
    found: str
    holds: bool


@dataclass(frozen=True)
class Evidence:
    """The lake of a demo with its landing folder, and where progress is said."""

    lake: Lake
    landing: Path
    settings: Settings
    say: Callable[[str], None]
    assembled: dict[str, Dataset] = field(default_factory=dict)

    def dataset(self, task: Task) -> Dataset:
        """The training set of a task, fetched once."""
        if task.name not in self.assembled:
            self.assembled[task.name] = self._dataset(task)
        return self.assembled[task.name]

    def _dataset(self, task: Task) -> Dataset:
        labels = task.build_labels(self.lake)
        return assemble(task, labels, retrieve(self.lake, task.service, labels.frame))

    def runs(self, task: str) -> list[LoggedRun]:
        """The newest finished run of each model, on labels as they are."""
        newest: dict[str, LoggedRun] = {}
        for run in Tracker(self.lake).finished(task, "tags.is_permuted = 'false'"):
            newest.setdefault(run.tags["model"], run)
        return list(newest.values())

    def groups(self) -> dict[str, str]:
        """Pseudonym -> the planted group of trajectories."""
        truth = json.loads((self.landing / "truth.json").read_text())
        of = self.settings.pseudonymiser.identifier
        return {of(p["site_id"], p["patient_id"]): p["trajectory_group"] for p in truth["patients"]}


def _span(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def modalities(evidence: Evidence, name: str) -> Iterator[Claim]:
    """The modality that was planted predicts alone; more than any other, where it is the only one."""
    task = TASKS[name]
    dataset = evidence.dataset(task)
    candidate = task.candidate(CLASSICAL[task.kind])
    folds = folds_of(dataset, FOLDS, SEED)
    full = evaluate(dataset, candidate, folds, SEED)
    metric = task.primary_metric
    evidence.say(f"{name}: each modality left out, and alone")
    found = ablations(dataset, candidate, folds, SEED, full, jobs=2)
    alone = {a.part.modality: a.evaluation.estimates[metric] for a in found if a.part.kind == "alone"}
    adds = {a.part.modality: a.adds for a in found if a.part.kind == "without"}
    for modality in DRIVEN_BY[name]:
        yield Claim(
            name,
            f"{modality} alone predict better than chance ({metric} of {candidate.name})",
            f"{_span(alone[modality])}; left out: {adds[modality].value:+.3f} lost",
            alone[modality].low > CHANCE,
        )
    best = max(alone, key=lambda m: alone[m].value)
    values = ", ".join(f"{m} {e.value:.3f}" for m, e in sorted(alone.items(), key=lambda p: -p[1].value))
    yield Claim(name, "the best single modality is one that was planted", values, best in DRIVEN_BY[name])


def permuted(evidence: Evidence, name: str) -> Claim:
    """With outcomes exchanged between patients of a site, nothing is left to find."""
    task = TASKS[name]
    dataset = evidence.dataset(task)
    candidate = _untuned(task)
    evidence.say(f"{name}: outcomes exchanged {NULLS} times")
    full = evaluate(dataset, candidate, folds_of(dataset, FOLDS, SEED), SEED, jobs=2)
    value = full.estimates[task.primary_metric].value
    null = null_values(dataset, candidate, FOLDS, SEED, range(NULLS), jobs=2)
    test = PermutationTest(value, null)
    low, high = test.interval
    return Claim(
        name,
        f"outcomes exchanged within sites leave nothing ({task.primary_metric} of {candidate.name})",
        f"mean {np.mean(null):.3f} ({low:.3f} to {high:.3f}), real ones {value:.3f}, p = {test.p_value:.2f}",
        low <= CHANCE <= high and value > high,
    )


def _untuned(task: Task) -> Candidate:
    """The classical model that is quick enough to be fitted a hundred times."""
    names = [c.name for c in task.candidates]
    return task.candidate(next(n for n in ("coxnet", "elastic_net", "logistic") if n in names))


def attention(evidence: Evidence, name: str) -> Iterator[Claim]:
    """The attention model keeps up with the best classical one, and looks at what was planted."""
    task = TASKS[name]
    runs = {run.tags["model"]: run.metrics for run in evidence.runs(name)}
    metric = task.primary_metric
    classical = [m for m in runs if m != "attention" and not task.candidate(m).is_baseline]
    best = max(classical, key=lambda m: runs[m][metric])
    value, low = runs["attention"][metric], runs[best][f"{metric}_low"]
    yield Claim(
        name,
        f"the attention model is within the interval of the best classical model, or better ({metric})",
        f"{value:.3f} against {runs[best][metric]:.3f} of {best} (from {low:.3f} on)",
        value >= low,
    )
    evidence.say(f"{name}: what the attention model looks at")
    dataset = evidence.dataset(task)
    model, _ = fit_rows(dataset, task.candidate("attention"), np.arange(len(dataset.labels)), SEED)
    weights = model.attention(dataset.features)
    shares = weights.groupby("measure")["weight"].mean().sort_values(ascending=False)
    top = list(shares.index[: len(DRIVERS[name])])
    hit = [d for d in DRIVERS[name] if any(d.lower() in m.lower() for m in top)]
    yield Claim(
        name,
        f"its weights are highest on planted drivers ({', '.join(DRIVERS[name])})",
        ", ".join(f"{m} {shares[m]:.3f}" for m in shares.index[:4]),
        len(hit) == len(top),
    )


def profiles(evidence: Evidence) -> Iterator[Claim]:
    """The groups of trajectories are found again, without any outcome."""
    truth = evidence.groups()
    for run in evidence.runs("response_profiles"):
        if run.tags["is_baseline"] == "true" or run.tags["model"] == "clinical_groups":
            continue
        groups = memberships(evidence.lake, run)
        planted = groups["patient_id"].map(truth)
        value = adjusted_rand_score(planted, groups["group"])
        rng = np.random.default_rng(SEED)
        rows = [rng.integers(0, len(groups), len(groups)) for _ in range(RESAMPLES)]
        draws = [adjusted_rand_score(planted.iloc[r], groups["group"].iloc[r]) for r in rows]
        low, high = np.quantile(draws, [0.025, 0.975])
        yield Claim(
            "response_profiles",
            f"the planted groups are found again by {run.tags['model']} (adjusted Rand index)",
            f"{value:.3f} ({low:.3f} to {high:.3f}), {groups['group'].nunique()} groups of {len(groups)} patients",
            low > 0,
        )


def memberships(lake: Lake, run: LoggedRun) -> pd.DataFrame:
    """patient_id and group of the placed patients of a run."""
    path = artefact(Tracker(lake), run, GROUPS)
    if path is None:
        raise UsageError(f"Run {run.run_id} has no {GROUPS}; expected the groups of its patients.")
    found = pd.read_parquet(path)
    return found[found["group"] != UNPLACED].reset_index(drop=True)


def replayed(evidence: Evidence) -> Iterator[Claim]:
    """Every run can be made again: the same training set, the same numbers."""
    for name in WITH_DATES:
        runs = evidence.runs(name)
        results = []
        for run in runs:
            evidence.say(f"{name}: {run.tags['model']} made again")
            results.append(replay(evidence.lake, run.run_id))
        same, proven = sum(r.is_same_data for r in results), sum(r.is_proven for r in results)
        yield Claim(
            name,
            "every run is proven by its replay",
            f"{same} digests and {proven} runs of {len(runs)}",
            bool(runs) and all(r.is_proven for r in results),
        )


def lookahead(evidence: Evidence) -> Claim:
    """No prediction was made with anything from after it: histories end before their prediction."""
    worst, n = np.inf, 0
    for task in (TASKS[name] for name in WITH_DATES):
        if task.entity == "case_id":
            continue
        features = evidence.dataset(task).features
        if DAYS_BEFORE in features:
            known = features[DAYS_BEFORE].dropna()
            n += sum(len(days) for days in known)
            worst = min([worst, *(float(np.min(days)) for days in known if len(days))])
    return Claim(
        "all tasks",
        "no measurement in a history is later than its prediction",
        f"{n:,} tokens, the latest {worst:.2f} days before",
        n > 0 and worst >= 0,
    )
