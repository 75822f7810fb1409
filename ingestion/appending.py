"""Staged rows of one table into the table and its quarantine.

Files in which no key repeats are committed as they were written. The others are read again, their rows compared with
each other and with the table (`ingestion.versions`), and what is new of them is written anew. Either way the table
gets one commit.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Literal, Protocol

from infra import delta
from infra.lake import Lake
from infra.table import Table
from ingestion.fates import Fates, fates_by_gate, fates_of, union
from ingestion.reading import FileKey
from ingestion.repeats import repeating_files
from ingestion.sink import Place
from ingestion.staging import Staged, StagedFile, stage_again
from ingestion.tally import FILE_KEY, within
from ingestion.versions import ACCEPTED, QUARANTINED, STATUS, classify
from quality.gate import REASONS, judge
from quality.quarantine import commit_held, holds, quarantine_rows

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import Column, DataFrame, SparkSession

    from ingestion.format import Source

Own = Literal["files", "batch"]
DERIVED = "derived"
"""Format of rows that were computed from other tables, and of their quarantine."""
ROW_KEY = [*FILE_KEY, "file_row", "row_hash"]


class Writer(Protocol):
    """What appending needs of a batch."""

    @property
    def spark(self) -> "SparkSession": ...
    @property
    def lake(self) -> Lake: ...
    @property
    def source(self) -> "Source": ...
    @property
    def batch_id(self) -> str: ...
    @property
    def now(self) -> "datetime": ...
    @property
    def superseded(self) -> list[str]: ...
    def stamps(self) -> "dict[str, Column]": ...
    def place(self, table: Table) -> Place: ...


@dataclass(frozen=True)
class Compared:
    """Files that were committed as they are, and the rows of the others with STATUS (None: there are none)."""

    as_they_are: tuple[StagedFile, ...]
    rows: "DataFrame | None"
    fates: dict[FileKey, Fates]


@dataclass(frozen=True)
class Appending:
    """See `Batch.append`."""

    batch: Writer
    staged: Staged
    own: Own
    formats: Mapping[FileKey, str]
    unwanted: frozenset[FileKey]

    @property
    def table(self) -> Table:
        return self.staged.table

    @cached_property
    def _path(self) -> str:
        return self.batch.lake.silver(self.table.name)

    def to_table(self) -> tuple[Compared, int]:
        """Commits what is new; returns how that came about and the rows added."""
        from pyspark.sql import functions as F

        existing: Callable[[], DataFrame] | None = None
        mine = None
        if (delta.version(self._path) or 0) > 0:
            # Spark opens the table only where some row of it has to be looked at.
            existing = everything = cache(lambda: delta.read(self.batch.spark, self._path))
            if self.own == "batch":
                if delta.has_rows_with(self._path, "batch_id", [self.batch.batch_id]):
                    is_mine = F.col("batch_id") == self.batch.batch_id
                    existing = partial(everything().filter, ~is_mine)
                    mine = everything().filter(is_mine).select(*ROW_KEY)
            elif delta.has_rows_with(self._path, "file_id", [file_id for file_id, _ in self.formats]):
                # An interrupted attempt wrote some of these already, perhaps as part of another batch.
                files_ = self._frame(self.formats)
                existing = partial(everything().join, files_, FILE_KEY, "left_anti")
                mine = everything().join(files_, FILE_KEY, "left_semi").select(*ROW_KEY)
        good = set(self.staged.good)
        looked_at = good
        if mine is None:
            looked_at = {f for f in good if f.keys & self.unwanted}
            looked_at |= repeating_files(self.batch.spark, self.staged, self._path, existing)
        as_they_are = tuple(f for f in self.staged.good if f not in looked_at)
        compared = Compared(as_they_are, None, {})
        files = [f.file for f in as_they_are]
        if looked_at:
            compared = self._compared(as_they_are, looked_at, existing() if existing is not None else None)
            assert compared.rows is not None
            rows = compared.rows.filter(F.col(STATUS) == ACCEPTED)
            if mine is not None:
                rows = rows.join(mine, ROW_KEY, "left_anti")
            files += stage_again(rows, self.table, self.batch.place(self.table))
            self.batch.superseded.extend(f"{self._path}/{f.file.path}" for f in looked_at)
        if files:
            delta.commit_files(self.batch.lake, self._path, files, self.batch.batch_id)
        return compared, sum(f.rows for f in files)

    def to_quarantine(self, compared: Compared) -> int:
        """Commits refused rows and contradictions; returns how many there are, those of an earlier attempt included."""
        from pyspark.sql import functions as F

        batch, name = self.batch, self.table.name
        refused = {k: f.refused for k, f in self.staged.tally.without(set(self.unwanted)).files.items() if f.refused}
        if refused:
            held = self.staged.held
            if any(f.keys & self.unwanted for f in held) or holds(batch.lake, name, refused):
                batch.superseded.extend(f"{batch.lake.quarantine(name)}/{f.file.path}" for f in held)
                rows = self._refused().withColumns(batch.stamps())
                quarantine_rows(batch.spark, batch.lake, rows, name, batch.source.name, batch.batch_id)
            else:
                commit_held(batch.lake, name, [f.file for f in held], batch.batch_id)
        contradicting = sum(f.rows_quarantined for f in compared.fates.values())
        if contradicting and compared.rows is not None:
            rows = compared.rows.filter(F.col(STATUS) == QUARANTINED).withColumns(batch.stamps())
            rows = self._with_formats(rows)
            quarantine_rows(batch.spark, batch.lake, rows, name, batch.source.name, batch.batch_id)
        return sum(refused.values()) + contradicting

    def status(self, compared: Compared) -> "DataFrame":
        """Every row of the batch with STATUS, read when it is needed."""
        from pyspark.sql import functions as F

        fast = self._judged(compared.as_they_are).withColumn(STATUS, F.lit(ACCEPTED))
        rows = union(fast, self._refused().withColumn(STATUS, F.lit(QUARANTINED)))
        return rows if compared.rows is None else rows.unionByName(compared.rows, allowMissingColumns=True)

    def fates(self, compared: Compared) -> dict[FileKey, Fates]:
        """By file, what became of its records, where each is one row."""
        counted = self.staged.tally.without(set(self.unwanted))
        fates = fates_by_gate(counted)
        seen = {k for f in self.staged.good if f not in compared.as_they_are for k in f.keys}
        for key in seen & counted.files.keys():
            found, refused = compared.fates.get(key, Fates()), counted.files[key].refused
            fates[key] = Fates(
                found.accepted,
                found.quarantined + refused,
                found.duplicates,
                found.warnings,
                found.rows_accepted,
                found.rows_quarantined + refused,
            )
        return fates

    def _compared(
        self, as_they_are: tuple[StagedFile, ...], files: set[StagedFile], existing: "DataFrame | None"
    ) -> Compared:
        rows = self._judged(files)
        if self.unwanted:
            rows = rows.join(self._frame(self.unwanted), FILE_KEY, "left_anti")
        counted = self.staged.tally.without(set(self.unwanted))
        if existing is not None:
            existing = existing.filter(within(counted.reach(), self.table))
        classified = classify(rows, existing, self.table, self.batch.now)
        return Compared(as_they_are, classified, fates_of([classified]))

    def _judged(self, files: "set[StagedFile] | tuple[StagedFile, ...]") -> "DataFrame":
        """Good rows as the gate left them: without reasons, and with the warnings that they had."""
        from pyspark.sql import functions as F

        rows = self.staged.read_good(self.batch.spark, files)
        nothing = F.lit(None).cast("string")
        rows = rows.select(*(c.name for c in self.table.conformed_columns), "row_hash").withColumns(
            {"format": nothing, "problem": nothing, "record": nothing}
        )
        return judge(rows, self.table)

    def _refused(self) -> "DataFrame":
        from pyspark.sql import functions as F

        rows = self.staged.read_faults(self.batch.spark).filter(F.size(REASONS) > 0)
        return rows.join(self._frame(self.unwanted), FILE_KEY, "left_anti") if self.unwanted else rows

    def _with_formats(self, rows: "DataFrame") -> "DataFrame":
        """With the format of each row's file, which the table itself does not keep."""
        from pyspark.sql import functions as F

        if self.own == "batch":
            return rows.withColumn("format", F.lit(DERIVED))
        known = [(*key, name) for key, name in self.formats.items()]
        formats = self.batch.spark.createDataFrame(known, "file_id string, site_id string, format string")
        return rows.drop("format").join(F.broadcast(formats), FILE_KEY, "left")

    def _frame(self, keys: Iterable[FileKey]) -> "DataFrame":
        from pyspark.sql import functions as F

        return F.broadcast(self.batch.spark.createDataFrame(sorted(keys), "file_id string, site_id string"))
