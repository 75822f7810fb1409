"""Delta tables: reads through Spark or without a JVM, appends that survive repetition and other writers."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import deltalake
import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, CommitProperties, Transaction

from infra import scan
from infra.data_files import DataFile
from infra.errors import MachineError
from infra.lake import Lake
from infra.locks import writing
from infra.storage import fault

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# delta-rs and Spark both read these features; deletion vectors would shut delta-rs out.
# The log is kept, because it is what makes the version readable that a training run names.
PROPERTIES = {"delta.enableDeletionVectors": "false", "delta.enableExpiredLogCleanup": "false"}

DEFINITION = "oncolake.definition"
UPKEEP = ("OPTIMIZE", "VACUUM", "SET TBLPROPERTIES", "ADD COLUMN")
"""Operations that leave the rows as they are."""


def exists(path: str) -> bool:
    """Whether a Delta table lies at `path`."""
    return bool(deltalake.DeltaTable.is_deltatable(path))


def version(path: str) -> int | None:
    """The table's newest version, or None where there is no table."""
    try:
        return int(deltalake.DeltaTable(path).version())
    except TableNotFoundError:
        return None


def create(
    lake: Lake,
    path: str,
    schema: pa.Schema,
    comments: dict[str, str],
    description: str,
    definitions: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Makes an empty table as version 0, unless one is there: that one gets the columns that it lacks.

    Comments go to the columns. Version 0 is thus never a data version: trackers that lose the number 0 lose nothing.
    definitions: by column, the name of the definition that its values follow, kept in the table's schema. Raises
    MachineError where a table that is there was written under another.
    """
    told: dict[str, dict[str, str]] = {name: {"comment": text} for name, text in comments.items()}
    for name, value in definitions.items():
        told.setdefault(name, {})[DEFINITION] = value
    fields = [f.with_metadata(told[f.name]) if f.name in told else f for f in schema]
    if exists(path):
        _same_definitions(path, definitions)
        _widen(lake, path, fields)
        return
    with writing(lake, path):
        deltalake.DeltaTable.create(
            path, pa.schema(fields), mode="ignore", description=description, configuration=dict(PROPERTIES)
        )


def _same_definitions(path: str, definitions: Mapping[str, str]) -> None:
    if not definitions:
        return
    kept = {f.name: f.metadata.get(DEFINITION) for f in deltalake.DeltaTable(path).schema().fields}
    for name, value in definitions.items():
        found = kept.get(name)
        if found != value:
            earlier = found or "of an earlier version"
            raise MachineError(
                f"Table {Path(path).name} of the lake at {path} was written with {name} {earlier}; expected {value}: "
                "build the lake anew from the landing folder."
            )


def _widen(lake: Lake, path: str, fields: Sequence[pa.Field]) -> None:
    """Adds the columns that a later declaration has and the table has not."""
    have = {f.name for f in deltalake.DeltaTable(path).schema().fields}
    if all(f.name in have for f in fields):
        return
    with writing(lake, path):
        table = deltalake.DeltaTable(path)
        have = {f.name for f in table.schema().fields}
        lacking = [f.with_nullable(True) for f in fields if f.name not in have]
        if lacking:
            table.alter.add_columns(list(deltalake.Schema.from_arrow(pa.schema(lacking)).fields))


def read(spark: "SparkSession", path: str, at_version: int | None = None) -> "DataFrame":
    """The table as a Spark frame, pinned to a version where one is given."""
    reader = spark.read.format("delta")
    if at_version is not None:
        reader = reader.option("versionAsOf", at_version)
    return reader.load(path)


def append(lake: Lake, frame: "DataFrame", path: str, transaction: str, metadata: str = "") -> int:
    """Appends a Spark frame once for each transaction name, and returns the table's version afterwards.

    The name is unique to the content: Delta drops a second append under the same one without a word, which is what
    makes a repeated batch harmless. Raises MachineError where the disk is full or the lake read-only.
    """
    writer = frame.write.format("delta").mode("append").option("mergeSchema", "true")
    writer = writer.option("txnAppId", transaction).option("txnVersion", 1)
    return _write(lake, path, writer, metadata)


def overwrite(lake: Lake, frame: "DataFrame", path: str, metadata: str = "") -> int:
    """Replaces a table's content (old versions stay readable) and returns the new version."""
    writer = frame.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
    return _write(lake, path, writer, metadata)


def _write(lake: Lake, path: str, writer: Any, metadata: str) -> int:
    if metadata:
        writer = writer.option("userMetadata", metadata)
    try:
        with writing(lake, path):
            writer.save(path)
            return version(path) or 0
    except Exception as error:
        raise _explained(error, path) from error


def commit_files(lake: Lake, path: str, files: Sequence[DataFile], transaction: str) -> int:
    """Names data files that lie below the table already in one commit, and returns the table's version afterwards.

    All of them become visible, or none. Raises MachineError where the disk is full or the lake read-only.
    """
    now = int(time.time() * 1000)
    adds = [AddAction(f.path, f.size_bytes, {}, now, True, f.stats) for f in files]
    try:
        with writing(lake, path):
            table = deltalake.DeltaTable(path)
            done = Transaction(transaction, table.version() + 1, now)
            properties = CommitProperties(app_transactions=[done])
            table.create_write_transaction(adds, "append", table.schema(), commit_properties=properties)
            return version(path) or 0
    except (OSError, DeltaError) as error:
        raise _explained(error, path) from error


def may_hold(path: str, ranges: Mapping[str, tuple[Any, Any]]) -> bool:
    """Whether any file of the table may hold a row with all columns in these ranges, by the statistics in the log.

    A null counts as in every range, and so does a file without statistics. Times are datetimes in UTC.
    """
    actions = pa.table(deltalake.DeltaTable(path).get_add_actions(flatten=True))
    possible = pa.array([True] * actions.num_rows)
    for name, (low, high) in ranges.items():
        columns = {f"{kind}.{name}" for kind in ("min", "max")}
        if not columns <= set(actions.column_names):
            continue
        lowest, highest = actions[f"min.{name}"], actions[f"max.{name}"]
        inside = pc.and_kleene(
            pc.less_equal(lowest, pa.scalar(high, lowest.type)), pc.greater_equal(highest, pa.scalar(low, lowest.type))
        )
        # Unknown statistics, or some nulls: it may.
        nulls = actions[f"null_count.{name}"]
        inside = pc.or_kleene(pc.fill_null(inside, True), pc.fill_null(pc.greater(nulls, 0), True))
        possible = pc.and_(possible, inside)
    return bool(pc.any(possible, min_count=0).as_py())


def has_rows_within(path: str, ranges: Mapping[str, tuple[Any, Any]]) -> bool:
    """Whether the table has a row with all columns in these ranges; as for `may_hold`, null is in every one.

    Reads the columns, without a JVM, where the statistics of files and of their parts leave it open, up to the first.
    """
    if not may_hold(path, ranges):
        return False
    rows = scan.dataset(path)
    inside = pc.scalar(True)
    for name, (low, high) in ranges.items():
        column, type_ = pc.field(name), rows.schema.field(name).type
        is_between = (column >= pa.scalar(low, type_)) & (column <= pa.scalar(high, type_))
        inside &= is_between | column.is_null()
    return bool(rows.head(1, columns=[], filter=inside, batch_readahead=2, fragment_readahead=1).num_rows)


def has_rows_with(path: str, column: str, values: Iterable[str]) -> bool:
    """Whether a table holds any row with one of these texts in `column`. Reads that column, without a JVM.

    The column stays as Parquet stores it, a dictionary and numbers into it, and the dictionary alone is searched: in a
    table of 20 million rows that takes a tenth of a second rather than two.
    """
    import pyarrow.dataset as ds

    if (version(path) or 0) == 0:
        return False
    wanted = pa.array(list(values), pa.string())
    options = ds.ParquetReadOptions(dictionary_columns={column})
    rows = scan.dataset(path, options)
    # Only data files whose statistics do not rule them out.
    for data_file in rows.get_fragments(filter=pc.field(column).isin(wanted)):
        for batch in data_file.to_batches(columns=[column], schema=data_file.physical_schema):
            if pc.any(pc.is_in(batch.column(0).dictionary, wanted)).as_py():
                return True
    return False


def append_arrow(lake: Lake, table: pa.Table, path: str) -> int:
    """Appends an Arrow table without a JVM and returns the version afterwards. For small tables such as the ledger."""
    try:
        with writing(lake, path):
            deltalake.write_deltalake(path, table, mode="append", configuration=dict(PROPERTIES))
            return version(path) or 0
    except OSError as error:
        raise _explained(error, path) from error


def commit_metadata(path: str, at_version: int | None = None) -> str:
    """The `metadata` text of the newest commit that changed the content (up to a version), or '' where none did."""
    if not exists(path):
        return ""
    return str(_newest_content(deltalake.DeltaTable(path), at_version).get("userMetadata") or "")


def content_version(path: str, at_version: int | None = None) -> int | None:
    """The version that gave a table the content that it has (at a version, or now); None where there is no table.

    Compaction, clustering and clean-up make versions of their own with the same rows.
    """
    try:
        table = deltalake.DeltaTable(path)
    except TableNotFoundError:
        return None
    return int(_newest_content(table, at_version).get("version", 0))


def _newest_content(table: deltalake.DeltaTable, at_version: int | None = None) -> dict[str, Any]:
    # Care follows a batch at most a few times; only a table that was left alone since needs the whole history. It is
    # asked of the newest version: of an older one, delta-rs tells the newest commits under that one's numbers.
    for limit in (8, None):
        for commit in table.history(limit):
            is_later = at_version is not None and commit["version"] > at_version
            # delta-rs calls its commits as Spark does.
            if not is_later and not str(commit.get("operation", "")).startswith(UPKEEP):
                return dict(commit)
    return {}


@contextmanager
def explaining(path: str) -> Iterator[None]:
    """Turns errors of a full or read-only disk, raised while a table is written, into a MachineError."""
    try:
        yield
    except (OSError, DeltaError) as error:
        raise _explained(error, path) from error


def _explained(error: Exception, path: str) -> Exception:
    """A MachineError for a full or read-only disk; any other error as it is."""
    return fault(error, f"Table {Path(path).name} of the lake at {path}") or error
