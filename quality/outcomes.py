"""The record of batch-level and cross-table checks: `LAKE/quality/batch_checks`, beside the row-level `results`."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from infra import delta, scan
from infra.lake import Lake
from quality.drift import BatchCheck

SCHEMA: Final = pa.schema(
    [
        pa.field("batch_id", pa.string()),
        pa.field("source", pa.string()),
        pa.field("table_name", pa.string()),
        pa.field("site_id", pa.string()),
        pa.field("column", pa.string()),
        pa.field("what", pa.string()),
        pa.field("definition", pa.string()),
        pa.field("severity", pa.string()),
        pa.field("is_passed", pa.bool_()),
        pa.field("value", pa.float64()),
        pa.field("limit", pa.float64()),
        pa.field("compared", pa.int64()),
        pa.field("sentence", pa.string()),
        pa.field("checked_at", pa.timestamp("us", tz="UTC")),
    ]
)
BETWEEN_TABLES: Final = ("orphans.", "order.")
"""How the definitions of checks between tables begin."""
COMMENTS: Final = {
    "definition": "Name and version of what was computed.",
    "severity": "warning or info; rows are never refused for it.",
    "value": "The statistic, ratio, age (d) or count; of several comparisons that pass, the largest.",
    "limit": "What it was held to; null where there was too little to compare with.",
    "compared": "Comparisons that the outcome stands for.",
}


def outcomes_path(lake: Lake) -> str:
    """The Delta table of the outcomes."""
    return f"{lake.root}/quality/batch_checks"


def outcomes(lake: Lake, columns: Sequence[str] | None = None, where: pc.Expression | None = None) -> pa.Table:
    """The outcomes of all batches, or those that meet `where`; no rows where no batch was checked."""
    path = outcomes_path(lake)
    if not delta.exists(path):
        return SCHEMA.empty_table().select(columns or SCHEMA.names)
    return scan.rows(path, columns or SCHEMA.names, where)


def record(lake: Lake, source: str, batch_id: str, found: Iterable[BatchCheck], at: datetime) -> None:
    """Appends outcomes in one commit. The caller holds the lock and knows that they are not there yet."""
    rows = []
    for check in found:
        row = asdict(check)
        rows.append(row | {"table_name": row.pop("table"), "batch_id": batch_id, "source": source, "checked_at": at})
    if rows:
        delta.create(lake, outcomes_path(lake), SCHEMA, COMMENTS, "Batch-level and cross-table checks: counts only.")
        delta.append_arrow(lake, pa.Table.from_pylist(rows, SCHEMA), outcomes_path(lake))


def of_batch(lake: Lake, source: str, batch_id: str) -> list[BatchCheck]:
    """What is recorded of a batch."""
    return _checks(outcomes(lake, where=(pc.field("batch_id") == batch_id) & (pc.field("source") == source)))


def latest_checks(lake: Lake, table: str | None = None) -> dict[str, list[BatchCheck]]:
    """By table (or of one) how things stand: outcomes of the last batch that brought it rows, those that fail first.

    Checks between tables are among them under the table that they count in, each as it was counted last: a batch of
    another table may have counted it again. Reads no table but the record.
    """
    found = outcomes(lake, where=(pc.field("table_name") == table) if table else None)
    names, definitions = found["table_name"].to_pylist(), found["definition"].to_pylist()
    topics = [(n, d if d.startswith(BETWEEN_TABLES) else "") for n, d in zip(names, definitions, strict=True)]
    times = found["checked_at"].to_pylist()
    newest: dict[tuple[str, str], datetime] = {}
    for topic, at in zip(topics, times, strict=True):
        newest[topic] = max(at, newest.get(topic, at))
    is_newest = [at == newest[topic] for topic, at in zip(topics, times, strict=True)]
    answer: dict[str, list[BatchCheck]] = {}
    for check in _checks(found.filter(pa.array(is_newest, pa.bool_()))):
        answer.setdefault(check.table, []).append(check)
    for checks in answer.values():
        checks.sort(key=lambda c: (c.is_passed, c.severity != "warning", c.definition))
    return dict(sorted(answer.items()))


def _checks(rows: pa.Table) -> list[BatchCheck]:
    names = [n for n in SCHEMA.names if n not in ("batch_id", "source", "checked_at")]
    return [
        BatchCheck(**{"table" if k == "table_name" else k: v for k, v in row.items()})
        for row in rows.select(names).to_pylist()
    ]
