"""The predictors of a model with what they mean: unit, definition and share missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.columns import SEPARATOR
from training.modalities import HISTORY, is_history, modality_of


@dataclass(frozen=True)
class Predictor:
    """unit: UCUM, or ''. definition: name and version of how it is computed. sources: silver columns.

    missing: share of rows without it, None where the run does not say.
    """

    name: str
    modality: str
    unit: str
    description: str
    definition: str
    sources: tuple[str, ...]
    missing: float | None


def predictors(columns: Sequence[str], missing: Mapping[str, float]) -> list[Predictor]:
    """Of the columns that a model was fitted on; the arrays of a history, which belong together, as one each."""
    from features.tables import VIEWS

    found = []
    for column in columns:
        view, _, rest = column.partition(SEPARATOR)
        name, _, measure = rest.partition("[")
        declared = VIEWS[view].features if view in VIEWS else ()
        feature = next((f for f in declared if f.name == name), None)
        description = feature.description if feature else ""
        if measure:
            description = f"{description.rstrip('.')}: {measure.rstrip(']')}."
        found.append(
            Predictor(
                name=column,
                modality=HISTORY if is_history(column) else modality_of(column),
                unit=(feature.unit or "") if feature else "",
                description=description,
                definition=feature.definition if feature else "",
                sources=feature.sources if feature else (),
                missing=missing.get(column),
            )
        )
    return found
