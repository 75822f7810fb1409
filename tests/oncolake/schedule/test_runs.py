"""A run without Spark: what it yields, how it tries again, and what its log may hold."""

from pathlib import Path
from typing import Any

import pytest

from infra.errors import MachineError, UsageError
from ingestion.report import BatchReport, FileReport, TableReport
from oncolake.schedule.verdicts import FILE_CHECKS, TABLE_CHECKS
from tests.oncolake.schedule.places import Acted, acting

dg = pytest.importorskip("dagster")

PARTITION = "paris/2024-03-28"
CANARY = "Durand^Marie"


def ingested(**tables: TableReport) -> BatchReport:
    read = FileReport(f"/landing/{CANARY}.csv", "f1", "vitals", "wide-csv", "ingested", None, 7, 4, 2, 1)
    refused = FileReport(f"/landing/{CANARY}.txt", "f2", "vitals", None, "rejected", "The file is empty.")
    return BatchReport("b1", (read, refused), tables)


def run(place: Acted, instance: Any, job: str = "ingest_vitals") -> Any:
    from oncolake.schedule.define import define

    instance.add_dynamic_partitions(f"{job.removeprefix('ingest_')}_deliveries", [PARTITION])
    definition = define(place).resolve_job_def(job)
    return definition.execute_in_process(instance=instance, partition_key=PARTITION, raise_on_error=False)


def log(instance: Any, result: Any) -> str:
    """Everything that the instance keeps of a run, as text."""
    return "\n".join(repr(entry) for entry in instance.all_logs(result.run_id))


def numbers(result: Any, asset: str) -> dict[str, object]:
    (event,) = [e for e in result.get_asset_materialization_events() if e.asset_key.path[1] == asset]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_a_run_says_counts_and_no_name(tmp_path: Path, instance: Any) -> None:
    place = acting(tmp_path, lambda: ingested(vital_sign=TableReport(3, 4, 2)))
    done = run(place, instance)
    assert done.success
    assert place.asked == [[PARTITION]]
    assert numbers(done, "vital_sign") == {
        "batch_id": "b1", "delta_version": 3, "dagster/partition_row_count": 4, "rows_quarantined": 2,
        "files_ingested": 1, "files_unchanged": 0, "files_rejected": 1,
        "batch_rows_in": 7, "batch_accepted": 4, "batch_quarantined": 2, "batch_duplicates": 1,
    }  # fmt: skip
    assert "Refused: 1 x The file is empty." in log(instance, done)
    assert CANARY not in log(instance, done)
    checks = [e.event_specific_data for e in done.all_events if e.event_type_value == "ASSET_CHECK_EVALUATION"]
    assert {c.check_name: c.passed for c in checks} == dict.fromkeys([*FILE_CHECKS, *TABLE_CHECKS], True)


def test_tables_of_another_source_are_told_too(tmp_path: Path, instance: Any) -> None:
    place = acting(tmp_path, lambda: ingested(variant=TableReport(1, 5), patient=TableReport(2, 3)))
    done = run(place, instance, "ingest_mutations")
    assert done.success
    found = {e.asset_key.path[1]: e.partition for e in done.get_asset_materialization_events()}
    assert found["patient"] is None
    assert found["variant"] == found["gene_panel"] == PARTITION
    added = {name: numbers(done, name)["dagster/partition_row_count"] for name in ("variant", "patient", "gene_panel")}
    assert added == {"variant": 5, "patient": 3, "gene_panel": 0}


def test_files_that_are_gone_are_no_failure(tmp_path: Path, instance: Any) -> None:
    done = run(acting(tmp_path, lambda: None), instance)
    assert done.success
    assert "No settled file of this delivery lies in the landing folders any more." in log(instance, done)


def test_a_fault_of_the_machine_is_tried_again(tmp_path: Path, instance: Any) -> None:
    faults = [MachineError("The lake cannot be written."), RuntimeError(f"cell {CANARY}")]

    def act() -> BatchReport:
        if faults:
            raise faults.pop(0)
        return ingested()

    place = acting(tmp_path, act)
    done = run(place, instance)
    assert done.success
    assert len(place.asked) == 3
    assert "The lake cannot be written. Attempt 1 of 4; the next in 0 s." in log(instance, done)
    assert CANARY not in log(instance, done)


@pytest.mark.parametrize(
    ("error", "attempts", "said"),
    [
        (RuntimeError(f"cell {CANARY}"), 4, "A defect of oncolake: RuntimeError at "),
        (MachineError("The disk is full."), 4, "The disk is full."),
        (UsageError("There is no source blood."), 1, "There is no source blood."),
        (AssertionError(f"of {CANARY}"), 1, "A defect of oncolake: AssertionError"),
    ],
)
def test_what_fails_says_a_sentence_of_ours(
    error: Exception, attempts: int, said: str, tmp_path: Path, instance: Any
) -> None:
    def act() -> BatchReport:
        try:
            raise ValueError(f"the first of it: {CANARY}")
        except ValueError:
            raise error  # noqa: B904

    place = acting(tmp_path, act)
    done = run(place, instance)
    assert (done.success, len(place.asked)) == (False, attempts)
    assert said in log(instance, done)
    assert CANARY not in log(instance, done)


def test_a_run_of_a_backfill_takes_many_deliveries(tmp_path: Path, instance: Any) -> None:
    from oncolake.schedule.define import define

    place = acting(tmp_path, lambda: ingested(vital_sign=TableReport(3, 4, 2)))
    definitions = define(place)
    policy = definitions.resolve_asset_graph().get(dg.AssetKey(["silver", "vital_sign"])).backfill_policy
    assert policy.max_partitions_per_run == 31
    keys = [f"paris/2024-03-{day:02}" for day in range(1, 6)]
    instance.add_dynamic_partitions("vitals_deliveries", keys)
    ends = {"dagster/asset_partition_range_start": keys[1], "dagster/asset_partition_range_end": keys[3]}
    job = definitions.resolve_job_def("ingest_vitals")
    done = job.execute_in_process(instance=instance, tags=ends, raise_on_error=False)
    assert done.success
    assert place.asked == [keys[1:4]]
    assert {e.partition for e in done.get_asset_materialization_events()} == set(keys[1:4])
