"""Every silver and gold table as an asset. One ingestion of a delivery fills all tables of its source."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import dagster as dg

from features.tables import VIEWS
from infra.tables import TABLES
from ingestion.registry import SOURCES
from ingestion.report import BatchReport
from oncolake.schedule.catalogue import derived_inputs, tables_by_source
from oncolake.schedule.names import ONLINE, deliveries, gold_key, silver_key
from oncolake.schedule.steps import attempted, logged
from oncolake.schedule.work import Workplace

AT_ONCE = 31
"""Deliveries that one run of a backfill takes: a month, for one start of Spark."""


def silver_assets(place: Workplace, source: str) -> dg.AssetsDefinition:
    """The tables of a source, filled together: a delivery is ingested once, whatever tables its files reach.

    A delivery that brings a table nothing counts as materialised for it with no rows, or it would look overdue for
    ever.
    """
    own = tables_by_source()[source]
    fresh = place.schedule.freshness_days.get(source)
    specs = [
        dg.AssetSpec(
            silver_key(table),
            description=f"{TABLES[table].description}\n\nOne row is {TABLES[table].grain}.",
            deps=[silver_key(name) for name in derived_inputs().get(table, ())],
            group_name=source,
            kinds={"delta", "spark"},
            freshness_policy=dg.FreshnessPolicy.time_window(timedelta(days=fresh)) if fresh else None,
        )
        for table in own
    ]

    def ingest(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        keys = list(context.partition_keys)
        report = attempted(context, place.schedule, lambda: place.ingest(source, keys, logged(context)))
        if report is None:
            context.log.warning("No settled file of this delivery lies in the landing folders any more.")
            report = BatchReport("", ())
        elif refused := Counter(f.reason for f in report.files if f.status == "rejected"):
            context.log.warning("Refused: " + "; ".join(f"{n:,} x {reason}" for reason, n in refused.items()))
        for table in report.tables:
            if table not in own:
                # A study folder of one source brings patients: their table has its home elsewhere.
                context.log_event(dg.AssetMaterialization(silver_key(table), metadata=_metadata(report, table)))
        for table in own:
            yield dg.MaterializeResult(silver_key(table), metadata=_metadata(report, table))

    decorate = dg.multi_asset(
        name=f"{source}_tables",
        specs=specs,
        partitions_def=deliveries(source),
        backfill_policy=dg.BackfillPolicy.multi_run(AT_ONCE),
        can_subset=False,
        description=f"{SOURCES[source].description} As `oncolake ingest {source}` over the files of a delivery.",
    )
    assets: dg.AssetsDefinition = decorate(ingest)
    return assets


def _metadata(report: BatchReport, table: str) -> Mapping[str, int | str]:
    """Counts and ids; no name of a file, for these often hold a patient's."""
    found: dict[str, int | str] = {"batch_id": report.batch_id} if report.batch_id else {}
    if table in report.tables:
        written = report.tables[table]
        found |= {"delta_version": written.version, "dagster/partition_row_count": written.rows_added}
        found["rows_quarantined"] = written.rows_quarantined
    else:
        found["dagster/partition_row_count"] = 0
    for status in ("ingested", "unchanged", "rejected"):
        found[f"files_{status}"] = report.count(status)
    for name in ("rows_in", "accepted", "quarantined", "duplicates"):
        found[f"batch_{name}"] = sum(getattr(f, name) for f in report.files)
    return found


def gold_assets(place: Workplace) -> dg.AssetsDefinition:
    """The feature tables. Each build replaces a table whole, so they have no partitions; what is current stays."""
    fresh = timedelta(hours=place.schedule.gold_fresh_hours)
    specs = [
        dg.AssetSpec(
            gold_key(view.name),
            description=view.description,
            deps=[silver_key(table) for table in view.inputs],
            group_name="gold",
            kinds={"delta", "spark"},
            freshness_policy=dg.FreshnessPolicy.time_window(fresh),
        )
        for view in VIEWS.values()
    ]
    views = {gold_key(name): name for name in VIEWS}

    def build(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        chosen = [views[key] for key in views if key in context.selected_asset_keys]
        built = attempted(context, place.schedule, lambda: place.build(chosen, logged(context)))
        for name, table in built.items():
            # Rows that an earlier build wrote are not rows of this run: `is_rebuilt` tells.
            yield dg.MaterializeResult(
                gold_key(name),
                metadata={"delta_version": table.version, "dagster/row_count": table.rows, "is_rebuilt": table.is_new},
                data_version=dg.DataVersion(str(table.version)),
            )

    decorate = dg.multi_asset(
        name="features_build",
        specs=specs,
        can_subset=True,
        description="As `oncolake features build`.",
    )
    assets: dg.AssetsDefinition = decorate(build)
    return assets


def online_asset(place: Workplace) -> dg.AssetsDefinition:
    """The online store: the latest known features of each entity."""
    spec = dg.AssetSpec(
        ONLINE,
        description="The latest known features of each entity, for online serving.",
        deps=[gold_key(name) for name in VIEWS],
        group_name="gold",
        kinds={"feast", "sqlite"},
        freshness_policy=dg.FreshnessPolicy.time_window(timedelta(hours=place.schedule.gold_fresh_hours)),
    )

    def materialize(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        versions = attempted(context, place.schedule, place.materialize)
        return dg.MaterializeResult(ONLINE, metadata={f"version_{name}": v for name, v in versions.items()})

    decorate = dg.multi_asset(
        name="features_materialize",
        specs=[spec],
        description="As `oncolake features apply` and `oncolake features materialize`.",
    )
    assets: dg.AssetsDefinition = decorate(materialize)
    return assets
