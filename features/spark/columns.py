"""Columns and histories as both plans of the Spark engine see them: instants, keys, and what rows are compared by."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import TYPE_CHECKING

from infra.errors import UsageError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import DataType


@dataclass(frozen=True)
class History:
    """The rows of one feature view, in any order.

    keys: its key columns, in the order of the labels'. event_time, known_time: timestamps. columns: what is brought
    back of the chosen row. ttl: how long after its event a row may be used; None: without end.
    """

    frame: "DataFrame"
    keys: Sequence[str]
    event_time: str
    known_time: str | None
    columns: Sequence[str]
    ttl: timedelta | None = None

    def tie_breakers(self, names: Sequence[str] | None = None) -> list[str]:
        """The columns by which rows of the same key and times are told apart; as `names`, which stand for `columns`."""
        apart = {*self.keys, self.event_time, self.known_time}
        return [n for n, c in zip(names or self.columns, self.columns, strict=True) if c not in apart]


def rank(frame: "DataFrame", event: "Column", known: "Column", payload: Sequence[str]) -> "Column":
    """What the rows of a key are compared by: event, known time, then what they hold. Nulls come first.

    event, known: columns of whole microseconds. payload: columns of `frame`, of any type.
    """
    from pyspark.sql import functions as F

    fields = {f.name: f.dataType for f in frame.schema.fields}
    return F.struct(event, known, *(_orderable(name, fields[name]) for name in payload))


def all_given(keys: Sequence[str]) -> "Column":
    """Whether no key is null."""
    from pyspark.sql import functions as F

    return reduce(lambda a, b: a & b, (named(k).isNotNull() for k in keys), F.lit(True))


def micros(frame: "DataFrame", name: str) -> "Column":
    """A column of timestamps as whole microseconds since 1970 UTC. Raises UsageError on anything else."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import TimestampNTZType, TimestampType

    if name not in frame.columns:
        raise UsageError(f"There is no column {name} among {', '.join(frame.columns)}.")
    kind = frame.schema[name].dataType
    if isinstance(kind, TimestampNTZType):
        raise UsageError(f"The times in column {name} have no time zone; give them one, such as UTC.")
    if not isinstance(kind, TimestampType):
        raise UsageError(f"Column {name} holds {kind.simpleString()}; expected timestamps in UTC.")
    return F.unix_micros(named(name))


def key_types(labels: "DataFrame", label_keys: Sequence[str], histories: Iterable[History]) -> list["DataType"]:
    """The type in which each key is compared: whole numbers as the widest, anything else as it is on both sides."""
    from pyspark.sql.types import IntegralType, LongType

    types: list[DataType] = []
    for i, label_key in enumerate(label_keys):
        if label_key not in labels.columns:
            raise UsageError(f"The label rows have no column {label_key}; they have {', '.join(labels.columns)}.")
        given = labels.schema[label_key].dataType
        for history in histories:
            wanted = history.frame.schema[history.keys[i]].dataType
            is_whole = isinstance(given, IntegralType) and isinstance(wanted, IntegralType)
            if given != wanted and not is_whole:
                raise UsageError(
                    f"The keys in column {label_key} are {given.simpleString()}; the features have "
                    f"{wanted.simpleString()}."
                )
        types.append(LongType() if isinstance(given, IntegralType) else given)
    return types


def _orderable(name: str, kind: "DataType") -> "Column":
    """A column to sort by; what holds a map, which has no order, as text."""
    from pyspark.sql import functions as F

    column = named(name)
    return F.to_json(F.struct(column.alias("v"))) if "map<" in kind.simpleString() else column


def named(name: str) -> "Column":
    """A column by its name, whatever characters that has."""
    from pyspark.sql import functions as F

    return F.col(quoted(name))


def quoted(name: str) -> str:
    """A name as SQL wants it."""
    return "`" + name.replace("`", "``") + "`"
