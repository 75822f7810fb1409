"""The training set of a run in counts and shares: what a card may say of the patients, and nothing of one of them."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from training.modalities import MODALITIES, modality_of
from training.task import PREDICTION_TIME, SITE
from training.tokens import modalities_in, of_modalities

if TYPE_CHECKING:
    from training.dataset import Dataset

FILE = "cohort.json"
FEWEST = 5
"""Counts of patients below it are not written down: None stands for them."""


def summary(dataset: "Dataset") -> dict[str, Any]:
    """Of a dataset, as JSON takes it:

    n_rows; n_patients, n_with_outcome, n_competing, patients (or cases) and not rows; years, the first and the last of
    the predictions; follow_up_median_d, by the reverse Kaplan-Meier method (Schemper and Smith 1996), for survival;
    sites, name -> n_patients and n_with_outcome; modalities, name -> n_features and missing_share, of rows without any
    value of it; missing_share, feature -> share of rows; left_out, features that no model sees.
    """
    features = dataset.features
    is_survival = dataset.task.kind != "classes"
    years = dataset.labels[PREDICTION_TIME].dt.year
    return {
        "n_rows": len(dataset.labels),
        "n_patients": _patients(dataset, np.ones(len(dataset.labels), bool)),
        "n_with_outcome": _patients(dataset, dataset.is_positive),
        "n_competing": _patients(dataset, dataset.is_competing) if is_survival and dataset.is_competing.any() else 0,
        "years": [int(years.min()), int(years.max())],
        "follow_up_median_d": _follow_up_median(dataset) if is_survival else None,
        "sites": _sites(dataset),
        "modalities": {m: _modality(dataset, m) for m in _declared(dataset)},
        "missing_share": {c: round(float(features[c].isna().mean()), 3) for c in features.columns},
        "left_out": list(dataset.left_out),
    }


def _patients(dataset: "Dataset", rows: Any) -> int | None:
    n = len(np.unique(dataset.groups[rows]))
    return n if n == 0 or n >= FEWEST else None


def _sites(dataset: "Dataset") -> dict[str, dict[str, int | None]]:
    site = dataset.labels[SITE].fillna("unnamed").astype(str).to_numpy()
    return {
        name: {
            "n_patients": _patients(dataset, site == name),
            "n_with_outcome": _patients(dataset, (site == name) & dataset.is_positive),
        }
        for name in sorted(set(site))
    }


def _declared(dataset: "Dataset") -> list[str]:
    known = {modality_of(c) for c in dataset.number_columns} | set(modalities_in(dataset.features))
    return [modality for modality in MODALITIES if modality in known]


def _modality(dataset: "Dataset", modality: str) -> dict[str, Any]:
    own = of_modalities(dataset.features, {modality})
    columns = [c for c in dataset.number_columns if modality_of(c) == modality]
    missing = own.isna().all(axis="columns") if len(own.columns) else pd.Series(True, index=own.index)
    return {"n_features": len(columns), "missing_share": round(float(missing.mean()), 3)}


def _follow_up_median(dataset: "Dataset") -> float | None:
    """Days until half of the patients would have left observation, had none had an event."""
    from sksurv.nonparametric import kaplan_meier_estimator

    ended = dataset.is_positive | dataset.is_competing
    if ended.all():
        return None
    times, still = kaplan_meier_estimator(~ended, dataset.time_days)
    past = np.flatnonzero(still <= 0.5)
    return round(float(times[past[0]])) if len(past) else None
