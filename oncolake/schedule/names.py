"""How tables, deliveries and jobs are called in Dagster."""

from typing import Final

import dagster as dg

ONLINE: Final = dg.AssetKey(["gold", "online_store"])


def silver_key(table: str) -> dg.AssetKey:
    return dg.AssetKey(["silver", table])


def gold_key(view: str) -> dg.AssetKey:
    return dg.AssetKey(["gold", view])


def deliveries(source: str) -> dg.DynamicPartitionsDefinition:
    """The partitions of a source: its deliveries, by site and day. They are added as files land."""
    return dg.DynamicPartitionsDefinition(name=f"{source}_deliveries")


def ingest_job_name(source: str) -> str:
    return f"ingest_{source}"


GOLD_JOB: Final = "build_gold"
