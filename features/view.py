"""The `GoldView` declaration: the one place where a feature view's features are written down.

The gold table's columns, the Feast feature view, the catalogue for people and the hash that training runs record are
derived from it. Nothing here imports Spark or Feast.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from infra.table import ColumnType, arrow_type

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Entity = Literal["patient", "case"]
JOIN_KEYS: dict[str, str] = {"patient": "patient_id", "case": "case_id"}
"""Entity name -> the column that holds its pseudonym, in gold tables and in label frames."""

EVENT_TIME = "event_time"
KNOWN_TIME = "known_time"
FILE_IDS = "file_ids"
LABEL_TIME = "event_timestamp"
"""Column of a label frame that says when each prediction is made, as Feast calls it."""

Silver = Mapping[str, "DataFrame"]
"""Silver tables by name, each with all versions of its rows."""


@dataclass(frozen=True)
class Feature:
    """One feature. Its name carries the unit where there is one.

    definition: name and version of how it is computed; a change of the computation makes a new one.
    sources: the silver columns that it rests on, as 'table.column'.
    """

    name: str
    type: ColumnType
    description: str
    definition: str
    sources: tuple[str, ...]
    unit: str | None = None


@dataclass(frozen=True)
class GoldView:
    """A feature view: its features, and the pure function that builds its rows.

    build: silver tables (all versions) -> one row for each entity and change, with the entity's join key,
        event_time, known_time, the features, and file_ids (the source files of exactly the facts used).
    ttl: how long after its event a row may still be used; None: without end.
    looks_back: how far before its event the inputs of a row may lie; None: a row rests on all facts of its entity.
        A limit lets an incremental build compute some days of an entity without the others.
    modality, owner: what kind of data it is of, and who answers for its definitions; for people who search.
    """

    name: str
    entity: Entity
    description: str
    inputs: tuple[str, ...]
    features: tuple[Feature, ...]
    build: Callable[[Silver], "DataFrame"]
    ttl: timedelta | None = None
    looks_back: timedelta | None = None
    modality: str = "other"
    owner: str = "oncolake"

    def __post_init__(self) -> None:
        names = self.columns
        if len(set(names)) != len(names):
            raise ValueError(f"feature view {self.name} declares a column twice")
        if self.looks_back is not None and self.looks_back > timedelta(days=1):
            raise ValueError(f"feature view {self.name} looks back further than a day, which builds by day do not")

    @property
    def join_key(self) -> str:
        return JOIN_KEYS[self.entity]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the gold table, in order."""
        return (self.join_key, EVENT_TIME, KNOWN_TIME, *(f.name for f in self.features), FILE_IDS)

    def arrow_schema(self) -> pa.Schema:
        """The gold table's columns with their Arrow types."""
        types = {f.name: arrow_type(f.type) for f in self.features}
        time = pa.timestamp("us", tz="UTC")
        types |= {self.join_key: pa.string(), EVENT_TIME: time, KNOWN_TIME: time, FILE_IDS: pa.list_(pa.string())}
        return pa.schema([(name, types[name]) for name in self.columns])

    def definition(self) -> dict[str, object]:
        """What the view means, as plain data: everything that could change a value."""
        return {
            "name": self.name,
            "entity": self.entity,
            "ttl_seconds": None if self.ttl is None else self.ttl.total_seconds(),
            "features": [
                {"name": f.name, "type": f.type, "unit": f.unit, "definition": f.definition, "sources": f.sources}
                for f in self.features
            ],
        }


def definitions_hash(views: Iterable[GoldView]) -> str:
    """SHA-256 over the definitions of some views; descriptions are prose and do not enter."""
    text = json.dumps([v.definition() for v in sorted(views, key=lambda v: v.name)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
