"""The `Table` declaration: the one place where a table's grain, key, columns and checks are written down.

The Spark and Arrow schemas, the row-level gate, the Great Expectations suite, the Feast schema and the
data dictionary are derived from it. Nothing here imports Spark: a declaration can be read without a JVM.
"""

from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from infra.checks import Check, NotBefore, NotNull

ColumnType = Literal[
    "string",
    "double",
    "int",
    "bigint",
    "boolean",
    "timestamp",
    "date",
    "array<double>",
    "array<string>",
    "array<timestamp>",
]
"""Spark SQL names of the types that tables may use. Timestamps are UTC in microseconds (years past 2262)."""

_ARROW: dict[str, pa.DataType] = {
    "string": pa.string(),
    "double": pa.float64(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "array<double>": pa.list_(pa.float64()),
    "array<string>": pa.list_(pa.string()),
    "array<timestamp>": pa.list_(pa.timestamp("us", tz="UTC")),
}


@dataclass(frozen=True)
class Column:
    """One column: its name carries the unit where there is one, `unit` is the UCUM code."""

    name: str
    type: ColumnType
    description: str
    unit: str | None = None
    checks: tuple[Check, ...] = ()


EVENT_TIME = Column("event_time", "timestamp", "When the patient's state was observed (UTC).")
KNOWN_TIME = Column(
    "known_time",
    "timestamp",
    "When the value could be known to a clinician (UTC): the report date, or the event plus the declared delay.",
    checks=(NotBefore("event_time"),),
)
LINEAGE = (
    Column("site_id", "string", "The hospital or laboratory that delivered the file.", checks=(NotNull(),)),
    Column("file_id", "string", "SHA-256 of the content of the file that the row came from.", checks=(NotNull(),)),
    Column("file_row", "bigint", "Number of the record in its file, from 0.", checks=(NotNull(),)),
    Column("batch_id", "string", "The ingestion batch that wrote the row."),
    Column("ingested_at", "timestamp", "When the lake wrote the row (UTC)."),
    Column("row_hash", "string", "128-bit hash over the content columns and event_time: tells new from seen."),
)
WRITER_COLUMNS = ("batch_id", "ingested_at", "row_hash")
"""Lineage that the pipeline adds when it writes; a conformed frame does not have them yet."""


@dataclass(frozen=True)
class Table:
    """A silver table.

    key: natural key, without times; corrections are new versions of it, told apart by `known_time`.
    columns: content columns only; `event_time`, `known_time` and lineage are added by `all_columns`.
    is_timed: whether a row must carry its own event time. Laboratory rows need not (a sample's time is the
        collection time in `specimen`), and then `reporting_delay_days` stands in for a missing report date.
    cluster_by: columns that most reads filter on.
    """

    name: str
    grain: str
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    is_timed: bool = True
    cluster_by: tuple[str, ...] = ()
    all_columns: tuple[Column, ...] = field(init=False)

    def __post_init__(self) -> None:
        event = EVENT_TIME
        known = KNOWN_TIME
        if self.is_timed:
            event = Column(event.name, event.type, event.description, checks=(NotNull(),))
            known = Column(known.name, known.type, known.description, checks=(NotNull(), *known.checks))
        object.__setattr__(self, "all_columns", (*self.columns, event, known, *LINEAGE))
        names = [c.name for c in self.all_columns]
        if len(set(names)) != len(names):
            raise ValueError(f"table {self.name} declares a column twice")
        missing = [k for k in self.key if k not in names]
        if missing:
            raise ValueError(f"table {self.name} has key columns that it does not declare: {missing}")

    @property
    def conformed_columns(self) -> tuple[Column, ...]:
        """What `conform` must deliver: everything but the columns that the writer adds."""
        return tuple(c for c in self.all_columns if c.name not in WRITER_COLUMNS)

    @property
    def content_columns(self) -> tuple[str, ...]:
        """What `row_hash` covers: the declared columns and event_time, and neither lineage nor known_time."""
        return (*(c.name for c in self.columns), "event_time")

    def checks(self) -> list[tuple[Column, Check]]:
        """Every check with its column, in the order of declaration. Writer columns have none to run."""
        return [(c, k) for c in self.conformed_columns for k in c.checks]

    def ddl(self) -> str:
        """The Spark schema as a DDL string; comments travel into the Delta table's schema."""
        return ", ".join(f"`{c.name}` {c.type}" for c in self.all_columns)

    def arrow_schema(self) -> pa.Schema:
        return pa.schema([pa.field(c.name, _ARROW[c.type]) for c in self.all_columns])


def arrow_type(type_: ColumnType) -> pa.DataType:
    """The Arrow type of a declared column type."""
    return _ARROW[type_]
