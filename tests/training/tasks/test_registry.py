"""Every task declares what it needs: a service that serves its columns, baselines first, and a question."""

import subprocess
import sys

import pytest

from features.store.services import SERVICES, join_key, served
from training.task import Task
from training.tasks import TASKS
from training.tasks.response_profiles import course_columns


def columns_of(task: Task) -> list[str]:
    return served(task.service)


def test_the_tasks_there_are() -> None:
    assert list(TASKS) == [
        "overall_survival",
        "recurrence",
        "treatment_response",
        "pseudoprogression",
        "mgmt_methylation",
        "hypotension",
        "hypotension_10min",
        "hypotension_15min",
        "response_profiles",
        "survival_from_diagnosis",
        "mgmt_from_tumour",
    ]


@pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))
def test_a_task_asks_one_question_of_a_service_that_knows_its_entity(task: Task) -> None:
    assert task.question.endswith("?")
    assert task.service in SERVICES
    assert join_key(task.service) == task.entity


@pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))
def test_the_trivial_baseline_comes_first_then_the_reference_with_few_columns_that_are_served(task: Task) -> None:
    columns = columns_of(task)
    seen = {c.name: c.uses(columns) for c in task.candidates}
    assert task.candidates[0].is_baseline
    assert task.candidates[1].name == task.reference
    assert 1 <= len(seen[task.reference]) <= 5
    for name, uses in seen.items():
        assert set(uses) <= set(columns), name


@pytest.mark.parametrize("name", ["mgmt_methylation", "mgmt_from_tumour"])
def test_nothing_that_predicts_mgmt_says_what_the_laboratory_found(name: str) -> None:
    columns = columns_of(TASKS[name])
    assert columns
    assert not [c for c in columns if "mgmt" in c]


def test_profiles_are_formed_by_changes_of_blood_measures_alone() -> None:
    formed = course_columns(columns_of(TASKS["response_profiles"]))
    assert {c.split("__")[0] for c in formed} == {"cytokine_kinetics", "exosome_summary"}
    assert all("change" in c for c in formed)
    assert len(formed) == 10


def test_declaring_the_tasks_loads_no_model_library() -> None:
    heavy = "{'sklearn', 'sksurv', 'jax', 'mlflow', 'pandas'}"
    code = f"import sys, training.tasks; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
