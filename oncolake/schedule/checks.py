"""The gate's results and the ledger's accounts as asset checks. Each can be run again without ingesting anything."""

from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg

from features.tables import VIEWS
from oncolake.schedule import verdicts
from oncolake.schedule.catalogue import tables_by_source
from oncolake.schedule.names import gold_key, silver_key
from oncolake.schedule.steps import attempted
from oncolake.schedule.verdicts import Verdict
from oncolake.schedule.work import Workplace

SEVERITY = {"error": dg.AssetCheckSeverity.ERROR, "warning": dg.AssetCheckSeverity.WARN}


def silver_checks(place: Workplace, source: str) -> dg.AssetChecksDefinition:
    """Of each table, how its last batch fared; and on the first table of the source, the accounts of its files."""
    own = tables_by_source()[source]
    first = silver_key(own[0])
    specs = [
        *(dg.AssetCheckSpec(n, asset=silver_key(t), description=d) for t in own
          for n, d in verdicts.TABLE_CHECKS.items()),
        *(dg.AssetCheckSpec(n, asset=first, description=d) for n, d in verdicts.FILE_CHECKS.items()),
    ]  # fmt: skip

    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        def look() -> list[tuple[dg.AssetKey, Verdict]]:
            found = [(silver_key(t), v) for t in own for v in verdicts.table_verdicts(place.lake, t)]
            return found + [(first, v) for v in verdicts.file_verdicts(place.lake, source)]

        yield from _results(context, attempted(context, place.schedule, look))

    decorate = dg.multi_asset_check(name=f"check_{source}", specs=specs, can_subset=True)
    checks: dg.AssetChecksDefinition = decorate(check)
    return checks


def gold_checks(place: Workplace) -> dg.AssetChecksDefinition:
    """Of each feature table, whether silver or its definition moved past it."""
    specs = [
        dg.AssetCheckSpec(n, asset=gold_key(view), description=d)
        for view in VIEWS
        for n, d in verdicts.VIEW_CHECKS.items()
    ]

    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        stale = attempted(context, place.schedule, lambda: verdicts.view_verdicts(place.lake))
        current = Verdict("up_to_date", True, "warning", "Nothing that it was built from has changed.")
        yield from _results(context, ((gold_key(view), stale.get(view, current)) for view in VIEWS))

    decorate = dg.multi_asset_check(name="check_gold", specs=specs, can_subset=True)
    checks: dg.AssetChecksDefinition = decorate(check)
    return checks


def _results(context: Any, found: Iterable[tuple[dg.AssetKey, Verdict]]) -> Iterator[dg.AssetCheckResult]:
    for key, verdict in found:
        if dg.AssetCheckKey(key, verdict.name) in context.selected_asset_check_keys:
            yield dg.AssetCheckResult(
                asset_key=key,
                check_name=verdict.name,
                passed=verdict.is_passed,
                severity=SEVERITY[verdict.severity],
                description=verdict.sentence,
                metadata=dict(verdict.numbers),
            )
