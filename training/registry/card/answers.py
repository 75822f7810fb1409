"""Which items of TRIPOD+AI a run answers, in whole or in part, and with what. What is not here is open."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from training.registry.card.facts import Facts
from training.registry.card.predictors import Predictor
from training.registry.cohort import FEWEST
from training.registry.versions import CHAMPION

INTENDED_USE = "For research and decision support only. It is not a medical device, and people decide, not it."


@dataclass(frozen=True)
class Answer:
    """still: what of the item is left to the authors; '' where the run answers all of it."""

    text: str
    still: str = ""


def answers(facts: Facts, predictors: list[Predictor]) -> dict[str, Answer]:
    """Item number -> what the run says of it."""
    found = {**_what(facts), **_patients(facts), **_predictors(facts, predictors), **_methods(facts), **_results(facts)}
    return found | (_of_groups(facts) if facts.task.kind == "profiles" else {})


def count(n: object) -> str:
    """A number of patients, as far as it may be said."""
    return f"fewer than {FEWEST}" if n is None or (isinstance(n, int) and 0 < n < FEWEST) else f"{n:,}"


def evaluated(facts: Facts) -> str:
    """How the numbers of the card came about."""
    if facts.task.kind == "profiles":
        return (
            "Groups are made of all patients, without outcomes; stability is their agreement with groups found in "
            "bootstrap samples of patients, and limits are what 95 % of the samples lie between."
        )
    return "Out of fold, by nested cross-validation with patients whole; 95 % intervals over resampled patients."


def _of_groups(facts: Facts) -> dict[str, Answer]:
    """What is another for a task that groups patients and predicts no outcome."""
    n, reference = facts.cohort.get("n_patients"), facts.task.reference
    return {
        "1": Answer(f"Development of groups of patients, and no prediction: {facts.task.question}", "the title"),
        "4": Answer("Development, with stability under resampling; there is no external evaluation."),
        "8a": Answer(facts.task.horizon),
        "10": Answer(f"{count(n)} patients. All who met the cohort rule were used.", "whether that suffices"),
        "11": Answer(
            "Shares missing: see Participants and Predictors. Who has less than half of the measures is placed in no "
            "group; what stands in for others is learned from the patients who form the groups."
        ),
        "12a": Answer("Nothing is held back: all patients form the groups, and resamples of them judge these."),
        "12c": Answer(f"{facts.description} The number of groups is the one that is most stable beyond chance."),
        "12e": Answer(f"Stability against {reference} in the same resamples; log-rank test with permutations by site."),
        "16": Answer("There are no data of evaluation."),
        "21": Answer(f"{count(n)} patients formed the groups; outcomes enter the log-rank test only."),
    }


def _what(facts: Facts) -> dict[str, Answer]:
    task, run = facts.task, facts.run
    folds = f"{run.params.get('folds', '?')}-fold cross-validation"
    return {
        "1": Answer(f"Development and internal evaluation of a model for the question: {task.question}", "the title"),
        "3b": Answer(
            f"{INTENDED_USE} Predicted at: {task.prediction_time}", "target population, place in care, and users"
        ),
        "4": Answer(f"Development, with internal evaluation by {folds}; there is no external evaluation."),
        "6b": Answer(task.cohort),
        "8a": Answer(task.horizon, "how and when the outcome is assessed, and why this one"),
        "16": Answer("Development and evaluation use folds of the same cohort; there are no other data."),
        "20c": Answer("There are no other data than those of the development."),
    }


def _patients(facts: Facts) -> dict[str, Answer]:
    cohort, n_files = facts.cohort, len({*facts.lineage.file_ids, *facts.lineage.label_file_ids})
    found = {
        "5a": Answer(
            f"{n_files:,} files of hospitals and laboratories, each validated when it was ingested; see Lineage.",
            "why these data, and whom they represent",
        ),
        "20a": Answer("See Participants."),
        "21": Answer(
            f"{_size(facts)} Each fold tests a part of them once; hyper-parameters are chosen inside training parts."
        ),
    }
    if cohort:
        first, last = cohort["years"]
        years = f"in {first}" if first == last else f"from {first} to {last}"
        median = cohort["follow_up_median_d"]
        follow_up = f" Median follow-up {median:,.0f} days (reverse Kaplan-Meier)." if median else ""
        sites = ", ".join(f"{name} ({count(of['n_patients'])})" for name, of in cohort["sites"].items())
        found |= {
            "5b": Answer(f"Predictions {years}.{follow_up}", "dates of accrual"),
            "6a": Answer(f"Sites with their patients: {sites}.", "kind and location of the centres"),
            "20b": Answer("Patients and outcomes by site, and missing data: see Participants.", "characteristics"),
        }
    return found


def _predictors(facts: Facts, predictors: list[Predictor]) -> dict[str, Answer]:
    n, events = len(predictors), facts.cohort.get("n_with_outcome")
    ratio = f" That is {events / n:.1f} patients with the outcome for each predictor." if events and n else ""
    treatments = [p.name for p in predictors if p.sources and all(s.startswith("treatment.") for s in p.sources)]
    found = {
        "9a": Answer(
            f"The {n} features of {facts.lineage.service} that this candidate is declared to use; declared before "
            "anything was fitted.",
            "why these",
        ),
        "9b": Answer("See Predictors: unit, definition and the tables behind each; known at the prediction by rule."),
        "10": Answer(f"{_size(facts)}{ratio} All who met the cohort rule were used.", "whether that suffices"),
        "11": Answer(
            "Shares missing: see Participants and Predictors. Nobody is left out for a missing value; what stands in "
            "for it is learned from training folds, or the model takes it as missing."
        ),
    }
    if treatments:
        found["6c"] = Answer(
            f"Treatments given before the prediction are predictors ({', '.join(treatments)}).", "later treatments"
        )
    return found


def _methods(facts: Facts) -> dict[str, Answer]:
    run, task, leakage = facts.run, facts.task, facts.leakage
    tested = (
        f"findings of the test for look-ahead: {run.tags.get('leakage', 'not said')}"
        if leakage
        else "untested for leaks"
    )
    folds, seeds = run.params.get("folds", "?"), run.params.get("seeds", "1")
    splits = "" if seeds == "1" else f", in {seeds} different splits"
    sites = facts.children.get("site", ())
    chosen = {k: v for k, v in run.params.items() if k not in _OF_EVERY_RUN}
    tuned = f" On all patients these were chosen: {', '.join(f'{k} {v}' for k, v in chosen.items())}." if chosen else ""
    alarm = "; alarms are judged at the one of 80 % sensitivity" if task.rows_per_hour is not None else ""
    outputs = ", ".join(facts.serving.outputs) if facts.serving else "scores"
    found = {
        "7": Answer(
            f"Records were checked at ingestion and refused ones kept apart; {tested}.",
            "whether quality is alike in all groups of people",
        ),
        "12a": Answer(
            f"Outer {folds}-fold cross-validation with patients whole{splits}; every number here is of patients "
            "that the fitted model had not seen."
        ),
        "12b": Answer(
            "Imputation, scaling and selection are steps of the fitted pipeline, which lies in the logged model.",
            "in words",
        ),
        "12c": Answer(f"{facts.description} Inner folds choose among its hyper-parameters, where it has any.{tuned}"),
        "12e": Answer(
            f"Primary: {task.primary_metric}; all with 95 % intervals over resampled patients, and compared in pairs "
            f"with {task.reference}."
        ),
        "12f": Answer("The model was not updated after its evaluation."),
        "12g": Answer("By the logged model: entity and time in, features fetched as known by then; see Use."),
        "14": Answer("The training takes no step for fairness.", "whether one is needed"),
        "15": Answer(f"Columns {outputs}. The model sets no threshold{alarm}."),
        "18e": Answer(
            f"The training set is pinned (digest {facts.lineage.digest[:16]}) and stays in the lake.", "who may see it"
        ),
        "18f": Answer("oncolake, Apache-2.0; hash of the training's code: see Lineage."),
        "24": Answer("The model was not updated."),
    }
    if sites:
        found["12d"] = Answer(f"Each of {len(sites)} sites was left out of training in turn and tested.")
    classes = "Classes are neither resampled nor weighted; predictions are as fitted."
    found["13"] = Answer(classes if task.kind == "classes" else "There are no classes to balance.")
    return found


def _results(facts: Facts) -> dict[str, Answer]:
    version, run = facts.version, facts.run
    where = f"version {version.version} of {version.task}" if version else f"run {run.run_id}"
    found = {
        "22": Answer(f"The logged model of {where}; see Use.", "who may use it"),
        "23a": Answer("See Performance.", "subgroups of people"),
        "26": Answer("See Limits.", "what they mean here"),
        "27a": Answer(
            "Any feature may be missing; known_share says how many were there. What is too early, wrong in unit or "
            "outside its limits is refused at ingestion and counts as missing.",
            "below which share no prediction should be shown",
        ),
    }
    if facts.children.get("site"):
        found["23b"] = Answer("See Sites.")
    return found


def limits(facts: Facts) -> list[str]:
    """What the numbers of the run say against relying on it, a sentence each."""
    run, primary = facts.run, facts.task.primary_metric
    value = partial(_metric, run.metrics)
    said = ["Evaluated within its own cohort only; on patients of elsewhere it is untested."]
    n_sites = len(facts.cohort.get("sites", {}))
    if n_sites == 1:
        said.append("All patients are of one site.")
    n = facts.cohort.get("n_with_outcome") if facts.task.kind != "profiles" else None
    if n is not None and n < 100:
        said.append(f"{n} patients had the outcome: too few to tell models apart that differ by a few hundredths.")
    low, high = value(f"{primary}_low"), value(f"{primary}_high")
    if low is not None and high is not None and high - low > 0.1:
        said.append(f"The interval of {primary} is {high - low:.2f} wide.")
    gain = value("versus_reference_low")
    if gain is not None and gain <= 0:
        said.append(f"Against {facts.task.reference} these patients show no gain beyond chance.")
    if facts.version is None or CHAMPION not in facts.version.aliases:
        said.append("It is not the champion of its task.")
    return said


def _metric(metrics: Mapping[str, float], name: str) -> float | None:
    return metrics.get(name)


def _size(facts: Facts) -> str:
    cohort = facts.cohort
    if not cohort:
        return f"{facts.run.params.get('n_groups', '?')} patients, {facts.run.params.get('n_rows', '?')} rows."
    competing = cohort["n_competing"]
    also = "" if competing == 0 else f", {count(competing)} with a competing event"
    rows = f"; {cohort['n_rows']:,} rows" if cohort["n_rows"] != cohort["n_patients"] else ""
    outcome = count(cohort["n_with_outcome"])
    return f"{count(cohort['n_patients'])} patients, {outcome} with the outcome{also}{rows}."


_OF_EVERY_RUN = {
    "model",
    "plan",
    "folds",
    "seed",
    "seeds",
    "permuted",
    "n_rows",
    "n_groups",
    "n_positive",
    "n_features",
    "n_features_left_out",
    "n_modalities",
    "modalities",
}
"""Parameters that are no hyper-parameters."""
