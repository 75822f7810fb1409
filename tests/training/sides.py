"""Runs to compare, made by hand: nothing is trained and MLflow is not asked."""

from dataclasses import replace

from training.comparison.metrics import Interval
from training.comparison.sides import Entry, Part, SideBySide, Site
from training.lineage import Lineage
from training.tasks import TASKS
from training.tracking import LoggedRun

TASK = TASKS["overall_survival"]
LINEAGE = Lineage(
    TASK.name,
    TASK.service,
    "d" * 64,
    "a" * 64,
    {"clinical_profile": 3},
    {"outcome": 2},
    ("f" * 64,),
    ("e" * 64,),
    ("clinical_profile__age_years",),
    {"patients with a fraction of radiotherapy": 130, "of these with OS": 120, "of these followed": 100},
)


def spread(name: str, value: float, half: float) -> dict[str, float]:
    return {name: value, f"{name}_low": value - half, f"{name}_high": value + half}


def entry(model: str, value: float, difference: float | None = None, **others: object) -> Entry:
    """A run whose primary metric is `value`, and its difference to the reference where one is given."""
    metrics = spread("uno_c", value, 0.05) | spread("ibs", 0.2, 0.01)
    if difference is not None:
        metrics |= spread("versus_reference", difference, 0.04)
    tags = {"model": model, "digest": "a" * 64, "is_baseline": str(model == "kaplan_meier").lower(), "leakage": "none"}
    params = {"n_rows": "100", "n_positive": "61", "n_groups": "100", "folds": "5", "seed": "0"}
    run = LoggedRun(f"{model:x<32}"[:32], 1_760_000_000_000, "FINISHED", tags, params, metrics)
    return replace(Entry(run, model, model == TASK.reference, "uno_c"), **others)  # type: ignore[arg-type]


def sides(*entries: Entry) -> SideBySide:
    return SideBySide(TASK, entries, LINEAGE)


def whole() -> SideBySide:
    """Baseline, reference and two models; one of them with ablations, sites, seeds and a permutation test."""
    best = entry(
        "coxnet",
        0.71,
        0.09,
        parts=(
            Part(True, "cytokines", Interval(0.64, 0.6, 0.69), Interval(-0.07, -0.12, -0.02)),
            Part(True, "imaging", Interval(0.7, 0.65, 0.75), Interval(-0.01, -0.04, 0.02)),
            Part(False, "cytokines", Interval(0.68, 0.62, 0.74), Interval(-0.03, -0.08, 0.02)),
        ),
        sites=(Site("north", Interval(0.69, 0.6, 0.78), 40, 25), Site("south", Interval(0.66, 0.55, 0.77), 60, 36)),
    )
    best.run.metrics.update({"uno_c_seed_sd": 0.0123, "permutation_p": 0.0099, "oe_12m": 1.08})  # type: ignore[attr-defined]
    return sides(
        entry("kaplan_meier", 0.5, -0.12), entry("clinical_cox", 0.62), best, entry("survival_forest", 0.6, -0.02)
    )
