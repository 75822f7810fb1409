"""An Airflow DAG (Airflow 3) that runs the command line: copy it into the DAG folder, and name your sites.

Where Airflow's workers run, `oncolake` must be on the PATH and ONCOLAKE_CONFIG must name the settings file. Each task
may be repeated, and may overlap with anything else that works on the lake.
"""

import shlex
from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

LANDING = "/data/landing"
SITES = ("toulouse", "boston")
SOURCES = ("clinical", "imaging", "exosome", "cytokine", "mutations", "vitals")

INGEST = ["oncolake", "ingest", "{source}", "{landing}/{site}/{source}", "--site", "{site}", "--json"]
BUILD = ["oncolake", "features", "build", "--json"]
APPLY = ["oncolake", "features", "apply", "--json"]
MATERIALIZE = ["oncolake", "features", "materialize", "--json"]
MAINTAIN = ["oncolake", "maintain", "--json"]


def task(task_id: str, words: list[str], **options: object) -> BashOperator:
    return BashOperator(task_id=task_id, bash_command=shlex.join(words), append_env=True, **options)


with DAG(
    "oncolake",
    description="Landing folders to feature tables",
    schedule="*/30 * * * *",
    start_date=datetime(2025, 1, 1),
    # A run looks at all that lies there: one that was missed is not made up for.
    catchup=False,
    max_active_runs=1,
    # Each ingestion of something new starts a Spark session of its own.
    max_active_tasks=2,
    default_args={
        "retries": 3,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
    },
):
    ingested = [
        task(
            f"ingest_{site}_{source}",
            [word.format(landing=LANDING, site=site, source=source) for word in INGEST],
        )
        for site in SITES
        for source in SOURCES
    ]
    # A refused file makes its task fail until a person has looked (exit code 1); what could be read is used.
    build = task("build", BUILD, trigger_rule="all_done")
    ingested >> build >> task("apply", APPLY) >> task("materialize", MATERIALIZE)

with DAG(
    "oncolake_maintain",
    description="Compaction and clean-up of the lake's tables",
    schedule="30 3 * * *",
    start_date=datetime(2025, 1, 1),
    catchup=False,
    max_active_runs=1,
):
    task("maintain", MAINTAIN)
