"""The runs of a task side by side with their charts, on MLflow's own page in a headless browser."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.lake import Lake
from tests.oncolake import mlflow_page
from tests.oncolake.chromium import chromium
from tests.training import synthetic
from training.comparison import Comparison, comparison
from training.plan import Plan
from training.run import train
from training.tasks import TASKS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TASK = "overall_survival"


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """Three models of a task with their folds."""
    task = TASKS[TASK]
    few = [task.candidate(name) for name in ("kaplan_meier", "clinical_cox", "coxnet")]
    few[-1] = replace(few[-1], grid={"model__alphas": ([0.2], [0.4])})
    monkeypatch.setitem(TASKS, TASK, replace(task, candidates=tuple(few)))
    lake = Lake.at(tmp_path / "lake")
    synthetic.cohort(lake, 60)
    train(lake, TASK, Plan("quick", folds=2), jobs=1, retrieve=synthetic.retrieve, check=synthetic.unchecked)
    yield lake


def shortened(shown: Comparison, metric: str) -> list[str]:
    """The metric's values as MLflow's page writes them: to three digits, without zeros at the end."""
    values = [row[shown.header.index(metric)].split(" ")[0] for row in shown.rows]
    return [f"{float(value):g}" for value in values]


def test_runs_stand_side_by_side_with_their_charts(lake: Lake, tmp_path: Path) -> None:
    shown = comparison(lake, TASK)
    models = [row[0] for row in shown.rows]
    with mlflow_page.served(lake) as base, chromium(tmp_path / "profile") as page:
        page.open(mlflow_page.of_comparison(base, lake, TASK))
        text = page.until("Comparing 3 Runs from 1 Experiment", "Parallel Coordinates Plot", "auc_12m_high", *models)
        # The plot is drawn, with an axis for each number that the runs differ in.
        page.drawn(".parcoords")
        # The same numbers as in the terminal.
        lines = [line.strip() for line in text.splitlines()]
        assert all(value in lines for value in shortened(shown, "auc_12m"))

        page.open(mlflow_page.of_experiment(base, lake, TASK))
        page.until("Training runs", TASKS[TASK].question, "9 matching runs", "auc_12m", *models)
        page.drawn(".js-plotly-plot .barlayer .point", at_least=len(models))

        page.open(mlflow_page.of_experiment(base, lake, TASK, "TABLE"))
        page.until(TASKS[TASK].service, "gold.clinical_profile (v3)", "silver.outcome (v0)", f"{TASK}-coxnet", *models)
        assert page.hosts == {"127.0.0.1"}  # the page calls nobody
