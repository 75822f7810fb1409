"""One batch on Spark: files to judged frames, and judged frames into the tables."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING

from infra import delta
from infra.lake import Lake
from infra.settings import Settings
from infra.table import Table
from infra.tables import TABLES
from ingestion.discovery import Found
from ingestion.format import Source
from ingestion.reading import FileKey, Reading, new_readings, read_files
from ingestion.report import TableReport
from ingestion.tally import FILE_KEY, Tally, tally, within
from ingestion.versions import ACCEPTED, QUARANTINED, STATUS, classify, current, row_hash
from quality.gate import REASONS, WARNINGS, judge
from quality.quarantine import quarantine_rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


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
                conformed.setdefault(table, []).append(self._judged(frame, TABLES[table]))
        frames = {table: reduce(_union, parts).persist() for table, parts in conformed.items()}
        tallies: dict[str, Tally] = {}
        for done, (table, frame) in enumerate(frames.items()):
            self.progress(f"reading and judging {table}", done, len(frames))
            tallies[table] = tally(frame, TABLES[table])
        for raw in raws:
            raw.unpersist()
        read = dict(readings.value)
        if failed := {k for k, r in read.items() if r.error is not None}:
            frames = {name: frame.join(self._keys(failed), FILE_KEY, "left_anti") for name, frame in frames.items()}
            tallies = {name: t.without(failed) for name, t in tallies.items()}
        return Prepared(frames, tallies, read, is_shared)

    def _judged(self, frame: "DataFrame", table: Table) -> "DataFrame":
        from pyspark.sql import functions as F

        have = set(frame.columns)
        declared = [
            (F.col(c.name) if c.name in have else F.lit(None)).cast(c.type).alias(c.name)
            for c in table.conformed_columns
        ]
        judged = judge(frame.select(*declared, "format", "problem", "record"), table)
        # The record is kept where the row is rejected; a batch of a million good rows does not hold them twice.
        record = F.when(F.size(REASONS) > 0, F.to_json("record"))
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
        # Files that were all refused leave nothing to compare or write.
        frames = prepared.frames if keys else {}
        for done, (name, judged) in enumerate(frames.items()):
            self.progress(f"writing {name}", done, len(prepared.frames))
            counted = prepared.tallies[name].without(dropped)
            if dropped:
                judged = judged.join(self._keys(dropped), FILE_KEY, "left_anti")  # noqa: PLW2901
            is_plain = counted.is_row_a_record(prepared.readings)
            statuses[name], reports[name], of_table = self._append(judged, counted, keys, is_plain)
            fates |= of_table
        for derived in self.source.derived:
            if any(reports[t].rows_added for t in derived.inputs if t in reports):
                self.progress(f"deriving {derived.table}")
                touched = {t: statuses[t].filter(F.col(STATUS) == ACCEPTED) for t in derived.inputs if t in statuses}
                rows = derived.derive(touched, self._current)
                plain = rows.withColumns({"format": F.lit("derived"), "problem": F.lit(None).cast("string")})
                judged = self._judged(plain.withColumn("record", F.struct(*rows.columns)), TABLES[derived.table])
                judged = judged.persist()
                _, report, _ = self._append(judged, tally(judged, TABLES[derived.table]), None, False)
                # An index and single objects in one batch both feed the series: neither count hides the other.
                reports[derived.table] = report.plus(reports.get(derived.table))
        if prepared.is_shared:
            self.progress("counting")
            fates = _fates(statuses.values())
        counts = {k: Counts(error=e) for k, e in prepared.errors.items()}
        for k in keys:
            f = fates.get(k, Fates())
            counts[k] = Counts(prepared.readings[k].records.n, f.accepted, f.quarantined, f.duplicates, f.warnings)
        return counts, {name: r for name, r in reports.items() if r.rows_added or r.rows_quarantined}

    def _keys(self, keys: Iterable[FileKey]) -> "DataFrame":
        from pyspark.sql import functions as F

        return F.broadcast(self.spark.createDataFrame(list(keys), "file_id string, site_id string"))

    def _current(self, name: str) -> "DataFrame":
        path = self.lake.silver(name)
        self._create(TABLES[name])
        return current(delta.read(self.spark, path), TABLES[name])

    def _create(self, table: Table) -> None:
        comments = {c.name: c.description for c in table.all_columns}
        delta.create(self.lake, self.lake.silver(table.name), table.arrow_schema(), comments, table.description)

    def _append(
        self, judged: "DataFrame", counted: Tally, keys: Sequence[FileKey] | None, is_plain: bool
    ) -> "tuple[DataFrame, TableReport, dict[FileKey, Fates]]":
        """keys: the batch's files; None for a derived table, whose rows belong to no file of the batch.

        is_plain: each record is one row, so that counts of rows are counts of records.
        """
        from pyspark.sql import functions as F

        table = counted.table
        path = self.lake.silver(table.name)
        self._create(table)
        existing = mine = None
        before = delta.version(path) or 0
        if before > 0:
            existing = everything = delta.read(self.spark, path)
            if keys is None:
                existing = everything.filter(F.col("batch_id") != self.batch_id)
            elif delta.has_rows_of(path, (file_id for file_id, _ in keys)):
                # An interrupted attempt wrote some of these already, perhaps as part of another batch.
                batch_files = self._keys(keys)
                existing = everything.join(batch_files, FILE_KEY, "left_anti")
                mine = everything.join(batch_files, FILE_KEY, "left_semi").select(*FILE_KEY, "file_row", "row_hash")
        if existing is not None:
            existing = existing.filter(within(counted.reach(), table))
        classified = classify(judged, existing, table, self.now)
        status = classified.rows
        fates = _fates([status]) if classified.compared or not is_plain else _fates_by_gate(counted)
        stamps = {"batch_id": F.lit(self.batch_id), "ingested_at": F.lit(self.now)}
        added = sum(f.rows_accepted for f in fates.values())
        if added:
            rows = status.filter(F.col(STATUS) == ACCEPTED).withColumns(stamps)
            if mine is not None:
                rows = rows.join(mine, [*FILE_KEY, "file_row", "row_hash"], "left_anti")
                added = rows.count()
            rows = rows.select(*(c.name for c in table.all_columns))
            # Direct and derived rows of one batch may go to the same table: the same name would drop the second.
            kind = "derived" if keys is None else "direct"
            # The version before it, read under the lock, tells a second attempt with more to write from a repetition.
            delta.append(self.lake, rows, path, f"{self.batch_id}:{kind}:{table.name}:{before}")
        rejected = sum(f.rows_quarantined for f in fates.values())
        if rejected:
            bad = status.filter(F.col(STATUS) == QUARANTINED).withColumns(stamps)
            quarantine_rows(self.spark, self.lake, bad, table.name, self.source.name, self.batch_id)
        return status, TableReport(delta.version(path) or 0, added, rejected), fates


@dataclass(frozen=True)
class Fates:
    """Of one file: records by the worst fate of any row that they gave rise to, warnings of kept rows, and rows."""

    accepted: int = 0
    quarantined: int = 0
    duplicates: int = 0
    warnings: int = 0
    rows_accepted: int = 0
    rows_quarantined: int = 0


def _fates_by_gate(counted: Tally) -> dict[FileKey, Fates]:
    """Where no key occurs twice and each record is one row, the gate's verdict is all there is."""
    return {
        k: Fates(f.records.n - f.refused, f.refused, 0, f.warnings, f.records.n - f.refused, f.refused)
        for k, f in counted.files.items()
    }


def _fates(statuses: "Iterable[DataFrame]") -> dict[FileKey, Fates]:
    """One action over all rows: by file, what became of its records."""
    from pyspark.sql import functions as F

    is_ = {fate: F.col(STATUS) == fate for fate in (ACCEPTED, QUARANTINED)}
    rank = F.when(is_[QUARANTINED], 2).when(is_[ACCEPTED], 1).otherwise(0)
    warned = F.when(is_[QUARANTINED], 0).otherwise(F.size(WARNINGS))
    parts = [s.select(*FILE_KEY, "file_row", STATUS, rank.alias("rank"), warned.alias("warned")) for s in statuses]
    if not parts:
        return {}
    records = (
        reduce(_union, parts)
        .groupBy(*FILE_KEY, "file_row")
        .agg(
            F.max("rank").alias("rank"),
            F.sum("warned").alias("warned"),
            *(F.count_if(is_[fate]).alias(f"rows_{fate}") for fate in is_),
        )
    )
    per_file = records.groupBy(*FILE_KEY).agg(
        *(F.count_if(F.col("rank") == r) for r in (1, 2, 0)),
        *(F.sum(name) for name in ("warned", f"rows_{ACCEPTED}", f"rows_{QUARANTINED}")),
    )
    return {(row[0], row[1]): Fates(*row[2:]) for row in per_file.collect()}


def _union(left: "DataFrame", right: "DataFrame") -> "DataFrame":
    return left.unionByName(right)
