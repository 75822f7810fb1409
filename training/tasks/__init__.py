"""Every task, by name. Importing this loads no model library."""

from training.task import Task
from training.tasks import (
    hypotension,
    mgmt_from_tumour,
    mgmt_methylation,
    overall_survival,
    pseudoprogression,
    recurrence,
    response_profiles,
    survival_from_diagnosis,
    treatment_response,
)

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        overall_survival.task,
        recurrence.task,
        treatment_response.task,
        pseudoprogression.task,
        mgmt_methylation.task,
        *hypotension.tasks,
        response_profiles.task,
        survival_from_diagnosis.task,
        mgmt_from_tumour.task,
    )
}
WITH_DATES = tuple(task.name for task in TASKS.values() if not task.of_archives)
"""The tasks of which a hospital's records can hold a cohort, as the demo's do."""
