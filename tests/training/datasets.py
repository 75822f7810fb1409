"""Datasets of a few rows or of planted effects, made without a lake."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tests.training.synthetic import START, retrieved
from training.dataset import Dataset, assemble
from training.task import Labels
from training.tasks import TASKS, hypotension, treatment_response

FILE = "f" * 64


def classes(features: pd.DataFrame, label: Sequence[bool] | npt.NDArray[np.bool_], **columns: Any) -> Dataset:
    """Treatment response of a patient a row; features named without a view are those of the burden."""
    n = len(label)
    frame = pd.DataFrame(
        {
            "patient_id": [f"p{i}" for i in range(n)],
            "event_timestamp": pd.Timestamp(START),
            "site_id": "north",
            "label": label,
            **columns,
        }
    )
    named = features.rename(columns={c: f"burden__{c}" for c in features.columns if "__" not in c})
    task = treatment_response.task
    return assemble(task, Labels(frame, {"outcome": 1}, (FILE,), {}), retrieved(task.service, frame, named))


def survival(
    features: pd.DataFrame, time_days: npt.NDArray[np.float64], is_event: npt.NDArray[np.bool_], **columns: Any
) -> Dataset:
    """Overall survival of a patient a row; `is_competing` among the further columns makes events compete."""
    task = TASKS["overall_survival"]
    frame = pd.DataFrame(
        {
            "patient_id": [f"p{i}" for i in range(len(time_days))],
            "event_timestamp": pd.Timestamp(START),
            "site_id": "north",
            "time_days": time_days,
            "is_event": is_event,
            **columns,
        }
    )
    return assemble(task, Labels(frame, {"outcome": 1}, (FILE,), {}), retrieved(task.service, frame, features))


def minutes(
    cases: Sequence[str], minute: Sequence[int], pressure: Sequence[float], label: Sequence[bool], **columns: Any
) -> Dataset:
    """Hypotension ahead, a row a minute of a case; each case is a patient of its own."""
    frame = pd.DataFrame(
        {
            "case_id": cases,
            "group_id": cases,
            "event_timestamp": [START + pd.Timedelta(minutes=int(m)) for m in minute],
            "site_id": "north",
            "label": label,
            "map_now_mmhg": pressure,
            "map_then_mmhg": pressure,
            **columns,
        }
    )
    features = pd.DataFrame({"vital_window__map_mmhg": pressure, "vital_window__x": np.arange(float(len(minute)))})
    labels = Labels(frame, {"vital_sign": 1}, (FILE,), {})
    return assemble(hypotension.task, labels, retrieved("hypotension_v2", frame, features))


def planted(n: int = 90, seed: int = 0, effect: float = 1.5) -> Dataset:
    """Response that follows one cytokine; noise in exosomes and in the clinic; three sites."""
    rng = np.random.default_rng(seed)
    driver = rng.normal(size=n)
    features = pd.DataFrame(
        {
            "cytokine_kinetics__driver": driver,
            "exosome_summary__noise": rng.normal(size=n),
            "clinical_profile__age_years": rng.normal(60, 10, n),
            "clinical_profile__karnofsky": rng.normal(80, 10, n),
        }
    )
    label = rng.random(n) < 1 / (1 + np.exp(-2 * effect * driver))
    return classes(features, label, site_id=np.array(["north", "south", "west"])[np.arange(n) % 3])


def with_history(dataset: Dataset, rows: Sequence[Sequence[tuple[str, str, float, float]] | None]) -> Dataset:
    """Adds histories: for each row its measurements as (measure, modality, value, days before), or None."""
    names = ("measures", "modalities", "values", "days_before")
    columns = {
        f"measurement_history__{name}": pd.Series(
            [None if not row else np.array([token[i] for token in row]) for row in rows], dtype=object
        )
        for i, name in enumerate(names)
    }
    return replace(dataset, features=dataset.features.assign(**columns))
