"""Runs the suites on a batch, and keeps the record: Data Docs for people, a Delta table for programs.

Both hold verdicts and counts only. The default result format of Great Expectations copies values of patients into
results and pages; BOOLEAN_ONLY never does, and the counts come from one aggregate of our own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from infra import delta, scan
from infra.checks import sentence
from infra.lake import Lake
from infra.locks import writing
from infra.table import Table
from infra.tables import TABLES
from quality.gate import counted_checks
from quality.outcomes import outcomes
from quality.page import PAGE, write_page
from quality.statistics import RECENT_BATCHES, robust_bounds
from quality.suite import suite

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

RESULT_FORMAT = "BOOLEAN_ONLY"
WHOLE_ROWS = 1_000_000
"""Rows up to which a frame holds all of its batch. A larger batch may be shown to Great Expectations as all rows that
break a check and a sample of the others: enough for every verdict on rows, but not to count them."""
SAMPLE_ROWS = 50_000
"""Rows of that sample: none of them breaks a check, so that no verdict depends on how many there are."""
SCHEMA = pa.schema(
    [
        pa.field("batch_id", pa.string()),
        pa.field("source", pa.string()),
        pa.field("table_name", pa.string()),
        pa.field("check", pa.string()),
        pa.field("severity", pa.string()),
        pa.field("rows", pa.int64()),
        pa.field("rows_failed", pa.int64()),
        pa.field("is_expectation_met", pa.bool_()),
        pa.field("validated_at", pa.timestamp("us", tz="UTC")),
    ]
)


@dataclass(frozen=True)
class CheckResult:
    """One check on one batch: our count of the rows that break it, and Great Expectations' verdict."""

    table: str
    check: str
    severity: str
    rows: int
    rows_failed: int
    is_expectation_met: bool


def results_path(lake: Lake) -> str:
    """The Delta table of check results."""
    return f"{lake.root}/quality/results"


def docs_index(lake: Lake) -> Path:
    """The first page of the Data Docs."""
    return lake.folder("quality") / "gx" / "uncommitted" / "data_docs" / "local_site" / PAGE


@dataclass(frozen=True)
class Broken:
    """Rows of a table in a batch, and of each of its checks, in the order of declaration, the rows that break it."""

    rows: int
    by_check: tuple[int, ...]


def count_broken(frame: "DataFrame", table: Table) -> Broken:
    """The counts of a conformed frame, in one aggregate. The pipeline has them from the pass that judges the rows."""
    from pyspark.sql import functions as F

    row = frame.agg(F.count("*"), *counted_checks(table)).first()
    assert row is not None
    return Broken(row[0], tuple(row[1:]))


def validate(
    frames: "Mapping[str, DataFrame]", broken: Mapping[str, Broken], lake: Lake, source: str, batch_id: str
) -> list[CheckResult]:
    """Validates the conformed rows of a batch, table by table, and appends the results to the record.

    frames: by table name, rows before the split into accepted and quarantined. Empty frames are left out.
    broken: the gate's counts of the same rows, by table name.
    """
    results: list[CheckResult] = []
    filled = {name: frame for name, frame in frames.items() if broken[name].rows}
    if not filled:
        return results
    with writing(lake, "expectations"):
        bounds = {n: b for n, b in row_bounds(lake, source).items() if n in filled and broken[n].rows <= WHOLE_ROWS}
        verdicts = _run(filled, lake, f"{source}-{batch_id}", bounds)
    # Other checks of a batch are made meanwhile: only the record and its page are shared with them.
    with writing(lake, "quality"):
        for name in filled:
            counts, checks = broken[name], TABLES[name].checks()
            met_by_check = verdicts[name]
            for (column, check), n, met in zip(checks, counts.by_check, met_by_check[: len(checks)], strict=True):
                results.append(CheckResult(name, sentence(column.name, check), check.severity, counts.rows, n, met))
            if name in bounds:
                low, high = bounds[name]
                outside = 0 if low <= counts.rows <= high else counts.rows
                said = f"a batch has {low:,} to {high:,} rows, after the recent ones"
                results.append(CheckResult(name, said, "info", counts.rows, outside, met_by_check[len(checks)]))
        _record(results, lake, source, batch_id)
        write_page(docs_index(lake).parent, results_path(lake), outcomes(lake))
    return results


def row_bounds(lake: Lake, source: str) -> dict[str, tuple[int, int]]:
    """By table the least and most rows that a batch of a source is expected to have, where enough are recorded."""
    path = results_path(lake)
    if not delta.exists(path):
        return {}
    columns = ["table_name", "batch_id", "rows", "validated_at"]
    rows = scan.rows(path, columns, pc.field("source") == source)
    batches = rows.group_by(["table_name", "batch_id"]).aggregate([("validated_at", "max"), ("rows", "max")])
    history: dict[str, list[float]] = {}
    for row in batches.sort_by([("validated_at_max", "descending")]).to_pylist():
        history.setdefault(row["table_name"], []).append(row["rows_max"])
    bounds = {name: robust_bounds([max(n, 1.0) for n in h[:RECENT_BATCHES]]) for name, h in history.items()}
    return {name: (math.floor(b[0]), math.ceil(b[1])) for name, b in bounds.items() if b}


def _run(
    frames: "Mapping[str, DataFrame]", lake: Lake, run_name: str, bounds: Mapping[str, tuple[int, int]]
) -> dict[str, list[bool]]:
    """Verdicts of Great Expectations by table, in the order of the checks, then on its rows where they have bounds.

    The Data Docs get a page for each.
    """
    import great_expectations as gx
    from great_expectations.core.run_identifier import RunIdentifier

    context = gx.get_context(mode="file", project_root_dir=str(lake.folder("quality")))
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_or_update_spark("oncolake", persist=False)
    verdicts: dict[str, list[bool]] = {}
    for name, frame in frames.items():
        whole = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("batch")
        expected = context.suites.add_or_update(suite(TABLES[name], bounds.get(name)))
        definition = context.validation_definitions.add_or_update(
            gx.ValidationDefinition(name=name, data=whole, suite=expected)
        )
        checkpoint = context.checkpoints.add_or_update(
            gx.Checkpoint(
                name=name,
                validation_definitions=[definition],
                result_format=RESULT_FORMAT,
                actions=[gx.checkpoint.UpdateDataDocsAction(name="docs")],
            )
        )
        run_id = RunIdentifier(run_name=run_name, run_time=datetime.now(UTC))
        outcome = checkpoint.run(batch_parameters={"dataframe": frame}, run_id=run_id)
        (result,) = outcome.run_results.values()
        verdicts[name] = _in_order(result, expected)
    return verdicts


def _in_order(result: Any, expected: Any) -> list[bool]:
    by_id = {}
    for r in result.results:
        raised = [e for e in (r.exception_info or {}).values() if isinstance(e, dict) and e.get("raised_exception")]
        if raised or (r.exception_info or {}).get("raised_exception"):
            raise AssertionError(f"Great Expectations could not run {r.expectation_config.type}; a defect of oncolake")
        by_id[r.expectation_config.id] = bool(r.success)
    return [by_id[e.id] for e in expected.expectations]


def _record(results: list[CheckResult], lake: Lake, source: str, batch_id: str) -> None:
    now = datetime.now(UTC)
    rows = [
        {"batch_id": batch_id, "source": source, "table_name": r.table, "check": r.check, "severity": r.severity,
         "rows": r.rows, "rows_failed": r.rows_failed, "is_expectation_met": r.is_expectation_met, "validated_at": now}
        for r in results
    ]  # fmt: skip
    path = results_path(lake)
    delta.create(lake, path, SCHEMA, {}, "Checks run on each batch: counts and verdicts.")
    delta.append_arrow(lake, pa.Table.from_pylist(rows, SCHEMA), path)
