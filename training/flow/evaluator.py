"""What the flow asks of each kind of task; adding a kind is one class with this shape and one line in `kinds`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from training.task import Candidate
from training.tracking.names import Level

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Result = TypeVar("Result")


@dataclass(frozen=True)
class Child:
    """A run below a candidate's: one fold, one seed, one site left out, one ablation, the permutations.

    name: what stands behind the model's name ('fold 2', 'without cytokines'); unique within the candidate.
    A metric that is not defined (NaN) is not written. Numbers among the params should be numbers: charts sort by them.
    """

    level: Level
    name: str
    metrics: Mapping[str, float]
    params: Mapping[str, object] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fitted:
    """A model fitted on all rows: what is registered. output: its method, 'predict' or 'predict_proba'."""

    model: Any
    columns: Sequence[str]
    output: str


@dataclass(frozen=True)
class Outcome:
    """What a candidate's own run holds in the end.

    metrics: a metric's value under its name, its 95 % interval as `<name>_low` and `<name>_high`, other spread as
        `<name>_fold_mean`, `<name>_fold_sd` and so on (`metrics_of`).
    figures: by file name. documents: JSON by file name. tables: frames by file name (`*.parquet`).
    """

    metrics: Mapping[str, float]
    params: Mapping[str, object]
    fitted: Fitted
    figures: "Mapping[str, Figure]" = field(default_factory=dict)
    documents: Mapping[str, object] = field(default_factory=dict)
    tables: "Mapping[str, pd.DataFrame]" = field(default_factory=dict)


class Step(Protocol):
    """Does a piece of work of a candidate, unless an earlier process did it before it was killed.

    key: names the piece within the candidate. work: takes nothing, gives a result that can be pickled; keep it small.
    children: the runs that show the result. They are in MLflow when this returns.
    """

    def __call__(
        self, key: str, work: Callable[[], Result], children: Callable[[Result], Sequence[Child]] | None = None
    ) -> Result: ...


class Evaluator(Protocol):
    """One training of one task: made with a dataset, a plan and a number of jobs; nothing of it knows MLflow."""

    def check(self) -> dict[str, str]:
        """Refuses what cannot be trained, before any run exists. Returns one sentence for each candidate to leave out.

        Raises UsageError, one sentence, where the whole task cannot be trained on this dataset.
        """
        ...

    def n_steps(self, candidate: Candidate) -> int:
        """How many steps `evaluate` will take, for a progress bar."""
        ...

    def evaluate(self, candidate: Candidate, step: Step) -> Outcome:
        """Evaluates a candidate, every long piece of it as a `step`, and fits it on all rows."""
        ...

    def afterwards(self, best: Candidate, step: Step) -> Mapping[str, float]:
        """What is done for the best candidate only (permutations): metrics to add to its run; {} for nothing.

        Called once every candidate is evaluated; `n_afterwards` steps.
        """
        ...

    def n_afterwards(self) -> int:
        """How many steps `afterwards` will take."""
        ...
