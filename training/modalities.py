"""Which kind of examination a feature comes from: what can be left out, or be missing, as a whole."""

from collections.abc import Sequence

HISTORY = "measurement_history"
"""The view whose features are arrays with one element for each measurement of a patient."""

_OF_VIEW = {
    "clinical_profile": "clinical",
    "treatment_times": "clinical",
    "treatment_days": "clinical",
    "tumour_markers": "pathology",
    "cytokine_kinetics": "cytokines",
    "olink_profile": "proteomics",
    "exosome_summary": "exosomes",
    "exosome_markers": "exosomes",
    "burden": "burden",
    "mutated_genes": "burden",
    "imaging_availability": "imaging",
    "imaging_days": "imaging",
    "imaging_measures": "imaging",
    "vital_window": "vitals",
}
_OF_COLUMN = {"tumour_markers__tmb_reported_per_mb": "burden"}
"""Features of another modality than the rest of their view."""
MODALITIES = tuple(dict.fromkeys(_OF_VIEW.values()))
"""In the order in which people expect to read them: what every clinic has comes first."""


def modality_of(column: str) -> str:
    """The modality of a feature column `<view>__<feature>`. Raises KeyError on a view that has none declared."""
    return _OF_COLUMN.get(column) or _OF_VIEW[column.partition("__")[0]]


def is_history(column: str) -> bool:
    """Whether a column holds arrays of a patient's measurements, of every modality at once."""
    return column.startswith(f"{HISTORY}__")


def single_numbers(columns: Sequence[str]) -> list[str]:
    """The columns that hold one number a row: what a model over a table takes."""
    return [c for c in columns if not is_history(c)]


def columns_of(modality: str, columns: Sequence[str]) -> list[str]:
    """The single-number columns of one modality."""
    return [c for c in single_numbers(columns) if modality_of(c) == modality]
