"""What the flow asks of each kind of task; adding a kind is one class with this shape and one line in `kinds`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from training.refusals import Review
from training.task import Candidate
from training.tracking.child import Child

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Fitted:
    """A model fitted on all rows, and the columns that it was fitted on: what is logged."""

    model: Any
    columns: Sequence[str]


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

    def __add__(self, more: "Addition") -> "Outcome":
        return replace(
            self,
            metrics={**self.metrics, **more.metrics},
            figures={**self.figures, **more.figures},
            documents={**self.documents, **more.documents},
        )


@dataclass(frozen=True)
class Addition:
    """What is added to a run: metrics, and JSON documents and figures by file name."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    documents: Mapping[str, object] = field(default_factory=dict)
    figures: "Mapping[str, Figure]" = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """A piece of work of a candidate. key: names it within the candidate, for people too ('without cytokines').

    do: takes nothing and gives a result; both can be pickled, and the smaller the better. children: of the result.
    """

    key: str
    do: Callable[[], Any]
    children: Callable[[Any], Sequence[Child]] = lambda result: ()


class Step(Protocol):
    """Does a piece of work of a candidate, unless an earlier process did it before it was killed.

    The runs of its children are in MLflow when it returns.
    """

    def __call__(self, work: Work) -> Any:
        """The result of a piece of work."""
        ...

    def all(self, works: Sequence[Work], jobs: int) -> list[Any]:
        """The results of pieces that do not need each other, in order; over processes where that pays."""
        ...

    def part(self, what: str, done: int, total: int) -> None:
        """Tells how far the piece under way is, from within this process: ('fold', 2, 5)."""
        ...


class Evaluator(Protocol):
    """One training of one task: made with a dataset, a plan and a number of jobs; nothing of it knows MLflow."""

    def check(self) -> Review:
        """Refuses what cannot be trained, before any run exists; says which candidates are left out, and why.

        Raises UsageError, one sentence, where the whole task cannot be trained on this dataset.
        """
        ...

    def n_steps(self, candidate: Candidate) -> int:
        """How many pieces of work `evaluate` consists of, for a progress bar."""
        ...

    def evaluate(self, candidate: Candidate, step: Step) -> Outcome:
        """Evaluates a candidate, every long piece of it as a `step`, and fits it on all rows."""
        ...

    def n_afterwards(self) -> int:
        """How many pieces of work `afterwards` consists of."""
        ...

    def afterwards(self, best: Candidate, value: float, step: Step) -> "Addition":
        """What is done for the best candidate only (permutations), to be added to its run.

        value: the candidate's primary metric. Called once every candidate is evaluated, also where another process
        evaluated them.
        """
        ...
