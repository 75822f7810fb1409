"""One delivery materialised by a scheduler of its own: `python -m tests.oncolake.schedule.child FOLDER KEY`.

The Dagster instance is this process's alone: it knows nothing of any other scheduler. Says `ready` once its Spark
session runs, and starts when it is sent a line.
"""

import sys
from pathlib import Path

import dagster as dg

from infra.settings import Settings
from oncolake.commands.options import lazy_session
from oncolake.schedule.define import define
from tests.ingestion.lakes import KEY
from tests.oncolake.schedule.places import place_at


def main(folder: str, key: str) -> int:
    settings = Settings(pseudonym_key=KEY, spark_master="local[2]", spark_memory="1500m")
    place = place_at(Path(folder), lazy_session(settings))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("vitals_deliveries", [key])
        place.session()
        print("ready", flush=True)  # noqa: T201
        sys.stdin.readline()
        job = define(place).resolve_job_def("ingest_vitals")
        done = job.execute_in_process(instance=instance, partition_key=key, raise_on_error=False)
        return 0 if done.success else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
