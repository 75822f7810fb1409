"""A logged model moved elsewhere and loaded by a new process, which fetches from a real store by entity and time."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from features.retrieval import retrieve
from features.store.repository import apply
from oncolake.demo import small_lake
from training.dataset import assemble
from training.evaluate import scored
from training.models.survival import survival_at
from training.plan import QUICK
from training.run import train
from training.tasks import TASKS
from training.tracking import Tracker

pytestmark = pytest.mark.slow
TASK = "overall_survival"
ROOT = Path(__file__).parents[3]
ASK = """
import sys
import mlflow
import pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1], model_config={"lake": sys.argv[2]})
asked = pd.read_json(sys.stdin, orient="split", dtype={"patient_id": str}, convert_dates=False)
example = model.predict(model.input_example)
print(pd.concat([model.predict(asked), example], keys=["asked", "example"]).reset_index().to_json(orient="split"))
"""


@pytest.fixture(scope="module", autouse=True)
def task() -> Iterator[None]:
    """The task with its two baselines alone, which see the clinic and are fitted in no time."""
    whole = TASKS[TASK]
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(TASKS, TASK, replace(whole, candidates=whole.candidates[:2]))
        yield


def test_another_process_predicts_from_entity_and_time_as_training_did(tmp_path: Path) -> None:
    lake = small_lake.build(tmp_path / "a lake", 60)
    apply(lake)
    runs = {run.model: run for run in train(lake, TASK, replace(QUICK, folds=2), jobs=1)}
    tracker = Tracker(lake)
    experiment = tracker.client.get_experiment_by_name(TASK).experiment_id
    (logged,) = (
        model
        for model in tracker.client.search_logged_models([experiment])
        if model.source_run_id == runs["clinical_cox"].run_id
    )
    # Not the folder that MLflow knows: nothing may depend on where the model was made.
    moved = tmp_path / "elsewhere"
    shutil.move(tracker.artifacts / TASK / "models" / logged.model_id / "artifacts", moved)

    task = TASKS[TASK]
    labels = task.build_labels(lake)
    dataset = assemble(task, labels, retrieve(lake, task.service, labels.frame))
    asked = labels.frame[["patient_id", "event_timestamp"]].head(20)
    stranger = pd.DataFrame({"patient_id": ["nobody"], "event_timestamp": ["2025-06-30T00:00:00+02:00"]})
    as_text = asked.assign(event_timestamp=asked["event_timestamp"].map(lambda t: t.isoformat()))
    question = pd.concat([as_text, stranger], ignore_index=True)
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(moved), lake.root],
        input=question.to_json(orient="split"),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer = pd.DataFrame(**json.loads(done.stdout.splitlines()[-1])).set_index("level_0")

    import mlflow.sklearn

    estimator = mlflow.sklearn.load_model(str(moved))
    seen = dataset.features[list(estimator.feature_names_in_)].head(20)
    told = answer.loc["asked"]
    assert told["risk"].to_numpy()[:20] == pytest.approx(scored(estimator, seen), abs=1e-9)
    at_12_months = survival_at(estimator, seen, pd.array([365.0]).to_numpy(float))[:, 0]
    assert told["event_free_12m"].to_numpy()[:20] == pytest.approx(at_12_months, abs=1e-9)
    assert told["known_share"].iloc[:20].between(0.6, 1).all()
    # Of whom nothing is known gets an answer that says so.
    assert told["known_share"].iloc[20] == 0 and 0 < told["event_free_12m"].iloc[20] < 1
    assert answer.loc[["example"], "risk"].notna().all()
