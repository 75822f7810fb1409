"""A task with four small models whose order is planted, and a lake that holds its cohort."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from infra.lake import Lake
from tests.training import synthetic
from training.plan import QUICK
from training.run import RunSummary, train
from training.task import Candidate, late
from training.tasks import TASKS

TASK = "overall_survival"
PLAN = replace(QUICK, folds=3)
CLEAR, BLURRED = "cytokine_kinetics__il6_log2_change", "exosome_summary__mode_nm"


def retrieve(lake: Lake, service: str, labels: pd.DataFrame) -> synthetic.Retrieved:
    """The driver of survival seen clearly and seen blurred, and clinical noise; each patient's values are their own."""
    rows = []
    for patient in labels["patient_id"]:
        rng = np.random.default_rng([ord(c) for c in patient])
        drive = synthetic.signal(patient)
        rows.append(
            {
                CLEAR: drive + rng.normal(0, 0.2),
                BLURRED: drive + rng.normal(0, 1.3),
                "clinical_profile__age_years": rng.normal(60, 10),
                "clinical_profile__karnofsky": rng.choice([60.0, 70, 80, 90]),
                "clinical_profile__is_mgmt_methylated": rng.choice([0.0, 1, np.nan]),
            }
        )
    return synthetic.retrieved(service, labels, pd.DataFrame(rows))


def cox(name: str, column: str) -> Candidate:
    return Candidate(name, f"Cox on {column}.", late("training.models.survival", "ridge_cox"), uses=lambda _: [column])


def trained(lake: Lake, **options: object) -> dict[str, RunSummary]:
    runs = train(lake, TASK, PLAN, jobs=1, retrieve=retrieve, check=synthetic.unchecked, **options)  # type: ignore[arg-type]
    return {run.model: run for run in runs}


@pytest.fixture(scope="package", autouse=True)
def task() -> Iterator[None]:
    """The task with the two baselines of its own and two models over a column each."""
    whole = TASKS[TASK]
    candidates = (*whole.candidates[:2], cox("blurred", BLURRED), cox("clear", CLEAR))
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(TASKS, TASK, replace(whole, candidates=candidates))
        yield


@pytest.fixture(scope="package")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake.at(tmp_path_factory.mktemp("registry"))
    synthetic.cohort(lake, 110)
    return lake


@pytest.fixture(scope="package")
def runs(lake: Lake, task: None) -> dict[str, RunSummary]:
    return trained(lake)
