"""What a fitted model needs beside itself to predict: which features, from which service, in which order."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from training.modalities import is_history
from training.task import PREDICTION_TIME, Kind

if TYPE_CHECKING:
    import pandas as pd

    from training.dataset import Dataset

FILE = "serving.json"
PROBABILITY, RISK, EVENT_FREE, GROUP = "probability", "risk", "event_free", "group"
KNOWN = "known_share"
"""Share of the features that had a value: an answer for somebody of whom nothing is known looks like any other."""
SOMEBODY = "PSEUDONYM"
EXAMPLE_TIME = "2026-01-01T00:00:00+00:00"
FEWEST_PATIENTS = 5
"""A median of fewer would say too much of each."""
SIGNIFICANT_DIGITS = 2


@dataclass(frozen=True)
class Serving:
    """How a model is asked, and what it answers.

    entity: column with the pseudonym of the patient or the case. columns: what the estimator was fitted on, in order;
    the history's arrays among them. definitions_hash: of the service's feature views at training.
    horizons_days: for survival, the fixed horizons by name, as {'12m': 365.0}.
    """

    task: str
    kind: Kind
    entity: str
    service: str
    definitions_hash: str
    columns: tuple[str, ...]
    horizons_days: Mapping[str, float] = field(default_factory=dict)

    @property
    def outputs(self) -> list[str]:
        """Columns of an answer: `probability` of the outcome; or `risk` (higher has the event earlier) and
        `event_free_<horizon>`, the probability of having been free of it until then; or `group` (-1: too little known).
        Last `known_share`, of the features.
        """
        if self.kind == "survival":
            return [RISK, *(f"{EVENT_FREE}_{name}" for name in self.horizons_days), KNOWN]
        return [PROBABILITY if self.kind == "classes" else GROUP, KNOWN]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Serving":
        values: dict[str, Any] = json.loads(text)
        return cls(**values | {"columns": tuple(values["columns"])})


def serving_of(dataset: "Dataset", columns: Sequence[str]) -> Serving:
    """For a model fitted on these columns of a dataset; survival is answered at horizons that follow-up reaches."""
    from training.scoring import horizons, survival_times

    task = dataset.task
    return Serving(
        task=task.name,
        kind=task.kind,
        entity=task.entity,
        service=task.service,
        definitions_hash=dataset.lineage.definitions_hash,
        columns=tuple(columns),
        horizons_days=horizons(dataset, survival_times(dataset)) if task.kind == "survival" else {},
    )


def example_of(dataset: "Dataset", serving: Serving) -> "pd.DataFrame":
    """One row to show how the model is asked; it is nobody's: an invented pseudonym, and medians of the training set.

    Medians have two significant digits, and are of at least 5 patients; features without one are left out, as they may
    be in any question.
    """
    import pandas as pd

    row: dict[str, object] = {serving.entity: SOMEBODY, PREDICTION_TIME: EXAMPLE_TIME}
    for column in serving.columns:
        if is_history(column):
            continue
        known = dataset.features[column].notna().to_numpy()
        if len(set(dataset.groups[known])) >= FEWEST_PATIENTS:
            row[column] = float(f"{dataset.features[column].median():.{SIGNIFICANT_DIGITS}g}")
    return pd.DataFrame([row])
