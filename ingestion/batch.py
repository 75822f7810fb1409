"""One batch on Spark: files to staged rows, and staged rows into the tables."""

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from pyarrow.fs import FileType

from infra import delta
from infra.data_files import located
from infra.lake import Lake
from infra.settings import Settings, Site
from infra.table import Table
from infra.tables import TABLES
from ingestion.appending import DERIVED, ROW_KEY, Appending, Own
from ingestion.discovery import Found
from ingestion.fates import Fates, fates_of
from ingestion.format import RawSchema, Source
from ingestion.reading import FileKey, Reading, new_readings, read_files
from ingestion.report import TableReport
from ingestion.sink import Place
from ingestion.staging import RECORD_JSON, Staged, stage, stage_again, stage_files
from ingestion.tally import FILE_KEY, Tally, within
from ingestion.versions import ACCEPTED, ROW_HASH, STATUS, classify, current, row_hash
from ingestion.watching import watched
from quality.gate import REASONS, judge
from quality.validation import SAMPLE_ROWS, WHOLE_ROWS, Broken

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


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
    """Staged rows by table, and by file (its content and its site) what reading gave."""

    staged: dict[str, Staged]
    readings: dict[FileKey, Reading]
    is_shared: bool
    """Whether some raw records gave rows of more than one table."""

    @property
    def errors(self) -> dict[FileKey, str]:
        """Why files could not be read."""
        return {k: r.error for k, r in self.readings.items() if r.error is not None}

    def broken(self) -> dict[str, Broken]:
        """By table, the rows that break each check. Rows of files that could not be read to their end do not count."""
        return {name: s.tally.without(set(self.errors)).broken() for name, s in self.staged.items()}


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
    attempt: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    """Names the folders of this attempt: two at the same batch never write into each other's."""
    superseded: list[str] = field(default_factory=list)
    """Staged files whose rows were written anew: no commit names them."""

    def prepare(self, files: Sequence[Found]) -> Prepared:
        """Reads and conforms the files, judges every row and stages it: one pass over each table's rows."""
        from pyspark.sql import functions as F

        conformed: dict[str, list[DataFrame]] = {}
        raws: list[DataFrame] = []
        is_shared = False
        readings = new_readings(self.spark)
        groups: dict[tuple[str, str], list[Found]] = {}
        for f in files:
            if f.format:
                groups.setdefault((f.format.raw.name, f.site_id), []).append(f)
        keyed = self.settings.pseudonymiser
        direct: dict[RawSchema, list[tuple[Site, list[Found]]]] = {}
        for (name, site_id), group in groups.items():
            assert group[0].format is not None
            schema, site = group[0].format.raw, self.settings.site(site_id)
            if name in self.source.direct:
                direct.setdefault(schema, []).append((site, group))
                continue
            raw = read_files(self.spark, group, schema, self.source.name, {site_id: site}, keyed, readings)
            raw = raw.withColumn("record", F.struct("problem", *(c.name for c in schema.columns)))
            by_table = self.source.conform[name](raw, site)
            if len(by_table) > 1:
                # Only then would the files be read once for each table.
                is_shared = True
                by_table = self.source.conform[name](raw.persist(), site)
                raws.append(raw)
            for table, frame in by_table.items():
                conformed.setdefault(table, []).append(declared(frame, TABLES[table]))
        staged: dict[str, Staged] = {}
        with watched(readings, len(files), self.progress):
            for schema, parts_ in direct.items():
                table_ = TABLES[self.source.direct[schema.name].table]
                self.create(table_)
                staged[table_.name] = stage_files(
                    self.spark, parts_, self.source, schema, self.place(table_), keyed, readings
                )
            for table, parts in conformed.items():
                staged[table] = self.stage(parts, TABLES[table])
        for raw in raws:
            raw.unpersist()
        return Prepared(staged, dict(readings.value), is_shared)

    def stage(self, parts: "Sequence[DataFrame]", table: Table) -> Staged:
        """Judges the rows of all parts and writes them beside their table, where no reader sees them."""
        self.create(table)
        return stage(parts, table, self.place(table))

    def place(self, table: Table) -> Place:
        return Place(
            self.lake.silver(table.name),
            self.lake.quarantine(table.name),
            f"{self.lake.staging}/{self.attempt}/{table.name}",
            f"{self.batch_id}-{self.attempt}",
            self.source.name,
            self.batch_id,
            self.now,
        )

    def evidence(self, prepared: Prepared) -> "dict[str, DataFrame]":
        """By table, the rows for Great Expectations (see `Staged.evidence`)."""
        found = {}
        for name, s in prepared.staged.items():
            rows, failed = s.evidence(self.spark, WHOLE_ROWS, SAMPLE_ROWS), set(prepared.errors) & set(s.tally.files)
            found[name] = rows.join(self._keys(failed), FILE_KEY, "left_anti") if failed else rows
        return found

    def release(self) -> None:
        """Removes what only this attempt needed. What a killed one leaves, `oncolake maintain` removes."""
        filesystem, path = located(f"{self.lake.staging}/{self.attempt}")
        with delta.explaining(path):
            if filesystem.get_file_info(path).type != FileType.NotFound:
                filesystem.delete_dir(path)
            for file in self.superseded:
                filesystem.delete_file(located(file)[1])
        self.superseded.clear()

    def judged(self, frame: "DataFrame", table: Table) -> "DataFrame":
        """Rows that are not staged: records sent again. As `ingestion.staging.faults_schema` has them."""
        from pyspark.sql import functions as F

        judged = judge(declared(frame, table), table)
        # The record is kept where the row is rejected; a batch of a million good rows does not hold them twice.
        record = F.when(F.size(REASONS) > 0, F.to_json("record", RECORD_JSON))
        return judged.withColumn("record", record).withColumn("row_hash", row_hash(table))

    def commit(
        self, prepared: Prepared, files: Sequence[Found]
    ) -> tuple[dict[FileKey, Counts], dict[str, TableReport]]:
        """Commits what is new of `files` to the tables and their quarantines; returns counts by file and by table.

        A table that was fed, and got nothing new, is among them.
        """
        from pyspark.sql import functions as F

        keys = [f.key for f in files if f.key not in prepared.errors]
        formats = {f.key: f.format.name for f in files if f.format and f.key not in prepared.errors}
        unwanted = prepared.readings.keys() - set(keys)
        statuses: dict[str, DataFrame] = {}
        reports: dict[str, TableReport] = {}
        fates: dict[FileKey, Fates] = {}
        accepted: set[str] = set()
        # Files that were all refused, or that another process ingested meanwhile, leave nothing to compare or write.
        staged = prepared.staged if keys else {}
        if not keys:
            self.superseded.extend(path for s in prepared.staged.values() for path in s.paths())
        for done, (name, rows) in enumerate(staged.items()):
            self.progress(f"writing {name}", done, len(staged), table=name)
            is_plain = rows.tally.without(set(unwanted)).is_row_a_record(prepared.readings)
            statuses[name], reports[name], of_table = self.append(
                rows, "files", is_plain=is_plain, formats=formats, unwanted=unwanted
            )
            fates |= of_table
            if any(f.rows_accepted for f in of_table.values()):
                accepted.add(name)
            added, refused = reports[name].rows_added, reports[name].rows_quarantined
            self.progress(f"wrote {name}", done + 1, len(staged), table=name, rows=added, quarantined=refused)
        # Rows that an interrupted attempt wrote count as well: what rests on them may not have been written.
        self.derive({t: f.filter(F.col(STATUS) == ACCEPTED) for t, f in statuses.items() if t in accepted}, reports)
        if prepared.is_shared:
            self.progress("counting")
            fates = fates_of(statuses.values())
        counts = {k: Counts(error=e) for k, e in prepared.errors.items()}
        for k in keys:
            f = fates.get(k, Fates())
            counts[k] = Counts(prepared.readings[k].records.n, f.accepted, f.quarantined, f.duplicates, f.warnings)
        return counts, reports

    def derive(self, touched: "dict[str, DataFrame]", reports: dict[str, TableReport]) -> None:
        """Recomputes the derived tables that rest on the accepted rows `touched`; adds to `reports`."""
        from pyspark.sql import functions as F

        for derived in self.source.derived:
            inputs = {t: touched[t] for t in derived.inputs if t in touched}
            if not inputs:
                continue
            self.progress(f"deriving {derived.table}")
            rows = derived.derive(inputs, self._current)
            plain = rows.withColumns({"format": F.lit(DERIVED), "problem": F.lit(None).cast("string")})
            whole = declared(plain.withColumn("record", F.struct(*rows.columns)), TABLES[derived.table])
            _, report, _ = self.append(self.stage([whole], TABLES[derived.table]), "batch", is_plain=False)
            # An index and single objects in one batch both feed the series: neither count hides the other.
            reports[derived.table] = report.plus(reports.get(derived.table))

    def append(
        self,
        staged: Staged,
        own: "Own",
        *,
        is_plain: bool,
        formats: Mapping[FileKey, str] = MappingProxyType({}),
        unwanted: Collection[FileKey] = (),
    ) -> "tuple[DataFrame, TableReport, dict[FileKey, Fates]]":
        """Commits staged rows: what is new to the table, what is refused to its quarantine, in that order.

        own: which rows of the table are the batch's own already, of an earlier attempt, and neither compared with nor
        written again: those of its `files` (with their `formats`), or those that bear the `batch`'s id (derived rows,
        which belong to no file of the batch).
        unwanted: files whose staged rows are left out: they could not be read to their end, or another process
        ingested them meanwhile.
        is_plain: each record is one row, so that counts of rows are counts of records.
        """
        work = Appending(self, staged, own, formats, frozenset(unwanted) & staged.tally.files.keys())
        compared, added = work.to_table()
        rejected = work.to_quarantine(compared)
        report = TableReport(delta.version(self.lake.silver(staged.table.name)) or 0, added, rejected)
        status = work.status(compared)
        return status, report, work.fates(compared) if is_plain else fates_of([status])

    def stamps(self) -> "dict[str, Column]":
        """The columns that tell when and by which batch a row was written."""
        from pyspark.sql import functions as F

        return {"batch_id": F.lit(self.batch_id), "ingested_at": F.lit(self.now)}

    def add_records(self, judged: "DataFrame", counted: Tally) -> "tuple[DataFrame, int]":
        """Records that are sent again, already judged: appends what is new; returns rows with STATUS and rows added.

        Rows of the table with the same record and content are an earlier attempt's: they are not written again.
        """
        from pyspark.sql import functions as F

        table = counted.table
        path = self.lake.silver(table.name)
        self.create(table)
        existing = mine = None
        before = delta.version(path) or 0
        if before > 0:
            everything = delta.read(self.spark, path)
            sent = judged.select(*ROW_KEY).distinct()
            existing = everything.join(sent, ROW_KEY, "left_anti").filter(within(counted.reach(), table))
            mine = everything.join(sent, ROW_KEY, "left_semi").select(*ROW_KEY)
        status = classify(judged, existing, table, self.now)
        rows = status.filter(F.col(STATUS) == ACCEPTED)
        if mine is not None:
            rows = rows.join(mine, ROW_KEY, "left_anti")
        files = stage_again(rows, table, self.place(table))
        if files:
            delta.commit_files(self.lake, path, files, self.batch_id)
        return status, sum(f.rows for f in files)

    def _keys(self, keys: Iterable[FileKey]) -> "DataFrame":
        from pyspark.sql import functions as F

        return F.broadcast(self.spark.createDataFrame(list(keys), "file_id string, site_id string"))

    def _current(self, name: str) -> "DataFrame":
        path = self.lake.silver(name)
        self.create(TABLES[name])
        return current(delta.read(self.spark, path), TABLES[name])

    def create(self, table: Table) -> None:
        comments = {c.name: c.description for c in table.all_columns}
        path, definitions = self.lake.silver(table.name), {"row_hash": ROW_HASH}
        delta.create(self.lake, path, table.arrow_schema(), comments, table.description, definitions)


def declared(conformed: "DataFrame", table: Table) -> "DataFrame":
    """The conformed columns in their order and types, those that `conform` did not deliver null, and the record."""
    from pyspark.sql import functions as F

    have = set(conformed.columns)
    columns = [
        (F.col(c.name) if c.name in have else F.lit(None)).cast(c.type).alias(c.name) for c in table.conformed_columns
    ]
    return conformed.select(*columns, "format", "problem", "record")
