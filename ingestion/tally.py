"""What one pass over a table's judged rows tells of each file: rows, verdicts, checks, and how far the keys reach."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.table import Table
from ingestion.reading import FileKey, Reading, RecordSum
from quality.gate import REASONS, WARNINGS, counted_checks
from quality.validation import Broken

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

FILE_KEY = ["file_id", "site_id"]


@dataclass(frozen=True)
class FileTally:
    """The rows of one file in one table. broken: rows that break each check, in the order of declaration.

    reach: least and greatest value of each column of `ordered_key`. has_null: whether the column has a null.
    """

    records: RecordSum
    refused: int
    warnings: int
    broken: tuple[int, ...]
    reach: tuple[Any, ...]
    has_null: tuple[bool, ...]

    def plus(self, other: "FileTally") -> "FileTally":
        """Both parts of one file's rows together."""
        a, b = self.records, other.records
        ends = []
        for i, (mine, theirs) in enumerate(zip(self.reach, other.reach, strict=True)):
            given = [v for v in (mine, theirs) if v is not None]
            ends.append((max if i % 2 else min)(given) if given else None)
        return FileTally(
            RecordSum(a.n + b.n, a.total + b.total, a.squares + b.squares),
            self.refused + other.refused,
            self.warnings + other.warnings,
            tuple(x + y for x, y in zip(self.broken, other.broken, strict=True)),
            tuple(ends),
            tuple(x or y for x, y in zip(self.has_null, other.has_null, strict=True)),
        )


@dataclass(frozen=True)
class Tally:
    """The judged rows of one table by file."""

    table: Table
    files: Mapping[FileKey, FileTally]

    def without(self, keys: "set[FileKey]") -> "Tally":
        return Tally(self.table, {k: f for k, f in self.files.items() if k not in keys})

    def broken(self) -> Broken:
        """Over all files."""
        by_check = [f.broken for f in self.files.values()]
        totals = [sum(column) for column in zip(*by_check, strict=True)] if by_check else []
        return Broken(sum(f.records.n for f in self.files.values()), tuple(totals))

    def is_row_a_record(self, readings: Mapping[FileKey, Reading]) -> bool:
        """Whether each record of these files became one row of this table, no more and no less."""
        return all(readings[k].records == f.records for k, f in self.files.items())

    def reach(self) -> "dict[str, tuple[Any, Any]]":
        """By key column that can be ordered, the least and the greatest value; none where a file has no value of it."""
        found: dict[str, tuple[Any, Any]] = {}
        for i, name in enumerate(ordered_key(self.table)):
            # A file of which every row is refused is compared with nothing.
            ends = [f.reach[2 * i : 2 * i + 2] for f in self.files.values() if f.refused < f.records.n]
            if ends and all(low is not None for low, _ in ends):
                found[name] = min(low for low, _ in ends), max(high for _, high in ends)
        return found


def tally(judged: "DataFrame", table: Table) -> Tally:
    """One action: reads the frame (and so fills its cache) and counts. For what is not staged: records sent again."""
    from pyspark.sql import functions as F

    n_checks = len(table.checks())
    refused = F.size(REASONS) > 0
    rest = F.pmod(F.col("file_row"), F.lit(RecordSum.MODULUS))
    ends = [end(_comparable(name, type_)) for name, type_ in ordered_key(table).items() for end in (F.min, F.max)]
    rows = (
        judged.groupBy(*FILE_KEY)
        .agg(
            F.count("*"),
            F.sum("file_row"),
            F.sum(rest * rest),
            F.count_if(refused),
            F.sum(F.when(refused, 0).otherwise(F.size(WARNINGS))),
            *counted_checks(table),
            *ends,
        )
        .collect()
    )
    files = {}
    for file_id, site_id, n, total, squares, n_refused, warnings, *rest_ in rows:
        checks, reach = tuple(rest_[:n_checks]), tuple(rest_[n_checks:])
        nulls = (False,) * (len(reach) // 2)
        files[file_id, site_id] = FileTally(RecordSum(n, total, squares), n_refused, warnings, checks, reach, nulls)
    return Tally(table, files)


def within(reach: "dict[str, tuple[Any, Any]]", table: Table) -> "Column":
    """Rows of a table whose key may be one of the batch's. Delta skips files, and Parquet row groups, by it."""
    from pyspark.sql import functions as F

    types = ordered_key(table)
    condition = F.lit(True)
    for name, ends in reach.items():
        low, high = (F.timestamp_micros(F.lit(end)) if types[name] == "timestamp" else F.lit(end) for end in ends)
        condition &= F.col(name).between(low, high) | F.col(name).isNull()
    return condition


def ordered_key(table: Table) -> dict[str, str]:
    """Types of the key columns whose statistics in the table's log bound a search."""
    types = {c.name: c.type for c in table.all_columns}
    return {name: types[name] for name in table.key if types[name] in ("string", "timestamp", "bigint", "int")}


def _comparable(name: str, type_: str) -> "Column":
    """Times as microseconds: as a Python datetime they would pass through the machine's zone, and its clock change."""
    from pyspark.sql import functions as F

    return F.unix_micros(name) if type_ == "timestamp" else F.col(name)
