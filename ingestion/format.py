"""What a source declares: its formats, the raw records that their readers yield, and how these are conformed.

A reader is a plain function from one file to Arrow record batches. It knows neither Spark nor the lake, so it
can be run, tested and fuzzed alone; the pipeline runs it over many files with `mapInArrow`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import pyarrow as pa

from infra.settings import Site
from ingestion.text import decode, is_binary

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

HEAD_BYTES = 65_536

Role = Literal["plain", "identifier", "uid"]
"""identifier: pseudonymised with the site before it leaves the reading worker. uid: re-hashed into 2.25 form."""


@dataclass(frozen=True)
class RawColumn:
    """One column of raw records. Readers write identifiers as they stand; the reading edge pseudonymises them."""

    name: str
    type: pa.DataType = field(default_factory=pa.string)
    role: Role = "plain"


@dataclass(frozen=True)
class RawSchema:
    """The raw records that one or more formats of a source yield.

    Each batch has the columns below and, before them, `file_row` (int64: number of the record in its file, from 0)
    and `problem` (string: what is wrong with this one record, in words without its values; null: nothing).
    A record with a problem is quarantined and the rest of the file goes on; a reader that can make nothing of the
    file raises `infra.errors.FileError` instead.
    """

    name: str
    columns: tuple[RawColumn, ...]

    @cached_property
    def arrow(self) -> pa.Schema:
        fields = [pa.field("file_row", pa.int64()), pa.field("problem", pa.string())]
        return pa.schema(fields + [pa.field(c.name, c.type) for c in self.columns])

    @cached_property
    def _types(self) -> dict[str, pa.DataType]:
        """Asked for each file: a look at an Arrow schema makes objects."""
        return {f.name: f.type for f in self.arrow}

    def record(self, file_row: int, values: Mapping[str, object]) -> pa.RecordBatch:
        """One record by column name, in one step: for files that hold one each. Raises KeyError as `batch` does."""
        if unknown := values.keys() - self._types.keys():
            raise KeyError(f"raw schema {self.name} has no column {sorted(unknown)}")
        row = pa.array([{**values, "file_row": file_row}], self._struct)
        return pa.RecordBatch.from_arrays(row.flatten(), schema=self.arrow)

    @cached_property
    def _struct(self) -> pa.StructType:
        return pa.struct(list(self.arrow))

    def batch(self, **columns: object) -> pa.RecordBatch:
        """A record batch from whole columns (arrays or lists) by name; columns not given are null.

        `file_row` is required. Raises KeyError on a column that the schema does not have.
        """
        if unknown := columns.keys() - self._types.keys():
            raise KeyError(f"raw schema {self.name} has no column {sorted(unknown)}")
        n = len(columns["file_row"])  # type: ignore[arg-type]
        arrays = []
        for name, type_ in self._types.items():
            values = columns.get(name)
            if values is None:
                arrays.append(pa.nulls(n, type_))
            elif isinstance(values, pa.ChunkedArray):
                arrays.append(values.cast(type_).combine_chunks())
            elif isinstance(values, pa.Array):
                arrays.append(values.cast(type_))
            else:
                arrays.append(pa.array(values, type_))
        return pa.RecordBatch.from_arrays(arrays, schema=self.arrow)


class RawFile:
    """One file to read, with the files that belong to it (a WFDB header's signal file)."""

    def __init__(
        self,
        name: str,
        content: bytes | None = None,
        path: Path | None = None,
        companions: Mapping[str, Path] | None = None,
    ) -> None:
        if content is None and path is None:
            raise ValueError("a RawFile needs its content or its path")
        self.name = name
        self.path = path
        self.companions = dict(companions or {})
        self._content = content

    @classmethod
    def at(cls, path: Path, companions: Mapping[str, Path] | None = None) -> "RawFile":
        return cls(path.name, path=path, companions=companions)

    @cached_property
    def content(self) -> bytes:
        """The whole file."""
        if self._content is not None:
            return self._content
        assert self.path is not None
        return self.path.read_bytes()

    @cached_property
    def text(self) -> str:
        """The whole file as text, whatever its encoding and line ends (see `ingestion.text.decode`)."""
        return decode(self.content)

    def open(self) -> BinaryIO:
        """The file as a binary stream, for readers that need not have all of it in memory."""
        if self._content is not None:
            return BytesIO(self._content)
        assert self.path is not None
        return self.path.open("rb")


class Probe:
    """What a format may look at to recognise a file: the name, the size, the first 64 KiB, the path if need be."""

    def __init__(self, name: str, head: bytes, size: int, path: Path | None = None) -> None:
        self.name = name
        self.head = head
        self.size = size
        self.path = path

    @classmethod
    def at(cls, path: Path) -> "Probe":
        with path.open("rb") as stream:
            return cls(path.name, stream.read(HEAD_BYTES), path.stat().st_size, path)

    @classmethod
    def of(cls, name: str, content: bytes) -> "Probe":
        return cls(name, content[:HEAD_BYTES], len(content))

    @cached_property
    def is_binary(self) -> bool:
        return is_binary(self.head)

    @cached_property
    def text(self) -> str:
        """The head as text; empty for a binary file."""
        return "" if self.is_binary else decode(self.head)

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the head, blank ones included. The last may be cut."""
        return self.text.split("\n")


@dataclass(frozen=True)
class Mappable:
    """What a table that a site declares (`infra.sites.TableMap`) may and must fill of a format.

    fields: columns that it may fill. needed: those that it must.
    honours: which of `needs`, `units` and `redcap` the format's reader follows.
    """

    fields: tuple[str, ...]
    needed: tuple[str, ...] = ()
    honours: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """One file format: how it is recognised from its content, and its reader.

    looked_for: what `recognise` wants to see, for the sentence that refuses an unknown file.
    companions: further files that belong to one of this format (they are hashed and read with it).
    declared: recognises what a site's declaration describes (`ingestion.site_tables`); asked before `recognise`.
    mappable: what a site's declared table may become this format with; None: it may not.
    version: raised when the reader's output changes; kept in the ledger.
    """

    name: str
    looked_for: str
    recognise: Callable[[Probe], bool]
    read: Callable[[RawFile, Site], Iterator[pa.RecordBatch]]
    raw: RawSchema
    companions: Callable[[Path], list[Path]] = field(default=lambda path: [])
    version: int = 1
    declared: Callable[[Probe, Site], bool] = field(default=lambda probe, site: False)
    mappable: Mappable | None = None


CARRY = ("file_id", "file_row", "site_id", "format", "problem", "record")
"""Columns of a raw frame on Spark that `conform` must pass on untouched, beside the raw columns that it maps.

record: the raw record as a struct, kept whole in quarantine.
"""

Conform = Callable[["DataFrame", Site], "dict[str, DataFrame]"]
"""Maps raw records to conformed rows: {table name: frame of CARRY, content columns, event_time, known_time}.

A pure function on Spark expressions. Columns of the declaration that it does not deliver are null. Every raw
record must reach at least one table. Text that is no number becomes null through `try_cast`; where that would hide
a mistake, `conform` adds to `problem` (see `ingestion.conforming`).
"""

Derive = Callable[["dict[str, DataFrame]", "Callable[[str], DataFrame]"], "DataFrame"]
"""Builds rows of a derived table: (rows accepted in this batch by table, current view of a table by name) -> frame.

The frame has the derived table's content columns, event_time, known_time, site_id, file_id and file_row (lineage of
one input row each). Rows that equal the current version are dropped by the pipeline.
"""


ArrowConform = Callable[[Mapping[str, pa.Array], Site], "dict[str, pa.Array]"]
"""Maps raw records to rows in the worker that read them: (columns by name, texts dictionary-encoded) -> columns.

What it does not return is taken from the raw record as it stands. The rows are those that `conform` gives of the same
records; a source has both where its files hold many millions of rows (see `ingestion.weighing`).
"""


@dataclass(frozen=True)
class Direct:
    """Raw records of which each is a row of one table: staged by the worker that read them."""

    table: str
    conform: ArrowConform


@dataclass(frozen=True)
class Derived:
    """A table that ingestion computes from other tables: rebuilt for the keys that a batch touched."""

    table: str
    inputs: tuple[str, ...]
    derive: Derive


@dataclass(frozen=True)
class Source:
    """One source: its formats in the order in which they are tried, and how its raw records are conformed.

    direct: by raw schema, how workers conform its records themselves; where absent, Spark does.
    """

    name: str
    description: str
    formats: tuple[Format, ...]
    conform: Mapping[str, Conform]
    derived: tuple[Derived, ...] = ()
    direct: Mapping[str, Direct] = field(default_factory=dict)

    def __post_init__(self) -> None:
        missing = {f.raw.name for f in self.formats} - set(self.conform)
        if missing:
            raise ValueError(f"source {self.name} has no conform for raw records {sorted(missing)}")


def recognise(formats: tuple[Format, ...], probe: Probe, site: Site | None = None) -> Format | None:
    """The first format that knows the file, or None. What the site declares goes before what a file says of itself."""
    if site is not None and (declared := next((f for f in formats if f.declared(probe, site)), None)):
        return declared
    return next((f for f in formats if f.recognise(probe)), None)


__all__ = [
    "CARRY",
    "ArrowConform",
    "Conform",
    "Derive",
    "Derived",
    "Direct",
    "Format",
    "Mappable",
    "Probe",
    "RawColumn",
    "RawFile",
    "RawSchema",
    "Source",
    "recognise",
]
