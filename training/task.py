"""What a task declares: the clinical question, who is in it, what is predicted when, and which models compete."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol

from training.modalities import single_numbers

if TYPE_CHECKING:
    import pandas as pd

    from infra.lake import Lake

PREDICTION_TIME = "event_timestamp"
"""Label column with the time of the prediction (UTC): features may know nothing later."""
SITE = "site_id"
TIME_DAYS = "time_days"
IS_EVENT = "is_event"
SECONDS_A_DAY = 86_400.0
LABEL = "label"
COMPETING = "is_competing"
"""Survival: whether something that rules the event out came first, at TIME_DAYS (death before progression)."""

Kind = Literal["survival", "classes", "profiles"]


@dataclass(frozen=True)
class Labels:
    """The cohort with its targets, and where they came from.

    frame: one row a prediction: the task's entity, PREDICTION_TIME, SITE, the group column, and as target either
        TIME_DAYS (days from the prediction) with IS_EVENT and, where events compete, COMPETING; or LABEL (boolean).
        Further columns are for subgroups.
    table_versions: Delta version of each silver table that was read.
    file_ids: files of the rows that the labels rest on, sorted.
    flow: how many units each step of the cohort rule kept, in order.
    """

    frame: "pd.DataFrame"
    table_versions: Mapping[str, int]
    file_ids: tuple[str, ...]
    flow: Mapping[str, int]


class BuildLabels(Protocol):
    """Labels of a lake. versions: silver table -> Delta version, to build old labels again; default: the newest."""

    def __call__(self, lake: "Lake", *, versions: Mapping[str, int] | None = None) -> Labels: ...


@dataclass(frozen=True)
class Candidate:
    """One model that competes.

    build: (feature frame, seed) -> unfitted scikit-learn estimator; preparation is part of it, so that imputation,
        scaling and selection see training folds only. `predict_proba` for classes; for survival `predict` (risk)
        and `predict_survival_function`.
    uses: which of the feature columns it sees; by default every single number.
    grid: hyper-parameters to choose among, inside the training fold.
    replay_tolerance: how far the metrics of the same fit, made again, may lie from the first; more than rounding only
        for models whose fit depends on the machine's arithmetic.
    """

    name: str
    description: str
    build: Callable[["pd.DataFrame", int], Any]
    uses: Callable[[Sequence[str]], list[str]] = single_numbers
    grid: Mapping[str, Sequence[object]] = field(default_factory=dict)
    is_baseline: bool = False
    replay_tolerance: float = 1e-6


def late(module: str, name: str, **settings: object) -> Callable[["pd.DataFrame", int], Any]:
    """A builder that imports its module when it is called: declaring a task loads no model library."""

    def build(features: "pd.DataFrame", seed: int) -> Any:
        return getattr(import_module(module), name)(features, seed, **settings)

    return build


@dataclass(frozen=True)
class Subgroup:
    """Rows that are also evaluated on their own; `rows` maps the label frame to a boolean mask."""

    name: str
    description: str
    rows: Callable[["pd.DataFrame"], "pd.Series"]


@dataclass(frozen=True)
class Task:
    """One prediction task. Adding a task is one file in `training/tasks` and one line in its registry.

    entity: join key of the features (patient_id, case_id).
    group: label column whose values never cross a split.
    horizon_days: for survival, the fixed horizon of the time-dependent AUC and of the calibration plot.
    reference: the candidate that a new model has to beat (a clinical-only model, the last value).
    candidates: the trivial baseline first.
    of_archives: the cohort is of study archives without dates; lakes of hospitals have none.
    """

    name: str
    question: str
    cohort: str
    prediction_time: str
    horizon: str
    kind: Kind
    entity: str
    service: str
    build_labels: BuildLabels
    primary_metric: str
    reference: str
    candidates: tuple[Candidate, ...]
    group: str = "patient_id"
    horizon_days: float | None = None
    rows_per_hour: float | None = None
    subgroups: tuple[Subgroup, ...] = ()
    of_archives: bool = False

    def __post_init__(self) -> None:
        names = [c.name for c in self.candidates]
        if len(set(names)) != len(names):
            raise ValueError(f"task {self.name} names a candidate twice")
        if [c.is_baseline for c in self.candidates] != [True] + [False] * (len(names) - 1):
            raise ValueError(f"task {self.name} needs exactly one trivial baseline, and it comes first")
        if self.reference not in names:
            raise ValueError(f"task {self.name} has no candidate {self.reference!r} to serve as reference")

    def candidate(self, name: str) -> Candidate:
        return next(c for c in self.candidates if c.name == name)
