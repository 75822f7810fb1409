"""MLflow's own page over the runs of a lake, in headless Chromium: what people look at when they compare runs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from infra.lake import Lake
from oncolake.commands import ui
from quality.validation import docs_index
from tests.oncolake.chromium import Page
from training.comparison import side_by_side
from training.tracking import Tracker

ASSISTANT = "MLflow Assistant"


@contextmanager
def served(lake: Lake) -> Iterator[str]:
    """The address of MLflow, started as `oncolake ui` starts it."""
    docs = docs_index(lake)
    if not docs.exists():
        docs.parent.mkdir(parents=True, exist_ok=True)
        docs.write_text("<html></html>")
    servers = ui.start(lake, 0, 0, 0, "sqlite")
    try:
        yield servers["MLflow"][0]
    finally:
        ui.stop(servers)


def of_experiment(base: str, lake: Lake, task: str, mode: str = "CHART") -> str:
    """The address of a task's runs, as charts or as a table (mode TABLE)."""
    return f"{base}/#/experiments/{_experiment(lake, task)}/runs?compareRunsMode={mode}"


def of_comparison(base: str, lake: Lake, task: str) -> str:
    """The address of the page that puts the newest run of each model of a task side by side."""
    runs = [entry.run.run_id for entry in side_by_side(lake, task).honest]
    asked = f"runs={quote(json.dumps(runs))}&experiments={quote(json.dumps([_experiment(lake, task)]))}"
    return f"{base}/#/compare-runs?{asked}"


def without_assistant(page: Page) -> None:
    """Closes the panel that MLflow opens beside every page; it would take a third of a picture."""
    page.until(ASSISTANT)
    page.run("document.querySelector('[data-component-id=\"mlflow.assistant.chat_panel.close\"]').click()")


def _experiment(lake: Lake, task: str) -> str:
    return str(Tracker(lake).client.get_experiment_by_name(task).experiment_id)
