"""Every task, by name. Importing this loads no model library."""

from training.task import Task
from training.tasks import hypotension, overall_survival, treatment_response

TASKS: dict[str, Task] = {
    task.name: task for task in (overall_survival.task, treatment_response.task, hypotension.task)
}
