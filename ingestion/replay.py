"""Sends quarantined records through the pipeline again, after a check, a mapping or a reader was changed.

A record goes through whole, as it was kept: conformed, judged and compared with the tables like a new one. What passes
moves to its table, what is still refused stays with the reasons of today, and `quarantine_moves` keeps where each moved
row came from and why it was held. The steps are ordered so that a replay which is killed is completed by the next one:
rows to the tables, moves, the ledger's new counts, and last the quarantine without what moved.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import reduce
from typing import TYPE_CHECKING

from infra import delta
from infra.lake import Lake
from infra.locks import writing
from infra.settings import Settings
from infra.tables import TABLES
from ingestion import moves
from ingestion.appending import DERIVED
from ingestion.batch import Batch
from ingestion.discovery import Delivery, Found, discover
from ingestion.fates import fates_of, union
from ingestion.format import RawSchema, Source
from ingestion.pipeline import Progress, silent
from ingestion.reading import FileKey, new_readings, read_files
from ingestion.registry import SOURCES
from ingestion.report import TableReport
from ingestion.staging import RECORD_JSON
from ingestion.tally import FILE_KEY, Tally, tally
from ingestion.versions import ACCEPTED, QUARANTINED, STATUS
from quality.gate import CONTRADICTION
from quality.quarantine import Held, held_by_format, held_rows, replace_rows
from quality.validation import validate

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

RECORD_KEY = [*FILE_KEY, "file_row"]


@dataclass(frozen=True)
class FileReplay:
    """Records of one file that were sent again, and what became of them. sent = accepted + duplicates + held."""

    file_id: str
    site_id: str
    source: str
    sent: int
    accepted: int
    duplicates: int
    held: int


@dataclass(frozen=True)
class ReplayReport:
    """One replay. left: quarantined rows that were not sent, by the reason why not."""

    replay_id: str
    files: tuple[FileReplay, ...] = ()
    tables: dict[str, TableReport] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def replay(
    lake: Lake,
    settings: Settings,
    session: "Callable[[], SparkSession]",
    sources: Iterable[str] = tuple(SOURCES),
    originals: Sequence[Delivery] = (),
    progress: Progress = silent,
) -> ReplayReport:
    """Sends what is in quarantine through again.

    originals: where the delivered files still lie. Records of these are read again from the file rather than taken as
    they were kept; that is what a changed *reader* needs, and what contradictions need, of which only the conformed
    row was kept. Other changes need no file. A lake with an empty quarantine is answered without a session.
    """
    now = datetime.now(UTC)
    replay_id = hashlib.sha256(f"{lake.root} {now.isoformat()}".encode()).hexdigest()[:16]
    files: list[FileReplay] = []
    tables: dict[str, TableReport] = {}
    left: dict[str, int] = {}
    with writing(lake, "ingest"):
        for name in sources:
            held = held_by_format(lake, name)
            if not held:
                continue
            found = discover(SOURCES[name], originals) if originals else []
            work = Replay(Batch(session(), lake, settings, SOURCES[name], replay_id, now, progress), held, found)
            files += work.run(tables)
            for reason, n in work.left().items():
                left[reason] = left.get(reason, 0) + n
    return ReplayReport(replay_id, tuple(files), tables, {k: n for k, n in left.items() if n})


@dataclass(frozen=True)
class Replay:
    """The replay of one source."""

    batch: Batch
    held: Sequence[Held]
    found: Sequence[Found]

    @property
    def source(self) -> Source:
        return self.batch.source

    def run(self, tables: dict[str, TableReport]) -> list[FileReplay]:
        """All steps; adds to `tables` what it wrote."""
        from pyspark.sql import functions as F

        raws = [raw.persist() for raw in self._raws()]
        if not raws:
            return []
        sent = reduce(union, (raw.select(*RECORD_KEY) for raw in raws)).distinct().localCheckpoint()
        statuses: dict[str, DataFrame] = {}
        tallies: dict[str, Tally] = {}
        frames = self._judged(raws)
        for done, (name, judged) in enumerate(frames.items()):
            self.batch.progress(f"replaying {name}", done, len(frames))
            tallies[name] = tally(judged, TABLES[name])
            status, added = self.batch.add_records(judged, tallies[name])
            statuses[name] = status
            tables[name] = TableReport(delta.version(self.batch.lake.silver(name)) or 0, added)
        touched = {name: frame.filter(F.col(STATUS) == ACCEPTED) for name, frame in statuses.items()}
        self.batch.derive({name: f for name, f in touched.items() if not f.isEmpty()}, tables)
        validate(
            frames, {n: t.broken() for n, t in tallies.items()}, self.batch.lake, self.source.name, self.batch.batch_id
        )
        fates = fates_of(statuses.values())
        outcomes = moves.outcomes(statuses.values())
        for name in sorted({h.table for h in self.held} | set(statuses)):
            self._record_moves(name, statuses.get(name), sent, outcomes)
        moves.account(self.batch.lake, self.source.name, list(fates), self.batch.batch_id)
        for name in sorted({h.table for h in self.held} | set(statuses)):
            refused = statuses[name].filter(F.col(STATUS) == QUARANTINED) if name in statuses else None
            replace_rows(self.batch.spark, self.batch.lake, name, sent, self._stamped(refused), self.source.name)
        for frame in raws:
            frame.unpersist()
        return [
            FileReplay(
                file_id, site_id, self.source.name, f.accepted + f.duplicates + f.quarantined, f.accepted,
                f.duplicates, f.quarantined,
            )
            for (file_id, site_id), f in sorted(fates.items())
        ]  # fmt: skip

    def left(self) -> dict[str, int]:
        """Rows that are not sent, by the reason why not."""
        known = {f.name for f in self.source.formats}
        read_again = {f.key for f in self._originals()}
        unsent: dict[str, int] = {}
        for h in self.held:
            if h.format == DERIVED:
                reason = "computed from other tables: they come again with the rows that they rest on"
            elif h.format not in known:
                reason = "of a format that there is no more"
            elif h.is_contradiction and (h.file_id, h.site_id) not in read_again:
                reason = "contradicting records: give the delivered file with --from, or have the site correct it"
            else:
                continue
            unsent[reason] = unsent.get(reason, 0) + h.rows
        return unsent

    def _originals(self) -> list[Found]:
        wanted = {(h.file_id, h.site_id) for h in self.held}
        return list({f.key: f for f in self.found if f.reason is None and f.key in wanted}.values())

    def _raws(self) -> "list[DataFrame]":
        """Raw records to send, a frame for each raw schema and site."""
        from pyspark.sql import functions as F

        schemas = {f.name: f.raw for f in self.source.formats}
        originals = self._originals()
        read_again = {f.key for f in originals}
        kept: dict[tuple[str, str], set[str]] = {}
        for h in self.held:
            if h.format in schemas and not h.is_contradiction and (h.file_id, h.site_id) not in read_again:
                kept.setdefault((schemas[h.format].name, h.site_id), set()).add(h.format)
        by_name = {raw.name: raw for raw in schemas.values()}
        tables = sorted({h.table for h in self.held})
        raws = []
        for (schema, site_id), formats in kept.items():
            rows = reduce(union, (held_rows(self.batch.spark, self.batch.lake, t, self.source.name) for t in tables))
            rows = rows.filter((F.col("site_id") == site_id) & F.col("format").isin(*formats))
            rows = rows.filter(~F.array_contains("reasons", CONTRADICTION))
            rows = _without(self.batch.spark, rows, read_again).dropDuplicates(RECORD_KEY)
            raws.append(_as_kept(rows, by_name[schema]))
        groups: dict[tuple[str, str], list[Found]] = {}
        for f in originals:
            assert f.format is not None
            groups.setdefault((f.format.raw.name, f.site_id), []).append(f)
        for (schema, site_id), group in groups.items():
            raws.append(self._read(group, by_name[schema], site_id, tables))
        return raws

    def _read(self, files: Sequence[Found], schema: RawSchema, site_id: str, tables: Sequence[str]) -> "DataFrame":
        """The held records of these files, as the reader of today gives them."""
        from pyspark.sql import functions as F

        settings, spark, name = self.batch.settings, self.batch.spark, self.source.name
        sites, keyed = {site_id: settings.site(site_id)}, settings.pseudonymiser
        raw = read_files(spark, files, schema, name, sites, keyed, new_readings(spark))
        raw = raw.withColumn("record", F.struct("problem", *(c.name for c in schema.columns)))
        held = reduce(union, (held_rows(spark, self.batch.lake, t, name).select(*RECORD_KEY) for t in tables))
        return raw.join(held.distinct(), RECORD_KEY, "left_semi")

    def _judged(self, raws: "Sequence[DataFrame]") -> "dict[str, DataFrame]":
        conformed: dict[str, list[DataFrame]] = {}
        schemas = {frozenset(f.raw.arrow.names): f.raw.name for f in self.source.formats}
        for raw in raws:
            name = schemas[frozenset(set(raw.columns) - {"record", "file_id", "site_id", "format"})]
            sites = [row[0] for row in raw.select("site_id").distinct().collect()]
            for site_id in sites:
                of_site = raw.filter(raw["site_id"] == site_id)
                for table, frame in self.source.conform[name](of_site, self.batch.settings.site(site_id)).items():
                    conformed.setdefault(table, []).append(self.batch.judged(frame, TABLES[table]))
        # Cut off from their plans, and computed once: the quarantine that they come from is about to change.
        return {table: reduce(union, parts).localCheckpoint() for table, parts in conformed.items()}

    def _record_moves(self, name: str, status: "DataFrame | None", sent: "DataFrame", outcomes: "DataFrame") -> None:
        from pyspark.sql import functions as F

        if not delta.exists(self.batch.lake.quarantine(name)):
            return
        was_held = held_rows(self.batch.spark, self.batch.lake, name, self.source.name)
        was_held = was_held.filter(F.col("format") != DERIVED).join(sent, RECORD_KEY, "left_semi")
        if status is not None:
            still = status.filter(F.col(STATUS) == QUARANTINED).select(*RECORD_KEY, "row_hash").distinct()
            was_held = was_held.join(still, [*RECORD_KEY, "row_hash"], "left_anti")
        moves.record(self.batch.spark, self.batch.lake, name, was_held.join(outcomes, RECORD_KEY), self.batch.stamps())

    def _stamped(self, refused: "DataFrame | None") -> "DataFrame | None":
        return refused.withColumns(self.batch.stamps()) if refused is not None else None


def _as_kept(rows: "DataFrame", schema: RawSchema) -> "DataFrame":
    """Quarantined rows as the raw records that they were. A column that is new since is null."""
    from pyspark.sql import functions as F
    from pyspark.sql.pandas.types import from_arrow_schema
    from pyspark.sql.types import StructType

    fields = from_arrow_schema(schema.arrow)
    record = StructType([fields["problem"], *(fields[c.name] for c in schema.columns)])
    rows = rows.withColumn("record", F.from_json("record", record, RECORD_JSON))
    return rows.select(*FILE_KEY, "format", "file_row", "record.*", "record")


def _without(spark: "SparkSession", rows: "DataFrame", keys: set[FileKey]) -> "DataFrame":
    if not keys:
        return rows
    return rows.join(spark.createDataFrame(list(keys), "file_id string, site_id string"), FILE_KEY, "left_anti")


__all__ = ["FileReplay", "ReplayReport", "replay"]
