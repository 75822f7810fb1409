"""What starts runs by itself: files that landed, silver that moved on, and the night."""

import hashlib
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from ingestion.registry import SOURCES
from oncolake.schedule.catalogue import stale_views, tables_by_source
from oncolake.schedule.landing import folders
from oncolake.schedule.names import GOLD_JOB, ONLINE, deliveries, gold_key, ingest_job_name, silver_key
from oncolake.schedule.watch import Look, look
from oncolake.schedule.work import Workplace, explained

UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]

UNHELD = "-"
"""Cursor of the gold sensor while nothing holds it back; an empty one would leave the cursor as it is."""


def landing_sensor(place: Workplace, source: str, job: Any) -> dg.SensorDefinition:
    """Requests a run for each delivery of a source that is new or changed since the last look.

    The cursor outlives a restart; a run key is made of the delivery and a digest of its files, and Dagster starts a
    key once: a tick that died half-way is simply made again.
    """

    def tick(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        watched = [f for f in folders(place.schedule) if f.source == source]
        seen = look(watched, datetime.now(UTC), place.schedule.settle, context.cursor, place.keyed)
        known = set(context.instance.get_dynamic_partitions(partitions.name))
        added = sorted({r.key for r in seen.requests} - known)
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_key=r.run_key, partition_key=r.key) for r in seen.requests],
            dynamic_partitions_requests=[partitions.build_add_request(added)] if added else None,
            skip_reason=None if seen.requests else _said(seen, len(watched)),
            cursor=seen.cursor,
        )

    partitions = deliveries(source)
    decorate = dg.sensor(
        name=f"landing_{source}",
        job=job,
        minimum_interval_seconds=place.schedule.poll_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Watches the landing folders of {source}; a file that is still being written waits.",
    )
    sensor: dg.SensorDefinition = decorate(sanitised(tick))
    return sensor


def _said(seen: Look, n_folders: int) -> str:
    said = f"{seen.files:,} files in {n_folders:,} folders, and nothing new"
    if seen.waiting:
        said += f"; {seen.waiting:,} may still be being written"
    if seen.unreadable:
        said += f"; {len(seen.unreadable):,} folders cannot be read"
    return said + "."


def gold_sensor(place: Workplace, job: Any) -> dg.SensorDefinition:
    """Requests a build of the feature tables that silver moved past, once no ingestion is under way any more.

    The cursor says since when ingestions have been holding it back: `gold_wait_minutes` is the longest.
    """

    def tick(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        stale = stale_views(place.lake)
        if not stale:
            context.update_cursor(UNHELD)
            return dg.SkipReason("Every feature table is up to date.")
        under_way = _under_way(context.instance)
        if under_way["gold"]:
            return dg.SkipReason("Feature tables are being built.")
        now = datetime.now(UTC)
        if busy := under_way["silver"]:
            since = _time(context.cursor) or now
            if now - since < timedelta(minutes=place.schedule.gold_wait_minutes):
                context.update_cursor(since.isoformat())
                return dg.SkipReason(f"{len(stale)} feature tables wait for {busy:,} ingestions.")
        key = hashlib.sha256(json.dumps(stale, sort_keys=True).encode()).hexdigest()[:16]
        selection = [*map(gold_key, sorted(stale)), ONLINE]
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=key, asset_selection=selection)], cursor=UNHELD)

    decorate = dg.sensor(
        name="gold",
        job=job,
        minimum_interval_seconds=place.schedule.poll_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Brings feature tables up to date once what landed is ingested.",
    )
    sensor: dg.SensorDefinition = decorate(sanitised(tick))
    return sensor


def _under_way(instance: dg.DagsterInstance, most: int = 1000) -> Counter[str]:
    """Runs that wait or go on, by the room that they fill (silver, gold); those of backfills among them."""
    found: Counter[str] = Counter()
    for run in instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY), limit=most):
        rooms = {key.path[0] for key in run.asset_selection or ()}
        found.update(rooms or {"gold" if run.job_name == GOLD_JOB else "silver"})
    return found


def _time(cursor: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(cursor or "")
    except ValueError:
        return None


def nightly_gold(place: Workplace, job: Any) -> dg.ScheduleDefinition:
    """The night's build; it also tries again what failed by day."""
    return dg.ScheduleDefinition(
        name="nightly_gold",
        job=job,
        cron_schedule=place.schedule.nightly,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Brings every feature table and the online store up to date.",
    )


def nightly_retry(place: Workplace, source: str, job: Any) -> dg.ScheduleDefinition:
    """Runs deliveries again whose last run failed: by then a disk may have room, or a person have looked."""

    def tick(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        failed = failed_deliveries(context.instance, source)
        if not failed:
            return dg.SkipReason("No delivery failed.")
        when = context.scheduled_execution_time.isoformat()
        return [dg.RunRequest(run_key=f"{key}:{when}", partition_key=key) for key in failed]

    decorate = dg.schedule(
        name=f"nightly_retry_{source}",
        job=job,
        cron_schedule=place.schedule.nightly,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Tries deliveries of {source} again whose run failed.",
    )
    schedule: dg.ScheduleDefinition = decorate(sanitised(tick))
    return schedule


def failed_deliveries(instance: dg.DagsterInstance, source: str) -> list[str]:
    """Keys of the deliveries of a source whose newest run failed."""
    partitions = deliveries(source)
    keys = instance.get_dynamic_partitions(partitions.name)
    first = silver_key(tables_by_source()[source][0])
    status = instance.get_status_by_partition(first, keys, partitions) if keys else {}
    return sorted(key for key, found in (status or {}).items() if found is not None and found.value == "FAILED")


def sanitised(tick: Any) -> Any:
    """A tick whose error, if any, holds a sentence of ours: the text of any other may quote a path."""

    def safe(context: Any) -> Any:
        try:
            return tick(context)
        except Exception as error:
            said = explained(error)
        raise dg.DagsterError(said)

    return safe


def jobs(place: Workplace) -> tuple[list[Any], list[dg.SensorDefinition], list[dg.ScheduleDefinition]]:
    """The jobs, and the sensors and schedules that start them."""
    made: list[Any] = []
    sensors: list[dg.SensorDefinition] = []
    schedules: list[dg.ScheduleDefinition] = []
    for source in SOURCES:
        tables = [silver_key(t) for t in tables_by_source()[source]]
        job = dg.define_asset_job(
            ingest_job_name(source), dg.AssetSelection.assets(*tables),
            description=f"Ingests a delivery of {source}, and looks at the checks of its tables.",
        )  # fmt: skip
        made.append(job)
        sensors.append(landing_sensor(place, source, job))
        schedules.append(nightly_retry(place, source, job))
    gold = dg.define_asset_job(GOLD_JOB, dg.AssetSelection.groups("gold"), description="Builds feature tables.")
    sensors.append(gold_sensor(place, gold))
    schedules.append(nightly_gold(place, gold))
    return [*made, gold], sensors, schedules
