"""Everything that Dagster is told, for one lake and its landing folders."""

import dagster as dg

from ingestion.registry import SOURCES
from oncolake.schedule.assets import gold_assets, online_asset, silver_assets
from oncolake.schedule.checks import gold_checks, silver_checks
from oncolake.schedule.triggers import jobs
from oncolake.schedule.work import Workplace


def define(place: Workplace) -> dg.Definitions:
    """Assets, checks, jobs, sensors and schedules. A run is one process with one Spark session."""
    made, sensors, schedules = jobs(place)
    return dg.Definitions(
        assets=[*(silver_assets(place, source) for source in SOURCES), gold_assets(place), online_asset(place)],
        asset_checks=[*(silver_checks(place, source) for source in SOURCES), gold_checks(place)],
        jobs=made,
        sensors=sensors,
        schedules=schedules,
        executor=dg.in_process_executor,
    )


def from_environment() -> Workplace:
    """The workplace that settings and environment describe, as every other command of `oncolake` sees it."""
    from oncolake.commands.options import for_large, lazy_session, load_settings, open_lake
    from oncolake.schedule.settings import load_schedule

    settings = load_settings()
    sessions = lazy_session(settings), lazy_session(for_large(settings))
    return Workplace(open_lake(None, settings), settings, load_schedule(), *sessions)
