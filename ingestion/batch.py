"""One batch on Spark: files to judged frames, and judged frames into the tables."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING, Literal

from infra import delta
from infra.lake import Lake
from infra.settings import Settings
from infra.table import Table
from infra.tables import TABLES
from ingestion.discovery import Found
from ingestion.fates import Fates, fates_by_gate, fates_of, union
from ingestion.format import Source
from ingestion.reading import FileKey, Reading, new_readings, read_files
from ingestion.report import TableReport
from ingestion.tally import FILE_KEY, Tally, tally, within
from ingestion.versions import ACCEPTED, QUARANTINED, STATUS, classify, current, row_hash
from ingestion.watching import watched
from quality.gate import REASONS, judge
from quality.quarantine import quarantine_rows

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


Own = Literal["files", "records", "batch"]
ROW_KEY = [*FILE_KEY, "file_row", "row_hash"]
DERIVED = "derived"
"""Format of rows that were computed from other tables, and of their quarantine."""
RECORD_JSON = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"}
"""How records are kept as JSON: the default cuts times to milliseconds, and a replay would not find the same rows."""


@dataclass(frozen=True)
class Counts:
    """Records of one file by what became of them; `error` where the file could not be read."""

    rows_in: int = 0
    accepted: int = 0
    quarantined: int = 0
    duplicates: int = 0
    warnings: int = 0
    error: str | None = None


@dataclass(frozen=True)
class Prepared:
    """Judged rows by table (persisted) with their tally, and by file (its content and its site) what reading gave."""

    frames: "dict[str, DataFrame]"
    tallies: dict[str, Tally]
    readings: dict[FileKey, Reading]
    is_shared: bool
    """Whether some raw records gave rows of more than one table."""

    @property
    def errors(self) -> dict[FileKey, str]:
        """Why files could not be read."""
        return {k: r.error for k, r in self.readings.items() if r.error is not None}

    def release(self) -> None:
        """Frees the memory that the batch held."""
        for frame in self.frames.values():
            frame.unpersist()


@dataclass(frozen=True)
class Batch:
    """A batch under way. `prepare` needs no lock; `commit` must run under the lake's ingestion lock."""

    spark: "SparkSession"
    lake: Lake
    settings: Settings
    source: Source
    batch_id: str
    now: datetime
    progress: Callable[..., None]

    def prepare(self, files: Sequence[Found]) -> Prepared:
        """Reads and conforms the files and judges every row. A file that fails leaves no row."""
        from pyspark.sql import functions as F

        conformed: dict[str, list[DataFrame]] = {}
        raws: list[DataFrame] = []
        is_shared = False
        readings = new_readings(self.spark)
        groups: dict[tuple[str, str], list[Found]] = {}
        for f in files:
            if f.format:
                groups.setdefault((f.format.raw.name, f.site_id), []).append(f)
        for (name, site_id), group in groups.items():
            assert group[0].format is not None
            schema, site = group[0].format.raw, self.settings.site(site_id)
            keyed = self.settings.pseudonymiser
            raw = read_files(self.spark, group, schema, self.source.name, {site_id: site}, keyed, readings)
            raw = raw.withColumn("record", F.struct("problem", *(c.name for c in schema.columns)))
            by_table = self.source.conform[name](raw, site)
            if len(by_table) > 1:
                # Only then would the files be read once for each table.
                is_shared = True
                by_table = self.source.conform[name](raw.persist(), site)
                raws.append(raw)
            for table, frame in by_table.items():
                conformed.setdefault(table, []).append(self.judged(frame, TABLES[table]))
        frames = {table: reduce(union, parts).persist() for table, parts in conformed.items()}
        tallies: dict[str, Tally] = {}
        with watched(readings, len(files), self.progress):
            for table, frame in frames.items():
                tallies[table] = tally(frame, TABLES[table])
        for raw in raws:
            raw.unpersist()
        read = dict(readings.value)
        if failed := {k for k, r in read.items() if r.error is not None}:
            frames = {name: frame.join(self._keys(failed), FILE_KEY, "left_anti") for name, frame in frames.items()}
            tallies = {name: t.without(failed) for name, t in tallies.items()}
        return Prepared(frames, tallies, read, is_shared)

    def judged(self, frame: "DataFrame", table: Table) -> "DataFrame":
        from pyspark.sql import functions as F

        have = set(frame.columns)
        declared = [
            (F.col(c.name) if c.name in have else F.lit(None)).cast(c.type).alias(c.name)
            for c in table.conformed_columns
        ]
        judged = judge(frame.select(*declared, "format", "problem", "record"), table)
        # The record is kept where the row is rejected; a batch of a million good rows does not hold them twice.
        record = F.when(F.size(REASONS) > 0, F.to_json("record", RECORD_JSON))
        return judged.withColumn("record", record).withColumn("row_hash", row_hash(table))

    def commit(
        self, prepared: Prepared, files: Sequence[Found]
    ) -> tuple[dict[FileKey, Counts], dict[str, TableReport]]:
        """Appends what is new of `files` to the tables and their quarantines; returns counts by file and by table."""
        from pyspark.sql import functions as F

        keys = [f.key for f in files if f.key not in prepared.errors]
        dropped = prepared.readings.keys() - prepared.errors.keys() - set(keys)
        statuses: dict[str, DataFrame] = {}
        reports: dict[str, TableReport] = {}
        fates: dict[FileKey, Fates] = {}
        accepted: set[str] = set()
        # Files that were all refused leave nothing to compare or write.
        frames = prepared.frames if keys else {}
        for done, (name, judged) in enumerate(frames.items()):
            self.progress(f"writing {name}", done, len(prepared.frames), table=name)
            counted = prepared.tallies[name].without(dropped)
            if dropped:
                judged = judged.join(self._keys(dropped), FILE_KEY, "left_anti")  # noqa: PLW2901
            is_plain = counted.is_row_a_record(prepared.readings)
            statuses[name], reports[name], of_table = self.append(
                judged, counted, "files", is_plain=is_plain, keys=keys
            )
            fates |= of_table
            if any(f.rows_accepted for f in of_table.values()):
                accepted.add(name)
            added, refused = reports[name].rows_added, reports[name].rows_quarantined
            self.progress(f"wrote {name}", done + 1, len(prepared.frames), table=name, rows=added, quarantined=refused)
        # Rows that an interrupted attempt wrote count as well: what rests on them may not have been written.
        self.derive({t: f.filter(F.col(STATUS) == ACCEPTED) for t, f in statuses.items() if t in accepted}, reports)
        if prepared.is_shared:
            self.progress("counting")
            fates = fates_of(statuses.values())
        counts = {k: Counts(error=e) for k, e in prepared.errors.items()}
        for k in keys:
            f = fates.get(k, Fates())
            counts[k] = Counts(prepared.readings[k].records.n, f.accepted, f.quarantined, f.duplicates, f.warnings)
        return counts, {name: r for name, r in reports.items() if r.rows_added or r.rows_quarantined}

    def derive(self, touched: "dict[str, DataFrame]", reports: dict[str, TableReport]) -> "dict[str, DataFrame]":
        """Recomputes the derived tables that rest on the accepted rows `touched`; adds to `reports`; rows by table."""
        from pyspark.sql import functions as F

        statuses: dict[str, DataFrame] = {}
        for derived in self.source.derived:
            inputs = {t: touched[t] for t in derived.inputs if t in touched}
            if not inputs:
                continue
            self.progress(f"deriving {derived.table}")
            rows = derived.derive(inputs, self._current)
            plain = rows.withColumns({"format": F.lit(DERIVED), "problem": F.lit(None).cast("string")})
            judged = self.judged(plain.withColumn("record", F.struct(*rows.columns)), TABLES[derived.table]).persist()
            counted = tally(judged, TABLES[derived.table])
            statuses[derived.table], report, _ = self.append(judged, counted, "batch", is_plain=False)
            # An index and single objects in one batch both feed the series: neither count hides the other.
            reports[derived.table] = report.plus(reports.get(derived.table))
        return statuses

    def _keys(self, keys: Iterable[FileKey]) -> "DataFrame":
        from pyspark.sql import functions as F

        return F.broadcast(self.spark.createDataFrame(list(keys), "file_id string, site_id string"))

    def _current(self, name: str) -> "DataFrame":
        path = self.lake.silver(name)
        self.create(TABLES[name])
        return current(delta.read(self.spark, path), TABLES[name])

    def create(self, table: Table) -> None:
        comments = {c.name: c.description for c in table.all_columns}
        delta.create(self.lake, self.lake.silver(table.name), table.arrow_schema(), comments, table.description)

    def append(
        self,
        judged: "DataFrame",
        counted: Tally,
        own: "Own",
        *,
        is_plain: bool,
        keys: Sequence[FileKey] = (),
    ) -> "tuple[DataFrame, TableReport, dict[FileKey, Fates]]":
        """Appends what is new to the table and what is refused to its quarantine, in that order.

        own: which rows of the table are the batch's own already, of an earlier attempt, and neither compared with nor
        written again: those of its `files` (`keys`), those of its `records` with the same content, or those that bear
        the `batch`'s id (derived rows, which belong to no file of the batch).
        is_plain: each record is one row, so that counts of rows are counts of records.
        """
        from pyspark.sql import functions as F

        status, added, fates = self.add(judged, counted, own, is_plain=is_plain, keys=keys)
        rejected = sum(f.rows_quarantined for f in fates.values())
        table = counted.table
        if rejected:
            bad = status.filter(F.col(STATUS) == QUARANTINED).withColumns(self.stamps())
            quarantine_rows(self.spark, self.lake, bad, table.name, self.source.name, self.batch_id)
        return status, TableReport(delta.version(self.lake.silver(table.name)) or 0, added, rejected), fates

    def stamps(self) -> "dict[str, Column]":
        """The columns that tell when and by which batch a row was written."""
        from pyspark.sql import functions as F

        return {"batch_id": F.lit(self.batch_id), "ingested_at": F.lit(self.now)}

    def add(
        self, judged: "DataFrame", counted: Tally, own: "Own", *, is_plain: bool, keys: Sequence[FileKey] = ()
    ) -> "tuple[DataFrame, int, dict[FileKey, Fates]]":
        """`append` without the quarantine: rows with STATUS, rows added, fates by file."""
        from pyspark.sql import functions as F

        table = counted.table
        path = self.lake.silver(table.name)
        self.create(table)
        existing = mine = None
        before = delta.version(path) or 0
        if before > 0:
            existing = everything = delta.read(self.spark, path)
            if own == "batch":
                existing = everything.filter(F.col("batch_id") != self.batch_id)
                mine = everything.filter(F.col("batch_id") == self.batch_id).select(*ROW_KEY)
            elif own == "records":
                sent = judged.select(*ROW_KEY).distinct()
                existing = everything.join(sent, ROW_KEY, "left_anti")
                mine = everything.join(sent, ROW_KEY, "left_semi").select(*ROW_KEY)
            elif delta.has_rows_of(path, (file_id for file_id, _ in keys)):
                # An interrupted attempt wrote some of these already, perhaps as part of another batch.
                batch_files = self._keys(keys)
                existing = everything.join(batch_files, FILE_KEY, "left_anti")
                mine = everything.join(batch_files, FILE_KEY, "left_semi").select(*ROW_KEY)
        if existing is not None:
            existing = existing.filter(within(counted.reach(), table))
        classified = classify(judged, existing, table, self.now)
        status = classified.rows
        fates = fates_of([status]) if classified.compared or not is_plain else fates_by_gate(counted)
        added = sum(f.rows_accepted for f in fates.values())
        if added:
            rows = status.filter(F.col(STATUS) == ACCEPTED).withColumns(self.stamps())
            if mine is not None:
                rows = rows.join(mine, ROW_KEY, "left_anti")
                added = rows.count()
            rows = rows.select(*(c.name for c in table.all_columns))
            # The version before it, read under the lock, tells a second attempt with more to write from a repetition.
            delta.append(self.lake, rows, path, f"{self.batch_id}:{own}:{table.name}:{before}")
        return status, added, fates
