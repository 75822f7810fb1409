"""Rows of Delta tables as Arrow, without a JVM: the one way in which they are read outside Spark.

Files of a lake on a local disk are read by Arrow itself. delta-rs would have Arrow call back into Python for each of
them, which is slower, and aborts the process where a thread of Arrow lets go of a file after Python has ended.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import deltalake
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import fs

if TYPE_CHECKING:
    # Imports pandas, which takes a second of a start.
    import pyarrow.dataset as ds


def dataset(table: str | deltalake.DeltaTable, options: "ds.ParquetReadOptions | None" = None) -> "ds.Dataset":
    """A table, or a version of one, as an Arrow dataset: files that a filter rules out by statistics are not read.

    table: a path or URI (its newest version), or an opened table. Raises TableNotFoundError where there is none.
    """
    opened = deltalake.DeltaTable(table) if isinstance(table, str) else table
    return opened.to_pyarrow_dataset(filesystem=_local_files(opened.table_uri), parquet_read_options=options)


def rows(
    table: str | deltalake.DeltaTable, columns: Sequence[str] | None = None, where: pc.Expression | None = None
) -> pa.Table:
    """Some columns (default: all) of the rows that meet `where`. Raises TableNotFoundError where there is no table."""
    return dataset(table).to_table(columns=None if columns is None else list(dict.fromkeys(columns)), filter=where)


def _local_files(uri: str) -> Any:
    """The folder of a table on a local disk as Arrow's own filesystem; None for an object store."""
    if "://" in uri and not uri.startswith("file://"):
        return None
    files, folder = fs.FileSystem.from_uri(uri) if "://" in uri else (fs.LocalFileSystem(), uri)
    return fs.SubTreeFileSystem(folder.rstrip("/"), files)
