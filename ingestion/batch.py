"""One batch on Spark: files to judged frames, and judged frames into the tables."""

from collections.abc import Callable, Sequence
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
from ingestion.reading import read_files
from ingestion.report import TableReport
from ingestion.versions import ACCEPTED, DUPLICATE, QUARANTINED, STATUS, classify, current, row_hash
from quality.gate import REASONS, WARNINGS, judge
from quality.quarantine import quarantine_rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


FileKey = tuple[str, str]
"""(file_id, site_id): two sites may deliver the same content, such as a gene panel."""
FILE_KEY = ["file_id", "site_id"]


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
    """Judged rows by table (persisted), and by file (its content and its site) what its reading gave."""

    frames: "dict[str, DataFrame]"
    rows_in: dict[FileKey, int]
    errors: dict[FileKey, str]

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

        rows_in: dict[FileKey, int] = {}
        errors: dict[FileKey, str] = {}
        conformed: dict[str, list[DataFrame]] = {}
        persisted: list[DataFrame] = []
        schemas = {f.format.raw.name: f.format.raw for f in files if f.format}
        for done, (name, raw_schema) in enumerate(schemas.items()):
            self.progress(f"reading {name}", done, len(schemas))
            group = [f for f in files if f.format and f.format.raw.name == name]
            sites = {f.site_id: self.settings.site(f.site_id) for f in group}
            raw = read_files(self.spark, group, raw_schema, self.source.name, sites, self.settings.pseudonymiser)
            raw = raw.persist()
            persisted.append(raw)
            per_file = raw.groupBy(*FILE_KEY).agg(F.count_if(F.col("file_row") >= 0), F.max("error"))
            for file_id, site_id, n, error in per_file.collect():
                if error is None:
                    rows_in[file_id, site_id] = n
                else:
                    errors[file_id, site_id] = error
            record = F.struct("problem", *(c.name for c in raw_schema.columns))
            readable = raw.filter(F.col("error").isNull()).withColumn("record", record)
            if failed := [f.key for f in group if f.key in errors]:
                readable = readable.join(self._keys(failed), FILE_KEY, "left_anti")
            for site_id, site in sites.items():
                of_site = readable.filter(F.col("site_id") == site_id) if len(sites) > 1 else readable
                for table, frame in self.source.conform[name](of_site, site).items():
                    conformed.setdefault(table, []).append(self._judged(frame, TABLES[table]))
        frames = {table: reduce(_union, parts).persist() for table, parts in conformed.items()}
        for done, frame in enumerate(frames.values()):
            self.progress("judging rows", done, len(frames))
            frame.count()
        for raw in persisted:
            raw.unpersist()
        return Prepared(frames, rows_in, errors)

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

    def commit(self, prepared: Prepared, files: Sequence[Found]) -> tuple[dict[FileKey, Counts], dict[str, TableReport]]:
        """Appends what is new of `files` to the tables and their quarantines; returns counts by file and by table."""
        from pyspark.sql import functions as F

        keys = [f.key for f in files if f.key not in prepared.errors]
        batch_files = self._keys(keys)
        statuses: dict[str, DataFrame] = {}
        reports: dict[str, TableReport] = {}
        for done, (name, frame) in enumerate(prepared.frames.items()):
            self.progress(f"writing {name}", done, len(prepared.frames))
            judged = frame.join(batch_files, FILE_KEY, "left_semi")
            statuses[name], reports[name] = self._append(judged, TABLES[name], batch_files)
        for derived in self.source.derived:
            if any(reports[t].rows_added for t in derived.inputs if t in reports):
                self.progress(f"deriving {derived.table}")
                touched = {t: statuses[t].filter(F.col(STATUS) == ACCEPTED) for t in derived.inputs if t in statuses}
                rows = derived.derive(touched, self._current)
                plain = rows.withColumns({"format": F.lit("derived"), "problem": F.lit(None).cast("string")})
                judged = self._judged(plain.withColumn("record", F.struct(*rows.columns)), TABLES[derived.table])
                _, report = self._append(judged.persist(), TABLES[derived.table], None)
                if report.rows_added or report.rows_quarantined:
                    reports[derived.table] = report
        self.progress("counting")
        counts = self._counts(statuses, prepared, keys)
        return counts, {name: r for name, r in reports.items() if r.rows_added or r.rows_quarantined}

    def _keys(self, keys: Sequence[FileKey]) -> "DataFrame":
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
        self, judged: "DataFrame", table: Table, batch_files: "DataFrame | None"
    ) -> "tuple[DataFrame, TableReport]":
        """batch_files: ids of the batch's files; None for a derived table, whose rows belong to no file of the batch."""
        from pyspark.sql import functions as F

        path = self.lake.silver(table.name)
        self._create(table)
        existing = mine = None
        if (delta.version(path) or 0) > 0:
            everything = delta.read(self.spark, path)
            if batch_files is None:
                existing = everything.filter(F.col("batch_id") != self.batch_id)
            else:
                existing = everything.join(batch_files, FILE_KEY, "left_anti")
                mine = everything.join(batch_files, FILE_KEY, "left_semi").select(*FILE_KEY, "file_row", "row_hash")
        status = classify(judged, existing, table, self.now)
        by_status = {row[STATUS]: row["count"] for row in status.groupBy(STATUS).count().collect()}
        stamps = {"batch_id": F.lit(self.batch_id), "ingested_at": F.lit(self.now)}
        added = by_status.get(ACCEPTED, 0)
        if added:
            rows = status.filter(F.col(STATUS) == ACCEPTED).withColumns(stamps)
            if mine is not None and not mine.isEmpty():
                # An interrupted attempt wrote some of these already, perhaps as part of another batch.
                rows = rows.join(mine, [*FILE_KEY, "file_row", "row_hash"], "left_anti")
            rows = rows.select(*(c.name for c in table.all_columns))
            delta.append(self.lake, rows, path, f"{self.batch_id}:{table.name}")
        rejected = by_status.get(QUARANTINED, 0)
        if rejected:
            bad = status.filter(F.col(STATUS) == QUARANTINED).withColumns(stamps)
            quarantine_rows(self.spark, self.lake, bad, table.name, self.source.name, self.batch_id)
        return status, TableReport(delta.version(path) or 0, added, rejected)

    def _counts(
        self, statuses: "dict[str, DataFrame]", prepared: Prepared, keys: Sequence[FileKey]
    ) -> dict[FileKey, Counts]:
        """By file, its records by what became of them: the worst fate of any row that a record gave rise to."""
        from pyspark.sql import functions as F

        counts = {k: Counts(error=e) for k, e in prepared.errors.items()}
        counts |= {k: Counts(rows_in=prepared.rows_in.get(k, 0)) for k in keys}
        if not statuses:
            return counts
        rank = F.when(F.col(STATUS) == QUARANTINED, 2).when(F.col(STATUS) == ACCEPTED, 1).otherwise(0)
        parts = [s.select(*FILE_KEY, "file_row", rank.alias("rank"), F.size(WARNINGS).alias("warned"))
                 for s in statuses.values()]
        records = reduce(lambda a, b: a.unionByName(b), parts).groupBy(*FILE_KEY, "file_row")
        per_record = records.agg(F.max("rank").alias("rank"), F.sum("warned").alias("warned"))
        fates = {QUARANTINED: 2, ACCEPTED: 1, DUPLICATE: 0}
        per_file = per_record.groupBy(*FILE_KEY).agg(
            *(F.count_if(F.col("rank") == r).alias(fate) for fate, r in fates.items()),
            F.sum(F.when(F.col("rank") < 2, F.col("warned")).otherwise(0)).alias("warned"),
        )
        for row in per_file.collect():
            key = (row["file_id"], row["site_id"])
            counts[key] = Counts(
                prepared.rows_in.get(key, 0), row[ACCEPTED], row[QUARANTINED], row[DUPLICATE], row["warned"]
            )
        return counts


def _union(left: "DataFrame", right: "DataFrame") -> "DataFrame":
    return left.unionByName(right)



